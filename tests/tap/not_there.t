# What is not there, not permitted, or of no use: each kind has its own words, SQLSTATE and hint.
#
#  1. missing path, deleted version, destroyed version, version that never was, missing mount,
#     wrong namespace, KV v1 mount behind a v2 setting
#  2. permission denied names the path and the capability that is missing
#  3. tenant names and paths that are refused before any request is made
#  4. a tenant without a secret, with and without a template
#  5. templates that cannot be filled in
#  6. secrets of no use: password a number, null, nested, empty, 100 kB; no message shows a value
#  7. KV v1, and a mount that is upgraded to v2 meanwhile
use strict;
use warnings;

use AnswerChecks;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), negative_ttl => 0 });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}
$vault->put_template('postgresql://shared@db.example/{tenant}');

### 1

is_refused($node->ask(q{SELECT tenant_vault.secret('dev/nothing')}),
    '42704', qr{saas-project/dev/nothing}, 'a missing path is named');
$vault->put('saas-project/dev/versions', { n => "$_" }) for 1 .. 4;
$vault->destroy_version('saas-project/dev/versions', 2);
$vault->delete_version('saas-project/dev/versions');    # the newest, 4
my %message;
for my $case (
    ['a missing path', q{'dev/nothing'}, qr/(nothing|no secret|not found)/],
    ['a deleted version', q{'dev/versions', 4}, qr/deleted/],
    ['a destroyed version', q{'dev/versions', 2}, qr/destroyed/],
    ['the newest version, deleted', q{'dev/versions'}, qr/deleted/],
    ['a version that never was', q{'dev/versions', 99}, qr/versions/])
{
    my ($what, $arguments, $words) = @$case;
    my $answer = $node->ask("SELECT tenant_vault.secret($arguments)");
    is_refused($answer, '42704', $words, "$what is an error of its own");
    $message{ $answer->{message} =~ s{dev/\w+}{}gr }++;
}
cmp_ok(scalar(keys %message), '>=', 3, 'missing, deleted, destroyed have different messages')
    or diag explain \%message;
like($node->value(q{SELECT tenant_vault.secret('dev/versions', 3)}),
    qr/"3"/, '... and another version is still to be had');

my $settle = sub {
    my ($expected, %settings) = @_;
    $node->change_settings(%settings);
    my $answer;
    $node->wait_until(sub { $answer = $node->ask(password('acme')); $answer->{err} =~ $expected },
        5);
    return $answer;
};
$vault->put_tenant('acme');
is_answer($node->ask(password('acme')), 's3cret of acme', 'the tenant is there');
my %as_root = (
    auth_method => 'token_file',
    token_file => $vault->credential_file('root', $vault->root_token));
is_refused(
    $settle->(qr/nomount/, %as_root, kv_mount => 'nomount'),
    '42704', qr/nomount/,
    'a missing mount is an error of its own',
    hint => qr/mount/);
is_refused(
    $settle->(qr/namespace/, kv_mount => undef, namespace => 'nowhere'),
    '42704', qr/namespace/,
    'a wrong namespace is an error of its own',
    hint => qr/namespace/);
$node->change_settings(namespace => undef, auth_method => undef, token_file => undef);
ok($node->wait_until(sub { $node->ask(password('acme'))->{out} eq 's3cret of acme' }, 5),
    'the right settings answer again');

### 2

$vault->put_policy('tenant_vault', $VaultServer::TENANT_POLICY . <<'END');
path "secret/data/saas-project/dev/hidden" { capabilities = ["deny"] }
path "secret/data/saas-project/dev/writeonly" { capabilities = ["create", "update"] }
END
for my $name ('hidden', 'writeonly') {
    my $answer = $node->ask("SELECT tenant_vault.secret('dev/$name')");
    is_refused(
        $answer, '42501',
        qr{secret/data/saas-project/dev/$name},
        "permission denied names the path ($name)");
    like(
        "$answer->{message} $answer->{hint}",
        qr/\bread\b/,
        '... and the capability that is missing');
}
like(
    $node->ask(q{SELECT tenant_vault.secret('dev/writeonly')})->{err},
    qr/create, ?update|update, ?create/,
    '... and those that are there');
$vault->put_policy('tenant_vault', <<'END');
path "secret/data/saas-project/*" { capabilities = ["read"] }
END
is_refused($node->ask('SELECT * FROM tenant_vault.tenants()'),
    '42501', qr{tenants}, 'permission denied for a list names the path');
$vault->put_policy('tenant_vault');

### 3

my $mark = $vault->audit_mark;
for my $name ('../etc', 'a/b', 'a%2fb', 'Acme', '', 'x' x 64, '-a', 'a b', "a\x{e9}", 'a.b', "a\nb")
{
    my $answer = $node->ask("SELECT tenant_vault.conninfo('$name')");
    (my $shown = $name) =~ s/\n/\\n/;
    utf8::encode($shown);
    is_refused($answer, '22023', qr/./, "a tenant named \"$shown\" is refused");
}
for my $path (
    '../x', '/x', 'x/', 'a//b', 'a/../b', 'a/./b',
    'a%2e', 'a?version=1', 'a#b', 'a\\b', '', 'x' x 600)
{
    is_refused(
        $node->ask("SELECT tenant_vault.secret('$path')"),
        '22023', qr/./,
        'a path "' . substr($path, 0, 20) . '" is refused',
        no_hint => 1);
}
is($vault->audit_count(since => $mark), 0, "... and Vault was not asked once");
is_answer($node->ask(q{SELECT dbname FROM tenant_vault.credentials('} . 'x' x 63 . q{')}),
    'x' x 63, 'a tenant name of 63 characters is good');

### 4

$vault->put_template('postgresql://shared@db.example/{database_name}?sslmode=require');
$node->value('SELECT tenant_vault.flush()');
is_answer(
    $node->ask(
        q{SELECT host, dbname, username, password IS NULL, version IS NULL FROM tenant_vault.credentials('bare')}
    ),
    'db.example|bare|shared|t|t',
    'a tenant without a secret uses the template alone');
$vault->put_template('postgresql://{username}:{password}@db.example/{tenant}');
$node->value('SELECT tenant_vault.flush()');
is_refused($node->ask(password('bare')),
    '42704', qr/bare/, 'a tenant without a secret that the template needs is an error');
$vault->delete_metadata('saas-project/dev/database');
$node->value('SELECT tenant_vault.flush()');
is_refused($node->ask(password('bare')),
    '42704', qr/bare/, 'a tenant without a secret and without a template is an error');
$vault->put_tenant('alone', { url => 'postgresql://u:p@h:1/d' });
is_answer($node->ask(q{SELECT tenant_vault.database_url('alone')}),
    'postgresql://u:p@h:1/d', 'a secret with a url needs no template');

### 5

for my $case (
    [   'an unknown placeholder', 'postgresql://db.example/{tenant}?application_name={nonsense}',
        qr/nonsense/
    ],
    ['an unbalanced opening brace', 'postgresql://db.example/{tenant', qr/unbalanced "\{"/],
    ['an unbalanced closing brace', 'postgresql://db.example/tenant}', qr/unbalanced "\}"/],
    ['no placeholder', 'postgresql://db.example/everybody', qr/placeholder|tenant/],
    ['no URL', 'not a url {tenant}', qr/template|URL/i])
{
    my ($what, $template, $words) = @$case;
    $vault->put_template($template);
    $node->value('SELECT tenant_vault.flush()');
    is_refused($node->ask(password('acme')), '22000', $words, "a template with $what is an error");
}
$vault->put_template('postgresql://db.example/{tenant}');
$node->value('SELECT tenant_vault.flush()');
is_answer($node->ask(password('acme')), 's3cret of acme', 'a mended template answers');

### 6

my $log = $node->log_mark;
for my $case (
    ['a number', 4711471147],
    ['null', undef],
    ['nested', { inner => 'VALUE-inner' }],
    ['a list', ['VALUE-list']],
    ['true', JSON::PP::true()],
    ['empty', ''],
    ['100 kB', 'VALUE-huge' . 'x' x 100_000])
{
    my ($what, $password) = @$case;
    $vault->put_tenant('odd', { username => 'u', password => $password, host => 'h' });
    $node->value('SELECT tenant_vault.flush()');
    my $answer = $node->ask(password('odd'));
    is_refused($answer, '22000', qr/password/,
        "a password that is $what is an error that names the field");
    unlike($answer->{err}, qr/VALUE|4711/, '... and does not show the value');
}
for my $case (
    [   'a misspelt field',
        { username => 'u', password => 'VALUE-x', sslmod => 'require' }, qr/sslmod/
    ],
    [   'a field that makes a client read files',
        { username => 'u', password => 'VALUE-x', passfile => '/etc/passwd' }, qr/passfile/
    ],
    [   'a port that is none',
        { username => 'u', password => 'VALUE-x', port => '99999999' }, qr/port/
    ],
    ['a url beside keywords', { url => 'postgresql://h/d', password => 'VALUE-x' }, qr/url/])
{
    my ($what, $secret, $words) = @$case;
    $vault->put_tenant('odd', $secret);
    $node->value('SELECT tenant_vault.flush()');
    my $answer = $node->ask(password('odd'));
    is_refused($answer, '22000', $words, "$what is an error that names it");
    unlike($answer->{err}, qr/VALUE/, '... and does not show a value');
}
unlike($node->log_since($log), qr/VALUE|4711471147/, '... nor does the server log');

### 7

$vault->api(POST => 'sys/mounts/old', { type => 'kv', options => { version => '1' } });
$vault->put_policy('tenant_vault',
    $VaultServer::TENANT_POLICY . 'path "old/*" { capabilities = ["read", "list"] }');
$vault->api(
    POST => 'old/saas-project/dev/tenants/acme/database',
    { username => 'u', password => 'of v1', host => 'h' });
$node->change_settings(kv_mount => 'old');
ok($node->wait_until(sub { $node->ask(password('acme'))->{out} eq 'of v1' }, 5),
    'a KV v1 mount is read as such')
    or diag $node->ask(password('acme'))->{err};
is_answer(
    $node->ask(q{SELECT version IS NULL, expires_at IS NULL FROM tenant_vault.credentials('acme')}),
    't|t', '... where there are no versions, and lease_duration is no lease');

# The mount becomes v2 while the extension knows it as v1: noticed, and never a wrong answer.
$vault->api(POST => 'sys/mounts/old/tune', { options => { version => '2' } });
$vault->put_policy('tenant_vault', 'path "old/*" { capabilities = ["read", "list"] }');
ok( $node->wait_until(
        sub {
            $vault->api(
                GET => 'old/data/saas-project/dev/tenants/acme/database',
                undef, may_fail => 1
            )->{status} == 200;
        },
        20
    ),
    'the mount is upgraded to KV v2');
my @seen;
ok( $node->wait_until(
        sub {
            my $answer = $node->ask(q{SELECT tenant_vault.refresh('acme')});
            push @seen, $answer->{err} if $answer->{exit};
            $answer->{exit} == 0;
        },
        15
    ),
    '... and is read as such before long'
) or diag $seen[-1];
is(scalar(grep { !/: (42809|58000): / } @seen),
    0, '... with no error meanwhile but one that says what has happened')
    or diag $seen[0];
is_answer($node->ask(q{SELECT password, version FROM tenant_vault.credentials('acme')}),
    'of v1|1', '... with what was in it');

$node->stop;
done_testing();
