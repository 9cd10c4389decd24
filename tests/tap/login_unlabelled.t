# Logins of roles without a label do not read the catalog for one each time; yet a label that is
# written counts at the very next login, however it was committed.
#
#  1. many logins of an unlabelled role by a trust line, one look into pg_shseclabel
#  2. a label: not before its commit, at once after it; a rollback leaves all as it was
#  3. while a label's transaction is open, each login looks for itself
#  4. a label's transaction cannot be prepared: a restart would forget that it is being written
#  5. a standby, where labels come by replication; the same after its promotion
use strict;
use warnings;

use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultServer;

use constant LOGINS => 10;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my @trusting = ('local all all trust', 'local replication all trust');
my $node = LoginNode->create('main', vault => $vault, streaming => 1, hba => \@trusting,
    conf => "max_prepared_transactions = 2\n", settings => { $vault->approle('server') });
$node->value("CREATE ROLE $_ LOGIN") for qw(plain acme_app later prepared replicated promoted);

# Scans of the index by which a label is found, as far as the sessions that made them have ended.
sub looks
{
    my ($server) = @_;
    return $server->value(q{SELECT pg_stat_get_numscans('pg_shseclabel_object_index'::regclass)});
}

sub looks_of_logins
{
    my ($role) = @_;
    my $before = looks($node);
    logs_in($node, $role, undef, "$role logs in by trust") for 1 .. LOGINS;
    my $after;
    # A session's counters arrive when it has ended, which psql does not wait for.
    $node->wait_until(sub { my $now = looks($node); my $still = defined $after && $now == $after; $after = $now; $still });
    return $after - $before;
}

my $label = q{SECURITY LABEL FOR tenant_vault ON ROLE %s IS 'acme'};

### 1

cmp_ok(looks_of_logins('plain'), '<', LOGINS / 2, 'logins of an unlabelled role do not read the catalog each time');

### 2

logs_in($node, 'acme_app', undef, 'a role without a label comes in by trust');
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe(sprintf $label, 'acme_app');
logs_in($node, 'acme_app', undef, '... while its label is not committed');

### 3

cmp_ok(looks_of_logins('plain'), '>=', LOGINS, 'while a label is being written each login looks for itself');

$session->query_safe('COMMIT');
is_locked_out($node, 'acme_app', 'wrong', 'once it is committed, the next login is asked for the password');
logs_in($node, 'acme_app', 's3cret of acme', '... in Vault');
$session->query_safe('BEGIN');
$session->query_safe(sprintf $label, 'later');
$session->query_safe('ROLLBACK');
logs_in($node, 'later', undef, 'a label that was rolled back is none');
$node->value(sprintf $label, 'later');
is_locked_out($node, 'later', 'wrong', '... and one that is written after that counts');
cmp_ok(looks_of_logins('plain'), '<', LOGINS / 2, 'after all that the catalog is left alone again');

### 4

logs_in($node, 'prepared', undef, 'a third role comes in by trust');
for my $what (sprintf($label, 'prepared'), q{SECURITY LABEL FOR tenant_vault ON ROLE acme_app IS NULL},
    q{SAVEPOINT s; } . sprintf($label, 'prepared') . '; ROLLBACK TO s', q{SELECT tenant_vault.enroll('prepared', 'acme')}) {
    is($node->ask("BEGIN; $what; PREPARE TRANSACTION 'label'")->{sqlstate}, '0A000', "cannot be prepared: $what");
}
is($node->value('SELECT count(*) FROM pg_prepared_xacts'), '0', '... and nothing is left of it');
logs_in($node, 'prepared', undef, '... the role comes in as before');
$node->value(q{BEGIN; CREATE TABLE other (); PREPARE TRANSACTION 'other'});
$node->value(q{COMMIT PREPARED 'other'});
$session->quit;
cmp_ok(looks_of_logins('plain'), '<', LOGINS / 2, '... and the catalog is left alone as before');
$node->value(sprintf $label, 'prepared');
is_locked_out($node, 'prepared', 'wrong', '... until it is labelled');

### 5

$node->restart;
$node->backup('base');
my $standby = LoginNode->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->{settings} = { %{ $node->{settings} } };
$standby->write_hba(@trusting);
$standby->start;
$node->wait_for_catchup($standby);
logs_in($standby, $_, undef, "$_ comes in to the standby by trust") for qw(replicated promoted);
$node->value(sprintf $label, 'replicated');
$node->wait_for_catchup($standby);
is_locked_out($standby, 'replicated', 'wrong', '... and no more when its label has been replicated');
$standby->promote;
logs_in($standby, 'promoted', undef, 'the standby promoted, the other still does');
$standby->value(sprintf $label, 'promoted');
is_locked_out($standby, 'promoted', 'wrong', '... until it is labelled there');

done_testing();
