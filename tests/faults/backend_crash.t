# Fault: a backend dies of a signal, so that PostgreSQL resets the whole cluster.
#
# What must not be lost: the cluster comes back, with one keeper and one fetcher, an empty cache
# that fills again, and no token left over from before.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'slow';
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), request_timeout => '20s' });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

# Idle, and while sessions wait for a secret.
for my $case ('idle', 'sessions wait') {
    is_answer($node->ask(password('acme')), 's3cret of acme', "$case: the cluster answers");
    my %before = (keeper => $node->keeper_pid, fetcher => $node->fetcher_pid);
    my $victim = $node->background_psql('postgres', on_error_stop => 0);
    my $pid = $victim->query_safe('SELECT pg_backend_pid()');
    my $sessions = [];
    if ($case ne 'idle') {
        $vault->freeze;
        $sessions = $node->start_sessions([(password('slow')) x 5]);
        $node->wait_until(sub { $node->status->{waiters} == 5 }, 10);
    }
    kill 'KILL', $pid;
    ok( $node->wait_until(
            sub {
                $node->ask('SELECT 1')->{exit} == 0
                    && $node->keeper_pid
                    && $node->keeper_pid != $before{keeper};
            },
            15
        ),
        '... it comes back, with another keeper');
    $vault->thaw;
    my @answers = $node->finish_sessions($sessions);
    is(scalar(grep { $_->{exit} == 2 } @answers),
        scalar(@answers), '... sessions that waited were told, like all others')
        if @answers;
    ok($node->wait_until(sub { !$node->alive($before{fetcher}) }, 5),
        '... the old fetcher is gone');
    is_answer(
        $node->ask(password('acme')),
        's3cret of acme',
        '... and the cluster answers, from Vault');
    my @fetchers = $node->children_of($node->keeper_pid);
    is(scalar(@fetchers), 1, '... by one fetcher');
    ok( $node->wait_until(
            sub { 1 == (my @tokens = $vault->accessors_by_login('auth/approle/login')) }, 5
        ),
        '... with one token: the one before is revoked');
    $victim->{run}->kill_kill;
}

$node->stop;
done_testing();
