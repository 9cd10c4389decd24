# The extension in an administrator's life: dump, restore, drop, create again, upgrade, and a
# server that does not preload it.
#
#  1. without shared_preload_libraries the functions say so, with the line to add
#  2. pg_dump carries the grants; they work where they are restored
#  3. DROP EXTENSION and CREATE EXTENSION work, and sessions notice
#  4. pg_upgrade, with the library preloaded, carries extension and grants
#  5. several databases share one cache, each with its own grants
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'beta';
my %settings = $vault->approle('server');

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

### 1

my $bare = TenantVaultNode->create('bare', preload => '', vault => $vault, settings => \%settings);
for my $call (
    password('acme'),
    q{SELECT tenant_vault.conninfo('acme')},
    q{SELECT tenant_vault.database_url('acme')},
    q{SELECT tenant_vault.secret('dev/x')},
    q{SELECT tenant_vault.secret_value('dev/x', 'y')},
    'SELECT * FROM tenant_vault.tenants()',
    q{SELECT tenant_vault.refresh('acme')},
    'SELECT tenant_vault.flush()')
{
    my ($function) = $call =~ /tenant_vault\.(\w+)/;
    is_refused(
        $bare->ask($call), '55000', qr/shared_preload_libraries/,
        "$function() without preload says so",
        hint => qr/tenant_vault.*shared_preload_libraries/);
}
is( $bare->ask('SELECT count(*) FROM tenant_vault.cached_secrets')->{err} =~ /shared_preload|^$/
    ? 1
    : 0,
    1,
    'the views do no worse');
is($vault->logins, 0, '... and nobody logs in');
$bare->stop;

### 2

my $old = TenantVaultNode->create('old', vault => $vault, settings => \%settings);
$old->value('CREATE ROLE plain LOGIN');
$old->value('CREATE ROLE "Odd ""Name""" LOGIN');
$old->value(
    q{SELECT tenant_vault.grant_tenant('acme', 'plain'), tenant_vault.grant_tenant('beta', '"Odd ""Name"""')}
);
my $dump = $old->basedir . '/dump.sql';
$old->command_ok(['pg_dump', '-d', $old->connstr('postgres'), '-f', $dump], 'pg_dump runs');
$old->value('CREATE DATABASE restored');
$old->command_ok(
    ['psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $old->connstr('restored'), '-f', $dump],
    'the dump restores');
is_answer(
    $old->ask(password('acme'), dbname => 'restored', user => 'plain'),
    's3cret of acme',
    'a grant works where it was restored');
is_answer(
    $old->ask(password('beta'), dbname => 'restored', user => 'Odd "Name"'),
    's3cret of beta',
    '... of a role with an odd name too');
is($old->ask(password('beta'), dbname => 'restored', user => 'plain')->{sqlstate},
    '42501', '... and opens no more than it did');

### 5

$old->value(q{SELECT tenant_vault.revoke_tenant('acme', 'plain')}, dbname => 'restored');
is_answer(
    $old->ask(password('acme'), user => 'plain'),
    's3cret of acme',
    'each database has grants of its own');
is($old->ask(password('acme'), dbname => 'restored', user => 'plain')->{sqlstate},
    '42501', '... taken in one of them only');
is($vault->tenant_reads('acme'), 1, '... and all share one cache');

### 3

my $session = $old->background_psql('postgres', on_error_stop => 0);
is($session->query(password('acme')), 's3cret of acme', 'a session is answered');
$old->value('DROP EXTENSION tenant_vault');
isnt($session->query(password('acme')), 's3cret of acme', 'DROP EXTENSION ends that');
is($old->value(q{SELECT count(*) FROM pg_proc WHERE proname = 'conninfo'}),
    0, '... and leaves nothing behind');
$old->value('CREATE EXTENSION tenant_vault');
is( $session->query(password('acme')),
    's3cret of acme',
    'CREATE EXTENSION once more: the same session is answered');
$session->quit;
isnt($old->ask(password('acme'), user => 'plain')->{exit},
    0, '... and the grants are gone with the extension');
$old->value(q{SELECT tenant_vault.grant_tenant('acme', 'plain')});

### 4

my $new = TenantVaultNode->create('new', vault => $vault, settings => \%settings, start => 0);
$old->stop;
my $bin = $old->config_data('--bindir');
my $mark = $vault->audit_mark;
my $cwd = PostgreSQL::Test::Utils::tempdir('upgrade');
{
    # pg_upgrade writes into its working directory.
    require Cwd;
    my $here = Cwd::getcwd();
    chdir $cwd or die "$cwd: $!";
    $new->command_ok(
        [   'pg_upgrade', '--no-sync', '--retain', '-d',
            $old->data_dir, '-D', $new->data_dir, '-b',
            $bin, '-B', $bin, '-s',
            $new->host, '-p', $old->port, '-P',
            $new->port
        ],
        'pg_upgrade runs with the library preloaded');
    chdir $here;
}
is($vault->logins($mark), 0, '... without a login');
my ($server_log) = glob $new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_server.log';
my $upgrading = PostgreSQL::Test::Utils::slurp_file($server_log);
like($upgrading, qr/background worker "logical replication launcher"|ready to accept connections/,
    '... and says what its servers did');
unlike($upgrading, qr/tenant_vault keeper/, '... which had no keeper: they have nobody to serve');
$new->start;
is_answer($new->ask(password('acme')), 's3cret of acme', 'the upgraded cluster answers');
is_answer($new->ask(password('acme'), user => 'plain'), 's3cret of acme', '... and has the grants');
$new->stop;
done_testing();
