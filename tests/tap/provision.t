# create_tenant(), rotate_password(), drop_tenant(), against a real Vault and by real logins.
#
#  1. a created tenant: a role without a password here, a password that only Vault holds, and beside
#     it the verifier that PostgreSQL itself would have made of it
#  2. again: nothing happens
#  3. a rotated password counts at once, the old one is refused at once, the secret's other fields stay
#  4. a dropped tenant: nobody logs in, Vault keeps the versions unless told to destroy them
#  5. many at the same time: one tenant, one role, one password
#  6. ROLLBACK: repeating finishes what was left
#  7. what is refused: names, roles, secrets, readers; and nothing has happened then
#  8. another writer: check-and-set
#  9. who may call, and what that lets him do
# 10. a Vault that is silent holds up nobody for long, however many wait for one another
# 11. no password in the server's log
use strict;
use warnings;

use IPC::Run ();
use LoginNode;
use RawClient;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
my $node = LoginNode->create('main', vault => $vault, conf => "log_statement = all\nlog_min_messages = debug1\n",
    settings => { $vault->approle('server'), max_request_rate => 1000 });
$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);
my @passwords; # all that there ever were

sub password
{
    my ($tenant) = @_;
    my $password = $vault->tenant_secret($tenant)->{password};
    push @passwords, $password;
    return $password;
}

sub refused
{
    my ($sql, $sqlstate, $pattern, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = $node->ask($sql);
    return ok($answer->{sqlstate} eq $sqlstate && "$answer->{message} $answer->{hint}" =~ $pattern, $name)
      || diag "$answer->{out} $answer->{err}";
}

sub roles { return $node->value(q{SELECT count(*) FROM pg_roles}); }
sub requests { my ($mark) = @_; return $vault->audit_count(path => qr{^secret/}, since => $mark); }

### 1

is($node->value(q{SELECT tenant_vault.create_tenant('acme')}), '1', 'create_tenant() returns the version');
my $secret = $vault->tenant_secret('acme');
is_deeply([sort keys %$secret], [qw(password scram_verifier username)], 'the secret in Vault has user, password and verifier');
is($secret->{username}, 'acme_app', '... the user is the role');
like($secret->{password}, qr/^[A-Za-z0-9]{32}$/, '... the password is 32 letters and digits');
my $first = password('acme');
is($node->value(q{SELECT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb FROM pg_roles WHERE rolname = 'acme_app'}),
    't', 'the role can log in and nothing else');
is($node->value(q{SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'acme_app'}), 't', '... and has no password here');
logs_in($node, 'acme_app', $first, 'the password in Vault logs in');
is_locked_out($node, 'acme_app', 'wrong', '... and no other');
my $pooled = q{SELECT passwd FROM tenant_vault.pgbouncer_auth('acme_app')};
is($node->value($pooled), $secret->{scram_verifier}, 'login and PgBouncer use the verifier as it was written');
$vault->put_tenant('acme', { username => 'acme_app', password => $first });
$node->value(q{SELECT tenant_vault.refresh('acme')});
is($node->value($pooled), $secret->{scram_verifier}, 'PostgreSQL derives the very same one of the password');

is($node->value(q{SELECT tenant_vault.create_tenant('beta', 'Beta; "app"', 'db.example', 6432, 'beta db')}), '1',
    'role, host, port and database can be named');
$secret = $vault->tenant_secret('beta');
is_deeply([@$secret{qw(username host port dbname)}], ['Beta; "app"', 'db.example', '6432', 'beta db'], '... and stand in the secret');
logs_in($node, 'Beta; "app"', password('beta'), '... and such a role logs in');

### 2

my $answer = $node->ask(q{SELECT tenant_vault.create_tenant('acme')});
is($answer->{out}, '2', 'a second call returns the version that there is');
like($answer->{err}, qr/NOTICE: .* has a secret already, which is kept/, '... and says so');
is($vault->tenant_version('acme'), 2, '... and writes nothing');
logs_in($node, 'acme_app', $first, '... and the password is what it was');

### 3

is($node->value(q{SELECT tenant_vault.rotate_password('acme')}), '3', 'rotate_password() returns the new version');
my $second = password('acme');
isnt($second, $first, '... which has another password');
logs_in($node, 'acme_app', $second, '... that logs in at once');
is_locked_out($node, 'acme_app', $first, '... while the old one is refused at once');
is($node->value(q{SELECT tenant_vault.secret_value('dev/tenants/acme/database', 'password')}), $second, '... and the secret reads so too');
$vault->put_tenant('gamma', { username => 'g', password => 'old', host => 'h.example', port => 1234, sslmode => 'require' });
$answer = $node->ask(q{SELECT tenant_vault.rotate_password('gamma')});
is($answer->{out}, '2', 'a tenant that somebody else has made is rotated too');
like($answer->{err}, qr/WARNING: .*no role of this server is bound to tenant "gamma"/, '... with a warning, because nothing here checks that password');
$secret = $vault->tenant_secret('gamma');
password('gamma');
is_deeply([@$secret{qw(username host port sslmode)}], ['g', 'h.example', 1234, 'require'], '... and its other fields stay');

sub session
{
    my ($secret) = @_;
    local %ENV = $node->_get_env;
    $ENV{PGPASSWORD} = $secret;
    my %session = (in => "SELECT 'begun';\n", out => '', err => '');
    $session{run} = IPC::Run::start(['psql', '-XAtq', '-d', 'dbname=postgres user=acme_app host=' . $node->host],
        '<', \$session{in}, '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(60));
    $session{run}->pump until $session{out} =~ /begun/;
    return \%session;
}
my $alive = q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'acme_app'};
my $session = session($second);
$node->value(q{SELECT tenant_vault.rotate_password('acme')});
is($node->value($alive), '1', 'a session outlives the rotation');
$node->value(q{SELECT tenant_vault.rotate_password('acme', terminate => true)});
is($node->value($alive), '0', '... unless the sessions are to be ended');
$session->{run}->kill_kill;
logs_in($node, 'acme_app', password('acme'), '... and the new password logs in');

# Whoever has the old password may have begun to prove it, and take his time.
my $leaked = password('acme');
my @early = map { my $client = RawClient->connect($node); $client->startup('acme_app'); [$client, $client->begin_scram] } 1 .. 5;
$answer = $node->ask(q{SELECT tenant_vault.rotate_password('acme', terminate => true)});
is($answer->{err}, '', 'exchanges that have begun hold up no rotation');
$_->[0]->prove($_->[1], $leaked) for @early;
is(scalar(grep { ($_->[0]->outcome // {})->{in} } @early), 0, '... and none of them comes in by the old password');
logs_in($node, 'acme_app', password('acme'), '... as the new one does');

### 4

my $before;
my $last = password('acme');
$session = session($last);
$node->value(q{CREATE ROLE reader LOGIN; SELECT tenant_vault.grant_tenant('acme', 'reader')});
is($node->value(q{SELECT tenant_vault.drop_tenant('acme', terminate => true)}), '6', 'drop_tenant() returns the version that it deletes');
is($node->value($alive), '0', '... its sessions are ended');
$session->{run}->kill_kill;
is($node->value(q{SELECT to_regrole('acme_app') IS NULL}), 't', '... its role is gone');
is($vault->tenant_secret('acme'), undef, '... its secret deleted');
is($vault->tenant_secret('acme', version => 4)->{username}, 'acme_app', '... Vault keeps the versions');
is_locked_out($node, 'acme_app', $last, '... and nobody logs in');
is($node->value(q{SELECT count(*) FROM tenant_vault.tenant_grant}), '0', '... what others were granted of it is over');
is($node->value(q{SELECT tenant_vault.drop_tenant('acme') IS NULL}), 't', 'a second call finds nothing');
is($node->value(q{SELECT tenant_vault.create_tenant('acme')}), '7', 'a dropped tenant can be created again');
isnt(password('acme'), $last, '... with a password of its own');
logs_in($node, 'acme_app', password('acme'), '... that logs in');
is($node->value(q{SELECT tenant_vault.drop_tenant('acme', destroy => true)}), '7', 'dropped, and destroyed');
is($vault->tenant_version('acme'), 0, '... Vault keeps nothing');
is($node->value(q{SELECT tenant_vault.create_tenant('acme')}), '1', 'a destroyed tenant can be created again');
is($node->value(q{SELECT tenant_vault.drop_tenant('nobody') IS NULL}), 't', 'a tenant that never was can be dropped');
$node->value(q{CREATE TABLE kept (); ALTER TABLE kept OWNER TO acme_app});
$answer = $node->ask(q{SELECT tenant_vault.drop_tenant('acme')});
like($answer->{err}, qr/NOTICE: .*role acme_app owns something.*cannot log in/, 'a role that owns something is kept');
is($node->value(q{SELECT rolpassword IS NULL AND NOT rolcanlogin FROM pg_authid WHERE rolname = 'acme_app'}), 't', '... without a password, and without LOGIN');
refused(q{SELECT tenant_vault.create_tenant('acme')}, '42710', qr/acme_app.*enroll/, '... and is nobody\'s then');
$node->value(q{DROP TABLE kept; DROP ROLE acme_app});

### 5

my @answers = $node->sessions([(q{SELECT tenant_vault.create_tenant('crowd')}) x 8]);
is_deeply([map { "$_->{exit} $_->{out}" } @answers], [('0 1') x 8], 'eight who create the same tenant at once all find one') or diag explain \@answers;
is($vault->tenant_version('crowd'), 1, '... written once');
logs_in($node, 'crowd_app', password('crowd'), '... whose password logs in');
@answers = $node->sessions([map {"SELECT tenant_vault.create_tenant('crowd-$_')"} 1 .. 40]);
is(scalar(grep { $_->{exit} == 0 && $_->{out} eq '1' } @answers), 40, 'forty tenants are created at once') or diag explain [map { $_->{err} } @answers];
@answers = $node->sessions([(q{SELECT tenant_vault.rotate_password('crowd')}) x 8]);
is_deeply([sort map { $_->{out} } @answers], [2 .. 9], 'eight who rotate at once get a version each') or diag explain \@answers;
logs_in($node, 'crowd_app', password('crowd'), '... and the last password logs in');

### 6

$node->value(q{BEGIN; SELECT tenant_vault.create_tenant('undone'); ROLLBACK});
is($node->value(q{SELECT to_regrole('undone_app') IS NULL}), 't', 'rolled back: there is no role');
my $undone = password('undone');
is($node->value(q{SELECT tenant_vault.create_tenant('undone')}), '1', '... and creating again takes the secret that is there');
logs_in($node, 'undone_app', $undone, '... whose password logs in');
$node->value(q{BEGIN; SELECT tenant_vault.rotate_password('undone'); ROLLBACK});
logs_in($node, 'undone_app', password('undone'), 'a rotation that is rolled back counts all the same');
is_locked_out($node, 'undone_app', $undone, '... and the old password does not');
$node->value(q{BEGIN; SELECT tenant_vault.drop_tenant('undone'); ROLLBACK});
is_locked_out($node, 'undone_app', $passwords[-1], 'a drop that is rolled back has ended the logins');
is($node->value(q{SELECT tenant_vault.drop_tenant('undone') IS NULL AND to_regrole('undone_app') IS NULL}), 't', '... and dropping again finishes it');

### 7

my $roles = roles();
my $mark = $vault->audit_mark;
refused("SELECT tenant_vault.$_", '22023', qr/tenant/, "refused: $_")
  for q{create_tenant('../acme')}, q{create_tenant('')}, q{create_tenant('Acme')}, q{create_tenant('a/b')}, q{rotate_password('%2e')},
  q{drop_tenant('..')}, qq{create_tenant('@{['x' x 60]}')}, q{create_tenant('a', 'pg_app')}, q{create_tenant('a', '')}, q{create_tenant('a', 'public')};
refused(q{SELECT tenant_vault.create_tenant('a', host => 'a b')}, '22023', qr/host/, 'refused: a host with a blank');
refused(q{SELECT tenant_vault.create_tenant('a', port => 65536)}, '22023', qr/port/, 'refused: a port beyond 65535');
refused(q{SELECT tenant_vault.create_tenant('a', dbname => '')}, '22023', qr/database/, 'refused: an empty database name');
$node->value(q{CREATE ROLE somebody LOGIN PASSWORD 'his own'});
refused(q{SELECT tenant_vault.create_tenant('a', 'somebody')}, '42710', qr/somebody/, 'refused: a role that is there already');
refused(q{SELECT tenant_vault.create_tenant('a', 'crowd_app')}, '42710', qr/crowd_app/, "refused: another tenant's role");
refused(q{SELECT tenant_vault.create_tenant('a', 'tenant_vault_login')}, '42710', qr/tenant_vault_login/, 'refused: the login group');
is($node->value(q{SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'somebody'}), 't', '... whose password is left alone');
refused("BEGIN READ ONLY; SELECT tenant_vault.$_", '25006', qr/read-only/, "refused in a read-only transaction: $_")
  for q{create_tenant('a')}, q{rotate_password('crowd')}, q{drop_tenant('crowd')};
$node->value('DROP ROLE somebody');
is(requests($mark), 0, '... all without a request to Vault');
is(roles(), $roles, '... and without a role');

$vault->put_tenant('other', { username => 'somebody_else', password => 'x' });
refused(q{SELECT tenant_vault.create_tenant('other')}, '22000', qr/another user/, q{refused: a secret that is another user's});
$vault->put_tenant('url', { url => 'postgresql://somebody_else:p@h/d' });
refused(q{SELECT tenant_vault.create_tenant('url')}, '22000', qr/another user \("somebody_else"\) than "url_app"/, q{refused: another user's by its url});
$node->value(q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'});
$node->value('CREATE EXTENSION tenant_vault', dbname => 'latin');
for my $name (q{role => 'm' || chr(252) || 'ller'}, q{dbname => 'm' || chr(252) || 'ller'}) {
    $answer = $node->ask("SELECT tenant_vault.create_tenant('latin', $name)", dbname => 'latin');
    is($answer->{sqlstate}, '22021', "refused: what is not UTF-8 in the catalog, $name") or diag $answer->{err};
}
is($vault->tenant_version('latin'), 0, '... and Vault has nothing of it');
is($node->value(q{SELECT tenant_vault.create_tenant('latin', 'm' || chr(195) || chr(188) || 'ller')}, dbname => 'latin'), '1', 'what is, is taken');
logs_in($node, "m\xc3\xbcller", password('latin'), '... and the name in the secret logs in');
is($vault->tenant_secret('latin')->{username}, "m\x{fc}ller", '... which is this one');
$roles = roles();
$vault->put_tenant('url', { url => 'postgresql://u:p@h/d' });
refused(q{SELECT tenant_vault.rotate_password('url')}, '22000', qr/"url"/, 'refused: rotating what stands in a url');
refused(q{SELECT tenant_vault.rotate_password('nobody')}, '42704', qr/create_tenant/, 'refused: rotating what is not there');
$vault->put_policy('tenant_vault', $VaultServer::TENANT_POLICY);
refused(q{SELECT tenant_vault.create_tenant('denied')}, '42501',
    qr{path "secret/data/saas-project/dev/tenants/denied/database" \{ capabilities = \["create"\] \}}, 'no policy to create: the line is named');
refused(q{SELECT tenant_vault.rotate_password('crowd')}, '42501',
    qr{path "secret/data/saas-project/dev/tenants/crowd/database" \{ capabilities = \["update"\] \}}, 'no policy to rotate: the line is named');
refused(q{SELECT tenant_vault.drop_tenant('crowd')}, '42501',
    qr{path "secret/data/saas-project/dev/tenants/crowd/database" \{ capabilities = \["delete"\] \}}, 'no policy to drop: the line is named');
refused(q{SELECT tenant_vault.drop_tenant('crowd', destroy => true)}, '42501',
    qr{path "secret/metadata/saas-project/dev/tenants/crowd/database" \{ capabilities = \["delete"\] \}}, 'no policy to destroy: the line is named');
is(roles(), $roles, '... and no role has come or gone');
logs_in($node, 'crowd_app', password('crowd'), '... and what was there logs in');
$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);

# What is written is of no use: the platform's template has gone.
my $platform = 'saas-project/dev/database';
my $template = $vault->api(GET => "secret/data/$platform")->{body}{data}{data};
$before = password('crowd');
$vault->delete_version($platform);
$node->value('SELECT tenant_vault.flush()');
refused(q{SELECT tenant_vault.create_tenant('bare')}, '22000', qr/version 1 of tenant "bare" is in Vault, but cannot be used yet/,
    'created, but of no use without a template: an error says so');
is($node->value(q{SELECT to_regrole('bare_app') IS NULL}), 't', '... and there is no role');
$answer = $node->ask(q{SELECT tenant_vault.rotate_password('crowd')});
is($answer->{exit}, 0, 'rotated, the same: no error, as the old password is gone') or diag $answer->{err};
like($answer->{err}, qr/WARNING: .*version \d+ of tenant "crowd" is in Vault, but cannot be used yet/, '... but a warning');
isnt($node->log_in('crowd_app', $before)->{exit}, 0, '... and nobody logs in by it');
$vault->put($platform, $template);
$node->value('SELECT tenant_vault.flush()');
logs_in($node, 'crowd_app', password('crowd'), 'the template is back: the new password logs in');
is($node->value(q{SELECT tenant_vault.create_tenant('bare')}), '1', '... and creating again finishes it');
logs_in($node, 'bare_app', password('bare'), '... with the password that was made first');

# KV version 1 has neither versions nor check-and-set.
$vault->api(POST => 'sys/mounts/kv1', { type => 'kv', options => { version => '1' } });
$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY . 'path "kv1/*" { capabilities = ["create", "read", "update", "delete", "list"] }');
$vault->api(POST => 'kv1/saas-project/dev/database', { tenant_url_template => 'postgresql://db.example/{tenant}' });
$vault->api(POST => 'kv1/' . $vault->tenant_path('old'), { username => 'old_app', password => 'x' });
$node->change_settings(kv_mount => 'kv1');
$node->wait_until(sub { $node->ask(q{SELECT tenant_vault.conninfo('old')})->{exit} == 0 });
for my $call (q{create_tenant('new')}, q{rotate_password('old')}, q{drop_tenant('old')}) {
    refused("SELECT tenant_vault.$call", '42809', qr/KV version 1/, "refused on KV version 1: $call");
}
is($vault->api(GET => 'kv1/' . $vault->tenant_path('old'))->{body}{data}{password}, 'x', '... and nothing is changed there');
is($vault->api(GET => 'kv1/' . $vault->tenant_path('new'), undef, may_fail => 1)->{status}, 404, '... or written');
$node->change_settings(kv_mount => undef);
$node->wait_until(sub { $node->ask(q{SELECT tenant_vault.conninfo('crowd')})->{exit} == 0 });

### 8

# The fetcher reads, then somebody else writes, then the fetcher: a lock of Vault's own would be
# needed to order that, so both try until it happens.
my $conflicts = 0;
for my $try (1 .. 100) {
    my $rotations = $node->start_sessions([(join ';', (q{SELECT tenant_vault.rotate_password('crowd')}) x 20)]);
    $vault->put_tenant('crowd', { username => 'crowd_app', password => "by hand $_" }) for 1 .. 10;
    my ($rotated) = $node->finish_sessions($rotations);
    next if $rotated->{exit} == 0;
    is($rotated->{sqlstate}, '40001', 'somebody else has written meanwhile: nothing is overwritten, and the error says so') or diag $rotated->{err};
    $conflicts++;
    last;
}
ok($conflicts, '... it did happen');
$node->value(q{SELECT tenant_vault.rotate_password('crowd')});
logs_in($node, 'crowd_app', password('crowd'), '... and the next rotation counts');

### 9

$node->value(q{CREATE ROLE provisioner LOGIN; CREATE ROLE victim LOGIN SUPERUSER});
refused(q{SET SESSION AUTHORIZATION provisioner; SELECT tenant_vault.create_tenant('theirs')}, '42501', qr/permission denied/, 'nobody may call it at first');
$node->value(q{GRANT USAGE ON SCHEMA tenant_vault TO provisioner;
    GRANT EXECUTE ON FUNCTION tenant_vault.create_tenant(text, text, text, integer, text), tenant_vault.rotate_password(text, boolean),
        tenant_vault.drop_tenant(text, boolean, boolean) TO provisioner});
is($node->ask(q{SET SESSION AUTHORIZATION provisioner; SELECT tenant_vault.create_tenant('theirs')})->{out}, '1', 'whoever may execute it creates tenants');
is($node->value(q{SELECT count(*) FROM pg_auth_members WHERE member = 'provisioner'::regrole}), '0', '... and becomes no member of their roles');
refused(q{SET SESSION AUTHORIZATION provisioner; SELECT tenant_vault.create_tenant('theirs', 'victim')}, '42710', qr/victim/, '... but gets no role that was there');
refused(q{SET SESSION AUTHORIZATION provisioner; SELECT * FROM tenant_vault.credentials('theirs')}, '42501', qr/./, '... and reads no password');
is($node->ask(q{SET SESSION AUTHORIZATION provisioner; SELECT tenant_vault.rotate_password('theirs')})->{out}, '2', '... rotates');
is($node->ask(q{SET SESSION AUTHORIZATION provisioner; SELECT tenant_vault.drop_tenant('theirs')})->{out}, '2', '... and drops');

### 10

$node->change_settings(request_timeout => '2s');
$vault->freeze;
my $began = time;
@answers = $node->sessions([map {"SELECT tenant_vault.create_tenant('waits-$_')"} 1 .. 12]);
my $took = time - $began;
$vault->thaw;
is(scalar(grep { $_->{sqlstate} =~ /^(58000|55P03)$/ } @answers), 12, 'twelve who create tenants while Vault is silent are told so') or diag explain [map { $_->{err} } @answers];
cmp_ok($took, '<', 16, '... together, not one after the other'); # 12 x 2 s
is($node->value(q{SET lock_timeout = '5s'; SELECT tenant_vault.create_tenant('waits-1') > 0; SHOW lock_timeout}), "t\n5s", "... and who calls again succeeds, and keeps his own lock_timeout");

### 11

my $log = $node->log_since(0);
is(scalar(grep { index($log, $_) >= 0 } @passwords), 0, 'no password in the server\'s log, with every statement logged');
ok(@passwords > 10, '... and there were some');

$node->stop;
done_testing;
