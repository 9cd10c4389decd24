# Fault: Vault cannot be reached, does not answer, or the fetcher is stopped, while the cluster is
# shut down by `pg_ctl stop -m fast`.
#
# What must not be lost: the shutdown takes at most 3 s, with sessions that wait for a secret too,
# and no process is left behind.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(time);
use VaultServer;

use constant STOP_SECONDS => 3;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'busy';
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), request_timeout => '60s', connect_timeout => '60s' });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

for my $case (
    ['Vault works', sub { }],
    ['Vault does not run', sub { $vault->stop }, sub { $vault->start }],
    ['Vault accepts and does not answer', sub { $vault->freeze }, sub { $vault->thaw }],
    ['the fetcher is stopped', sub { kill 'STOP', $node->fetcher_pid }])
{
    my ($what, $fault, $mend) = @$case;
    is_answer($node->ask(password('acme')), 's3cret of acme', "$what: the cluster answered before");
    my @pids = ($node->keeper_pid, $node->fetcher_pid);
    $fault->();
    # A session waits for a secret all the while.
    my $sessions = $node->start_sessions([password('busy')]);
    $node->wait_until(sub { $node->status->{waiters} == 1 }, 3) unless $what eq 'Vault works';
    my $begun = time;
    $node->stop('fast');
    my $seconds = time - $begun;
    cmp_ok($seconds, '<', STOP_SECONDS, sprintf '%s: stop -m fast takes %.1f s', $what, $seconds);
    $node->wait_until(
        sub {
            !grep { $node->alive($_) } @pids;
        },
        2);
    is_deeply([grep { $node->alive($_) } @pids], [], '... and leaves no process behind');
    my ($answer) = $node->finish_sessions($sessions);
    is($answer->{sqlstate}, '57P01', '... and the session that waited was told')
        unless $what eq 'Vault works';
    $mend->() if $mend;
    $node->start;
}

$node->stop;
done_testing();
