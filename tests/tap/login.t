# Tenants log in with a password that only Vault holds.
#
#  1. psql, psycopg and asyncpg log in with the password in Vault; pg_authid holds none
#  2. wrong, empty, no password; an unknown role: PostgreSQL's own words
#  3. a tenant without a secret; malformed secrets; scram_verifier beside and instead of a password
#  4. VALID UNTIL, NOLOGIN, connection limits, reject lines, an unknown database
#  5. replication connections, physical and logical; cancel requests
#  6. who is named in the log and by SYSTEM_USER
#  7. a password rotated in Vault: at the second attempt, at the first after login_max_age; deleted
#  8. label removed, role dropped and recreated
#  9. a member with a password of his own; a labelled role on another trust line
# 10. 50 logins at once on a cold cache: one request; the verifier is derived once
# 11. an enrolled role reads its own tenant's credentials
use strict;
use warnings;

use AnswerChecks;
use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for qw(acme beta);
my $node = LoginNode->create('main', vault => $vault, streaming => 1,
    settings => { $vault->approle('server'), login_max_age => '30s', negative_ttl => '100ms' });
$node->enroll("${_}_app", $_) for qw(acme beta);

### 1

logs_in($node, 'acme_app', 's3cret of acme', 'an enrolled role logs in with the password in Vault');
logs_in($node, 'acme_app', 's3cret of acme', '... by TCP too', host => '127.0.0.1');
is($node->value(q{SELECT count(*) FROM pg_authid WHERE rolname = 'acme_app' AND rolpassword IS NULL}), '1',
    'pg_authid holds no password of it');
for my $driver ('psycopg', 'asyncpg') {
    python_logs_in($node, $driver, 'acme_app', 's3cret of acme', "$driver logs in");
    python_logs_in($node, $driver, 'acme_app', 'wrong', '... and is refused with a wrong password',
        error => qr/password authentication failed for user "acme_app"/);
}
my $strange = join '', map { chr } 32 .. 126;
utf8::encode(my $umlaut = "p\x{e4}ss w\x{f6}rd \x{2168}");
$vault->put_tenant('strange', { username => 'strange_app', password => $strange });
$node->enroll('strange_app', 'strange');
logs_in($node, 'strange_app', $strange, 'a password with every printable character');
$vault->put_tenant('umlaut', { username => 'umlaut_app', password => "p\x{e4}ss w\x{f6}rd \x{2168}" });
$node->enroll('umlaut_app', 'umlaut');
logs_in($node, 'umlaut_app', $umlaut, 'a password that SASLprep changes');

### 2

is_locked_out($node, 'acme_app', 'wrong', 'a wrong password is refused');
is_locked_out($node, 'acme_app', 's3cret of beta', "another tenant's password is refused");
is_locked_out($node, 'acme_app', '', 'an empty password is refused', message => qr/no password supplied|password authentication failed/);
is_locked_out($node, 'acme_app', undef, 'no password is refused', message => qr/no password supplied/);
is_locked_out($node, 'nobody', 's3cret of acme', 'an unknown role is refused in the same words');
unlike($node->log_since, qr/s3cret/, 'no password is in the log');

### 3

$node->enroll('ghost_app', 'ghost');
is_locked_out($node, 'ghost_app', 'x', 'a tenant without a secret is refused in the same words');
like($node->log_since, qr/tenant "ghost".*no|not found/, '... and the log says why');
for my $case (
    ['a password that is a number', { username => 'x', password => 17 }],
    ['a password that is null', { username => 'x', password => undef }],
    ['an empty password', { username => 'x', password => '' }],
    ['a nested password', { username => 'x', password => { a => 'b' } }],
    ['a scram_verifier of another kind', { username => 'x', password => 'x', scram_verifier => 'md5abc' }],
    ['a malformed scram_verifier', { username => 'x', password => 'x', scram_verifier => 'SCRAM-SHA-256$4096:abc$def' }],
    ['a malformed scram_verifier alone', { username => 'x', scram_verifier => 'SCRAM-SHA-256$4096:!$x:y' }])
{
    my ($what, $secret) = @$case;
    $vault->put_tenant('ghost', $secret);
    sleep 0.15;
    $node->value(q{SELECT tenant_vault.flush()});
    my $password = ref $secret->{password} ? 'b' : $secret->{password} || 'x';
    is_locked_out($node, 'ghost_app', $password, "$what lets nobody in");
}
$node->value(q{CREATE ROLE scratch PASSWORD 'pw of the verifier'});
my $verifier = $node->value(q{SELECT rolpassword FROM pg_authid WHERE rolname = 'scratch'});
$vault->put_tenant('ghost', { username => 'x', scram_verifier => $verifier });
$node->value(q{SELECT tenant_vault.flush()});
logs_in($node, 'ghost_app', 'pw of the verifier', 'a scram_verifier instead of a password is enough');
$vault->put_tenant('ghost', { username => 'x', password => 'another', scram_verifier => $verifier });
$node->value(q{SELECT tenant_vault.flush()});
logs_in($node, 'ghost_app', 'pw of the verifier', 'a scram_verifier beside a password is used as it is');
my $beside = $node->log_mark;
is_locked_out($node, 'ghost_app', 'another', '... and that password is not tried');
like($node->log_since($beside), qr/scram_verifier, which counts whatever the password beside it is/, '... which the log explains');

### 4

sub beta_with { my ($attributes) = @_; $node->value("ALTER ROLE beta_app $attributes"); return; }
beta_with(q{VALID UNTIL '2001-01-01'});
is_locked_out($node, 'beta_app', 's3cret of beta', 'a role expired by VALID UNTIL is refused');
beta_with(q{VALID UNTIL '2101-01-01'});
logs_in($node, 'beta_app', 's3cret of beta', '... and let in before that');
beta_with('NOLOGIN');
is_locked_out($node, 'beta_app', 's3cret of beta', 'a NOLOGIN role is refused as ever', message => qr/role "beta_app" is not permitted to log in/);
beta_with('LOGIN CONNECTION LIMIT 0');
is_locked_out($node, 'beta_app', 's3cret of beta', 'a connection limit holds', message => qr/too many connections for role/);
beta_with('CONNECTION LIMIT -1');
is_locked_out($node, 'beta_app', 's3cret of beta', 'an unknown database is refused after the password', dbname => 'nowhere',
    message => qr/database "nowhere" does not exist/);
$node->write_hba('local all beta_app reject', $node->hba_lines);
$node->reload;
is_locked_out($node, 'beta_app', 's3cret of beta', 'a reject line above holds', message => qr/pg_hba.conf rejects connection/);
$node->write_hba($node->hba_lines);
$node->reload;
logs_in($node, 'beta_app', 's3cret of beta', '... until it is taken away');

### 5

beta_with('REPLICATION');
for my $kind (['physical', 'true'], ['logical', 'database']) {
    my ($what, $replication) = @$kind;
    my %how = (conninfo => "replication=$replication", sql => 'IDENTIFY_SYSTEM');
    logs_in($node, 'beta_app', 's3cret of beta', "a $what replication connection proves the password", %how,
        expect => $node->log_in('postgres', undef, %how)->{out});
    is_locked_out($node, 'beta_app', 'wrong', '... and is refused with a wrong one', %how);
}
beta_with('NOREPLICATION');
is_locked_out($node, 'acme_app', 's3cret of acme', 'a role without REPLICATION gets no walsender', conninfo => 'replication=true',
    sql => 'IDENTIFY_SYSTEM', message => qr/must be superuser or replication role|permission denied to start WAL sender/);
{
    local %ENV = $node->_get_env(PGPASSWORD => 's3cret of acme', PGUSER => 'acme_app');
    my $output = `timeout -s INT 1 psql -XAtqw -d postgres -c 'SELECT pg_sleep(20)' 2>&1`;
    like($output, qr/canceling statement due to user request/, 'a cancel request works');
}

### 6

my $mark = $node->log_mark;
logs_in($node, 'acme_app', 's3cret of acme', 'a login');
my $log = $node->log_since($mark);
like($log, qr/connection authenticated: identity="acme_app" method=scram-sha-256/, 'log_connections shows role and method');
like($log, qr/tenant_vault: role "acme_app" has logged in as tenant "acme", version 1, Vault's request ID [0-9a-f-]{36}/,
    'our own line joins role, tenant, version and request ID');
SKIP: {
    skip 'SYSTEM_USER is there from PostgreSQL 16 on', 1 if $node->pg_version < 16;
    logs_in($node, 'acme_app', 's3cret of acme', 'SYSTEM_USER shows method and role', sql => 'SELECT SYSTEM_USER',
        expect => 'scram-sha-256:acme_app');
}

### 7

$vault->put_tenant('acme', { username => 'acme_app', password => 'rotated' });
$node->log_in('acme_app', 'rotated');
sleep 0.5;
logs_in($node, 'acme_app', 'rotated', 'a password rotated in Vault is accepted at the second attempt');
is_locked_out($node, 'acme_app', 's3cret of acme', '... and the old one is refused');
$node->change_settings(login_max_age => '300ms');
$node->wait_until(sub { $node->value('SHOW tenant_vault.login_max_age') eq '300ms' });
$vault->put_tenant('acme', { username => 'acme_app', password => 'rotated again' });
sleep 0.4;
logs_in($node, 'acme_app', 'rotated again', 'after login_max_age it is accepted at the first');
$vault->delete_version($vault->tenant_path('acme'));
sleep 0.4;
is_locked_out($node, 'acme_app', 'rotated again', 'a deleted one is refused after login_max_age');
$vault->put_tenant('acme');
sleep 0.4;
$node->change_settings(login_max_age => '0');
$node->wait_until(sub { $node->value('SHOW tenant_vault.login_max_age') eq '0' });
my $asked = $vault->audit_mark;
logs_in($node, 'acme_app', 's3cret of acme', 'with login_max_age 0 a login') for 1 .. 3;
is($vault->tenant_reads('acme', $asked), 3, '... asks Vault each time');
$node->change_settings(login_max_age => '30s');
$node->wait_until(sub { $node->value('SHOW tenant_vault.login_max_age') eq '30s' });
$asked = $vault->audit_mark;
logs_in($node, 'acme_app', 's3cret of acme', 'within login_max_age a login') for 1 .. 3;
is($vault->tenant_reads('acme', $asked), 0, '... asks nobody');

### 8

$node->value('SECURITY LABEL FOR tenant_vault ON ROLE beta_app IS NULL');
is_locked_out($node, 'beta_app', 's3cret of beta', 'a role whose label was removed is refused');
$node->value(q{DROP ROLE beta_app; CREATE ROLE beta_app LOGIN IN ROLE tenant_vault_login});
is_locked_out($node, 'beta_app', 's3cret of beta', 'a role that was dropped and recreated is not bound to the tenant');
$node->value(q{SELECT tenant_vault.enroll('beta_app', 'beta')});
logs_in($node, 'beta_app', 's3cret of beta', '... until it is enrolled again');
$node->value(q{SECURITY LABEL FOR tenant_vault ON ROLE beta_app IS 'acme'});
logs_in($node, 'beta_app', 's3cret of acme', 'a changed label counts at once');
$node->value(q{SELECT tenant_vault.enroll('beta_app', 'beta')});

### 9

$node->value(q{CREATE ROLE dba LOGIN PASSWORD 'own password' IN ROLE acme_app});
logs_in($node, 'dba', 'own password', "a member of a tenant's role gets in by his own password");
is_locked_out($node, 'dba', 's3cret of acme', "... and not by the tenant's");
$node->value(q{CREATE ROLE naked LOGIN IN ROLE acme_app});
is_locked_out($node, 'naked', '', 'a member without a password is not let in', message => qr/no password supplied|password authentication failed/);
is_locked_out($node, 'naked', 'x', '... by no password');
$node->value(q{SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'own password' IN ROLE acme_app});
is_locked_out($node, 'old', 'own password', 'md5 is not offered');
$node->write_hba('local all all trust', 'host all all 127.0.0.1/32 trust');
$node->reload;
$node->wait_until(sub { $node->log_in('naked', undef)->{exit} == 0 });
logs_in($node, 'naked', undef, 'on another trust line others are let in as ever');
is_locked_out($node, 'acme_app', 'wrong', '... but an enrolled role is challenged all the same');
is_locked_out($node, 'acme_app', undef, '... without a password too', message => qr/no password supplied/);
logs_in($node, 'acme_app', 's3cret of acme', '... and let in with the password in Vault');
$node->write_hba($node->hba_lines);
$node->reload;

### 10

$node->value(q{SELECT tenant_vault.flush()});
$asked = $vault->audit_mark;
{
    local $ENV{PGPASSWORD} = 's3cret of beta';
    my @answers = $node->sessions([('SELECT current_user') x 50], user => 'beta_app');
    all_answer(\@answers, 'beta_app', '50 logins at once on a cold cache succeed');
}
is($vault->tenant_reads('beta', $asked), 1, '... by one request');
$node->wait_until(sub { $node->cached->{beta}{bytes} > 0 });
my $bytes = $node->cached->{beta}{bytes};
$node->value(q{SELECT tenant_vault.refresh('beta')});
is($node->cached->{beta}{bytes}, $bytes, 'a read that brings the same password keeps the derived verifier');

### 11

is_answer($node->ask(q{SET ROLE acme_app; SELECT password FROM tenant_vault.credentials('acme')}), 's3cret of acme',
    'an enrolled role reads the credentials of its own tenant');
is($node->ask(q{SET ROLE acme_app; SELECT tenant_vault.conninfo('beta')})->{sqlstate}, '42501', "... and not another's");
is($node->ask(q{SET ROLE naked; SELECT tenant_vault.conninfo('acme')})->{sqlstate}, '42501', '... nor does a member of it by that');

$node->stop;
ok(!-e $node->hba_file, 'the HBA file is gone when the server is');
done_testing;
