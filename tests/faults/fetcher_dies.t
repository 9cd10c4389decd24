# Fault: the fetcher is killed with -9 in the middle of 50 fetches.
#
# What must not be lost: no session ends, every fetch succeeds or ends with a clear error in time,
# cached tenants are served all the while, there is one restart, and the cluster is not reset.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $fetches = 50;
my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'cached', map {"t$_"} 1 .. $fetches;
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), request_timeout => '15s' });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

is_answer($node->ask(password('cached')), 's3cret of cached', 'a tenant is cached');
my $before = $node->status;
my $bystander = $node->background_psql('postgres');
my $bystander_pid = $bystander->query_safe('SELECT pg_backend_pid()');

$vault->freeze;
my @answers = $node->sessions(
    [map { password("t$_") . '; SELECT pg_backend_pid() > 0' } 1 .. $fetches],
    meanwhile => sub {
        ok($node->wait_until(sub { $node->status->{waiters} == $fetches }, 20),
            "$fetches sessions wait for the fetcher");
        is($node->fetcher_pid, $before->{fetcher_pid}, 'status shows the real pid of the fetcher');
        kill 'KILL', $before->{fetcher_pid};
        $vault->thaw;
        is_answer(
            $node->ask(password('cached')),
            's3cret of cached',
            'a cached tenant is answered while the fetcher is dead');
    });
my @answered = grep { $answers[$_]{out} eq 's3cret of t' . ($_ + 1) . "\nt" } 0 .. $#answers;
my @refused = grep { $_->{sqlstate} =~ /^58/ && $_->{hint} } @answers;
is(@answered + @refused, $fetches, 'every fetch succeeds or ends with a clear error')
    or diag join "\n", map { $_->{err} } @answers;
note scalar(@answered) . ' succeeded, ' . scalar(@refused) . ' were refused';
is(scalar(@answered), $fetches,
    '... and in fact every one succeeds, because the next fetcher is asked again');
is(scalar(grep { $_->{err} =~ /server closed the connection|57P0/ } @answers), 0,
    'no session ends');
is(scalar(grep { $_->{seconds} > 17 } @answers), 0, '... and none waits beyond its time');

my $after = $node->status;
is($after->{fetcher_starts}, $before->{fetcher_starts} + 1, 'there is one restart of the fetcher');
isnt($after->{fetcher_pid}, $before->{fetcher_pid}, '... which is another process');
is($after->{keeper_pid}, $before->{keeper_pid}, '... under the same keeper');
is($bystander->query_safe('SELECT pg_backend_pid()'),
    $bystander_pid, 'a session that asked for nothing lives on: the cluster was not reset');
is( $node->log_count(
        qr/terminating any other active server processes|all server processes terminated/),
    0,
    '... says the log, too');
cmp_ok($node->log_count(qr/fetcher.*(ended|signal)/), '>=', 1, '... which tells of the fetcher');

# Three times in a row: each time it comes back.
for my $round (1 .. 2) {
    my $pid = $node->status->{fetcher_pid};
    kill 'KILL', $pid;
    ok($node->wait_for_status(sub { $_[0]{fetcher_pid} && $_[0]{fetcher_pid} != $pid }, 15),
        "killed once more: there is another ($round)");
}
$vault->put_tenant('late');
is_answer($node->ask(password('late')), 's3cret of late', '... and it works');

# restart_fetcher() is the gentle way: no error, the old token is revoked.
my $old = $node->status->{fetcher_pid};
$node->value('SELECT tenant_vault.restart_fetcher()');
ok($node->wait_for_status(sub { $_[0]{fetcher_pid} && $_[0]{fetcher_pid} != $old }, 10),
    'restart_fetcher() starts another');
is_answer($node->ask(password('cached')), 's3cret of cached', '... and the cache is kept');

# Asked for a hundred times at once, it does so once or a few times, not for the next minutes.
my $starts = $node->status->{fetcher_starts};
$node->value('SELECT count(tenant_vault.restart_fetcher()) FROM generate_series(1, 300)');
$vault->put_tenant('later');
my $later = $node->ask(password('later'));
is_answer($later, 's3cret of later', 'a burst of restarts ends');
sleep 1;
cmp_ok($node->status->{fetcher_starts} - $starts, '<=', 20, '... after a few');

$bystander->quit;
$node->stop;
done_testing();
