# A hot standby lets enrolled roles in by itself.
#
#  1. the same role, password and salt as on the primary; labels replicate
#  2. with the primary gone; after its own restart; after promotion
#  3. a label written on the primary counts on the standby
#  4. tenants are created and rotated on the primary alone, and count on the standby
use strict;
use warnings;

use LoginNode;
use PostgreSQL::Test::Utils;
use RawClient;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for qw(acme beta);
my $primary = LoginNode->create('primary', vault => $vault, settings => { $vault->approle('server') }, streaming => 1);
$primary->enroll('acme_app', 'acme');
$primary->backup('base');
my $standby = LoginNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->{settings} = { %{ $primary->{settings} } };
$standby->write_hba($standby->hba_lines);
$standby->start;
$primary->wait_for_catchup($standby);

sub salt
{
    my ($node) = @_;
    my $client = RawClient->connect($node);
    $client->startup('acme_app');
    return $client->begin_scram->{salt};
}

### 1

is($standby->value('SELECT pg_is_in_recovery()'), 't', 'the standby is one');
ok(!-e $standby->hba_file . 'x' && -e $standby->hba_file, 'a standby has an HBA file of its own');
my $mark = $vault->audit_mark;
logs_in($standby, 'acme_app', 's3cret of acme', 'an enrolled role logs in to the standby');
is($vault->tenant_reads('acme', $mark), 1, '... which asks Vault itself');
is_locked_out($standby, 'acme_app', 'wrong', '... and not with a wrong password');
is(salt($standby), salt($primary), 'primary and standby have the same salt');

### 3

$primary->enroll('beta_app', 'beta');
$primary->wait_for_catchup($standby);
logs_in($standby, 'beta_app', 's3cret of beta', 'a role enrolled on the primary logs in to the standby');
$primary->value(q{SELECT tenant_vault.unenroll('beta_app')});
$primary->wait_for_catchup($standby);
is_locked_out($standby, 'beta_app', 's3cret of beta', '... until it is unenrolled there');

### 4

$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);
for my $call (q{create_tenant('made')}, q{rotate_password('acme')}, q{drop_tenant('acme')}) {
    is($standby->ask("SELECT tenant_vault.$call")->{sqlstate}, '25006', "refused on the standby: $call");
}
$primary->value(q{SELECT tenant_vault.create_tenant('made')});
$primary->wait_for_catchup($standby);
my $made = $vault->tenant_secret('made')->{password};
logs_in($standby, 'made_app', $made, 'a tenant created on the primary logs in to the standby');
$primary->value(q{SELECT tenant_vault.rotate_password('made')});
my $rotated = $vault->tenant_secret('made')->{password};
$standby->wait_until(sub { $standby->log_in('made_app', $rotated)->{exit} == 0 }, 5);
logs_in($standby, 'made_app', $rotated, '... by the rotated password after an attempt that failed');
is_locked_out($standby, 'made_app', $made, '... and no longer by the one before');
my $verifier = q{SELECT passwd FROM tenant_vault.pgbouncer_auth('made_app')};
is($standby->value($verifier), $primary->value($verifier), '... and both servers have the very same verifier');

### 2

$primary->stop('immediate');
logs_in($standby, 'acme_app', 's3cret of acme', 'the primary gone, an enrolled role logs in to the standby');
$standby->restart;
logs_in($standby, 'acme_app', 's3cret of acme', '... after a restart of the standby too');
$standby->promote;
logs_in($standby, 'acme_app', 's3cret of acme', '... and after its promotion');
$standby->value('CREATE ROLE gamma_app LOGIN');
$standby->value(q{SELECT tenant_vault.enroll('gamma_app', 'acme')});
logs_in($standby, 'gamma_app', 's3cret of acme', '... when roles can be enrolled');

$standby->stop;
done_testing;
