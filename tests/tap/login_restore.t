# Labels go where roles go: by pg_dumpall and by pg_upgrade, into clusters that preload the library.
#
#  1. pg_dumpall's output, restored where the library is preloaded: enrolled roles log in
#  2. ... restored where it is not: the restore says so, and nobody gets in
#  3. pg_upgrade with its own socket folder: tenant_vault.hba_file says where the file is; without the
#     library in the new cluster it stops
use strict;
use warnings;

use Cwd ();
use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my %settings = $vault->approle('server');
my $old = LoginNode->create('old', vault => $vault, settings => \%settings);
$old->enroll('acme_app', 'acme');
my $dump = $old->basedir . '/dump.sql';
$old->command_ok(['pg_dumpall', '-d', $old->connstr('postgres'), '-f', $dump], 'pg_dumpall runs');

# What the restore prints that is no notice.
sub restore
{
    my ($node) = @_;
    my ($out, $err) = run_command([$node->installed_command('psql'), '-Xq', '-d', $node->connstr('postgres'), '-f', $dump]);
    return join "\n", grep {/ERROR/} split /\n/, $err;
}

### 1

my $target = LoginNode->create('target', vault => $vault, settings => \%settings, extension => 0);
unlike(restore($target), qr/label|tenant_vault_login/, 'where the library is preloaded the restore knows labels');
logs_in($target, 'acme_app', 's3cret of acme', '... and enrolled roles log in');
is_locked_out($target, 'acme_app', 'wrong', '... by their password alone');
$target->stop;

### 2

my $bare = LoginNode->create('bare', vault => $vault, preload => '', start => 0,
    hba => ['local all postgres trust', 'local all all scram-sha-256']);
$bare->start;
like(restore($bare), qr/security label provider "tenant_vault" is not loaded/, 'where it is not the restore says so');
is_locked_out($bare, 'acme_app', 's3cret of acme', '... and the role has no password that opens it');
$bare->stop;

### 3

my $file = PostgreSQL::Test::Utils::tempdir('run') . '/tenant_vault';
my @lines = ('local all postgres trust', "local all \@$file trust", 'local all all scram-sha-256');

sub upgrade
{
    my ($new) = @_;
    my $bin = $old->config_data('--bindir');
    my $sockets = PostgreSQL::Test::Utils::tempdir_short();
    my $here = Cwd::getcwd();
    chdir PostgreSQL::Test::Utils::tempdir('upgrade') or die $!;
    my ($out, $err) = run_command(['pg_upgrade', '--no-sync', '--retain', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin,
            '-s', $sockets, '-p', $old->port, '-P', $new->port]);
    chdir $here or die $!;
    return "$out\n$err\n" . join '', map { slurp_file($_) } glob $new->data_dir . '/pg_upgrade_output.d/*/log/*.log';
}

$old->stop;
my $new = LoginNode->create('new', vault => $vault, settings => \%settings, start => 0);
like(upgrade($new), qr/\Q@{[$old->hba_file]}\E/, 'pg_upgrade looks for the socket, and so for the file, in a folder of its own, and says which is missing');
for my $node ($old, $new) {
    $node->write_settings(hba_file => $file);
    $node->write_hba(@lines);
}
my $without = LoginNode->create('without', vault => $vault, preload => '', start => 0, hba => ['local all all trust']);
like(upgrade($without), qr/security label provider "tenant_vault" is not loaded|loadable libraries/, 'with hba_file, into a cluster without the library, it stops');
my $log = upgrade($new);
like($log, qr/Upgrade Complete/, '... and into one with the library it goes through') or diag $log;
$new->start;
logs_in($new, 'acme_app', 's3cret of acme', '... where enrolled roles log in');
is_locked_out($new, 'acme_app', 'wrong', '... by their password alone');
$new->stop;
done_testing;
