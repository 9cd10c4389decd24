# Fault: the postmaster is killed with -9.
#
# What must not be lost: keeper and fetcher are gone within 1 s, the token is revoked, and the next
# start of the cluster works at once.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep time);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'busy';
my $node =
    TenantVaultNode->create('main', vault => $vault, settings => { $vault->approle('server') });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

# Idle, and with a question under way at a Vault that does not answer.
for my $case ('idle', 'a question under way') {
    is_answer($node->ask(password('acme')), 's3cret of acme', "$case: the cluster answers");
    my %pid = (keeper => $node->keeper_pid, fetcher => $node->fetcher_pid);
    ok($pid{keeper} && $pid{fetcher}, '... keeper and fetcher are there');
    my $sessions;
    if ($case ne 'idle') {
        $vault->freeze;
        $sessions = $node->start_sessions([password('busy')]);
        $node->wait_until(sub { $node->status->{waiters} == 1 }, 10);
    }
    my $postmaster = $node->postmaster_pid;
    my $killed = time;
    $node->kill9;
    for my $process ('keeper', 'fetcher') {
        $node->wait_until(sub { !$node->alive($pid{$process}) }, 5);
        my $seconds = time - $killed;
        ok(!$node->alive($pid{$process}), "... the $process is gone");
        # The fetcher has 1 s for revoking its token; a frozen Vault makes it use that.
        cmp_ok(
            $seconds, '<',
            $case eq 'idle' ? 1.0 : 1.5,
            sprintf '... within a second (%.2f s)', $seconds);
    }
    $vault->thaw;
    $node->finish_sessions($sessions) if $sessions;
    my $mine = sub { scalar(my @tokens = $vault->accessors_by_login('auth/approle/login')) };
    ok($node->wait_until(sub { $mine->() == 0 }, 3), '... and its token is revoked')
        if $case eq 'idle';
    # A lock file counts as long as its process is in the system's table.
    $node->wait_until(sub { !kill 0, $postmaster }, 5);
    $node->start;
    is_answer($node->ask(password('acme')), 's3cret of acme', '... and the next start works');
}

$node->stop;
done_testing();
