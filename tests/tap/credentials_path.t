# The main job: a tenant's credentials, out of a real Vault, through SQL, and of use to a client.
#
#  1. credentials, conninfo, database_url give what lies in Vault
#  2. psql connects with what conninfo and database_url gave, whatever characters the password has
#  3. a changed password is picked up: by refresh at once, else after cache_ttl
#  4. a secret by its path, one version of it, one value of it; the list of tenants
#  5. grants decide who may read whose credentials
#  6. parallel workers, prepared statements and PL/pgSQL see the same
#  7. however many sessions ask, there is one login
use strict;
use warnings;
use utf8;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
my $node =
    TenantVaultNode->create('main', vault => $vault, settings => { $vault->approle('server') });
my $host = $node->host;
my $port = $node->port;

$vault->put_template(
    "postgresql://{username}:{password}\@db.example:5433/{database_name}?sslmode=require");
$vault->put_tenant('acme', { username => 'acme_app', password => 'first' });

### 1

is_answer(
    $node->ask(
        q{SELECT host, port, dbname, username, password, sslmode, version, expires_at IS NULL
        FROM tenant_vault.credentials('acme')}
    ),
    'db.example|5433|acme|acme_app|first|require|1|t',
    'credentials() gives what template and secret say');
is_answer(
    $node->ask(q{SELECT tenant_vault.database_url('acme')}),
    'postgresql://acme_app:first@db.example:5433/acme?sslmode=require',
    'database_url() gives a URL');
like(
    $node->value(q{SELECT tenant_vault.conninfo('acme')}),
    qr/\bhost='?db\.example'? .*\bpassword='?first'?/,
    'conninfo() gives a keyword string');

### 2

my %password = (
    printable => join('', map {chr} 0x21 .. 0x7e),
    spaces => ' leading, middle  and trailing ',
    quotes => q{it's "quoted" \\ and \\'},
    url => '@:/?#%&=+;[]%40%zz',
    unicode => "grüße-пароль-密码-\x{1F511}",
    braces => '{tenant}{password}}{',);
$node->safe_psql('postgres', 'CREATE ROLE protected');
PostgreSQL::Test::Utils::append_to_file($node->data_dir . '/pg_hba.new',
    "local all +protected scram-sha-256\nlocal all all trust\n");
rename $node->data_dir . '/pg_hba.new', $node->data_dir . '/pg_hba.conf';
$node->reload;
for my $tenant (sort keys %password) {
    (my $literal = $password{$tenant}) =~ s/'/''/g;
    $node->value(
        "SET standard_conforming_strings = on;
        CREATE ROLE ${tenant}_app LOGIN IN ROLE protected PASSWORD '$literal'");
    $node->value("CREATE DATABASE $tenant");
    $vault->put_tenant(
        $tenant,
        {   username => "${tenant}_app",
            password => $password{$tenant},
            host => $host,
            port => "$port",
            sslmode => 'disable'
        });
    for my $function ('conninfo', 'database_url') {
        my $connection = $node->value("SELECT tenant_vault.$function('$tenant')");
        is(connect_with($connection),
            "$tenant|${tenant}_app", "psql logs in with $function() of a password with $tenant");
    }
    is($node->value("SELECT password FROM tenant_vault.credentials('$tenant')"),
        $password{$tenant}, "credentials() gives a password with $tenant unchanged");
}
isnt(connect_with("host=$host port=$port dbname=url user=url_app password=wrong"),
    'url|url_app', '... and a wrong password does not log in');

### 3

$vault->put_tenant('acme', { username => 'acme_app', password => 'second' });
is($node->value(q{SELECT password FROM tenant_vault.credentials('acme')}),
    'first', 'a changed password is not looked for while the entry is fresh');
$node->value(q{SELECT tenant_vault.refresh('acme')});
is_answer($node->ask(q{SELECT password, version FROM tenant_vault.credentials('acme')}),
    'second|2', 'refresh() picks up a changed password at once');
$vault->put_tenant('acme', { username => 'acme_app', password => 'third' });
$node->change_settings(cache_ttl => '500ms');
ok( $node->wait_until(
        sub { $node->value(q{SELECT password FROM tenant_vault.credentials('acme')}) eq 'third' },
        5
    ),
    'a changed password is picked up once the entry is older than cache_ttl');
$node->change_settings(cache_ttl => undef);

### 4

$vault->put('saas-project/dev/jwt', { secret_key => 'one', access_token_expires => '30' });
$vault->put('saas-project/dev/jwt', { secret_key => 'two', access_token_expires => '30' });
is($node->value(q{SELECT tenant_vault.secret('dev/jwt')->>'secret_key'}),
    'two', 'secret() gives the newest version');
is($node->value(q{SELECT tenant_vault.secret('dev/jwt', 1)->>'secret_key'}),
    'one', 'secret() gives the version asked for');
is($node->value(q{SELECT tenant_vault.secret_value('dev/jwt', 'secret_key')}),
    'two', 'secret_value() gives one value');
is( $node->value(q{SELECT string_agg(t, ',' ORDER BY t) FROM tenant_vault.tenants() t}),
    join(',', sort('acme', keys %password)),
    'tenants() lists the tenants of this environment');

### 5

$node->value('CREATE ROLE plain LOGIN');
is_refused(
    $node->ask(q{SELECT tenant_vault.conninfo('acme')}, user => 'plain'),
    '42501',
    qr/permission denied/,
    'a role without a grant is refused',
    no_hint => 1);
$node->value(q{SELECT tenant_vault.grant_tenant('acme', 'plain')});
like($node->value(q{SELECT tenant_vault.conninfo('acme')}, user => 'plain'),
    qr/third/, 'a role with a grant is answered');
is_refused(
    $node->ask(q{SELECT tenant_vault.conninfo('url')}, user => 'plain'),
    '42501', qr/url/,
    '... and refused another tenant',
    no_hint => 1);
$node->value(q{SELECT tenant_vault.revoke_tenant('acme', 'plain')});
is_refused(
    $node->ask(q{SELECT tenant_vault.conninfo('acme')}, user => 'plain'),
    '42501',
    qr/permission denied/,
    'a role whose grant was revoked is refused',
    no_hint => 1);

### 6

my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
is( $node->value(
        "SET $parallel = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
        SELECT count(*) FROM pg_class WHERE tenant_vault.conninfo('acme') LIKE '%third%' HAVING count(*) > 1"
    ) > 1,
    1,
    'a query that is made to run in parallel is answered');
is( $node->value(
        q{PREPARE p AS SELECT password FROM tenant_vault.credentials($1); EXECUTE p('acme')}),
    'third',
    'a prepared statement is answered');
is_answer(
    $node->ask(
        q{DO $$ DECLARE c text; BEGIN FOR i IN 1..1000 LOOP c := tenant_vault.conninfo('acme'); END LOOP; END $$;
        SELECT 'done'}
    ),
    'done',
    'PL/pgSQL asks a thousand times');

### 7

my @answers =
    $node->sessions([map {"SELECT password FROM tenant_vault.credentials('acme')"} 1 .. 20]);
all_answer(\@answers, 'third', 'twenty sessions are answered');
is($vault->logins, 1, 'there was one login all the while');

$node->stop;
done_testing();

sub _bytes { my ($text) = @_; utf8::encode($text); return $text; }

# What psql prints when it connects by that string; '' where it cannot.
sub connect_with
{
    my ($connection) = @_;
    my ($out, $err) = ('', '');
    local $ENV{PGPASSFILE} = '/dev/null';
    IPC::Run::run(
        [   'psql', '-XAtqw',
            '-d', _bytes($connection),
            '-c', 'SELECT current_database(), session_user'
        ],
        '<',
        \undef,
        '>',
        \$out,
        '2>',
        \$err);
    chomp $out;
    note $err if $err;
    return $out;
}
