# Fault: the keeper ends, by SIGTERM, by an ERROR (no memory for a large answer), by SIGINT.
#
# What must not be lost: it is started again, the cache is intact, no session ends, and questions
# that were under way are answered or end with a clear error in time.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'cached', 'one', 'two', 'three';
$vault->put('saas-project/dev/large', { text => 'x' x 400_000 });
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), request_timeout => '10s' });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}
is_answer($node->ask(password('cached')), 's3cret of cached', 'a tenant is cached');
my $bystander = $node->background_psql('postgres');
my $bystander_pid = $bystander->query_safe('SELECT pg_backend_pid()');

# After the keeper has ended: another, with everything that was there.
sub carries_on
{
    my ($before, $how, $tenant) = @_;
    my $mark = $vault->audit_mark;
    is_answer(
        $node->ask(password('cached')),
        's3cret of cached',
        "$how: a cached tenant is answered meanwhile");
    my $after;
    ok( $after = $node->wait_for_status(
            sub {
                $_[0]{keeper_pid}
                    && $_[0]{keeper_pid} != $before->{keeper_pid}
                    && $_[0]{fetcher_pid};
            },
            15
        ),
        '... there is another keeper, with a fetcher');
    is($node->keeper_pid, $after->{keeper_pid}, '... just one');
    ok($node->wait_until(sub { !$node->alive($before->{fetcher_pid}) }, 3),
        '... and the old fetcher is gone');
    is_answer($node->ask(password('cached')), 's3cret of cached', '... the cache is intact');
    is($vault->tenant_reads('cached', $mark), 0, '... and was not read again');
    is_answer(
        $node->ask(password($tenant)),
        "s3cret of $tenant",
        '... and new questions are answered');
    is($bystander->query_safe('SELECT pg_backend_pid()'),
        $bystander_pid, '... and no session has ended');
    return;
}

my $before = $node->status;
is($node->keeper_pid, $before->{keeper_pid}, 'status shows the real pid of the keeper');
kill 'TERM', $before->{keeper_pid};
carries_on($before, 'SIGTERM', 'one');

# Under way: ten sessions wait for a frozen Vault.
$before = $node->status;
$vault->freeze;
my @answers = $node->sessions(
    [(password('two')) x 10],
    meanwhile => sub {
        $node->wait_until(sub { $node->status->{waiters} == 10 }, 10);
        kill 'TERM', $before->{keeper_pid};
        sleep 0.5;
        $vault->thaw;
    });
is( scalar(
        grep { $_->{out} eq 's3cret of two' || ($_->{sqlstate} =~ /^58/ && $_->{hint}) } @answers
    ),
    10,
    'SIGTERM under way: every question is answered or ends with a clear error'
) or diag $answers[0]{err};
note scalar(grep { $_->{exit} == 0 } @answers) . ' of 10 were answered';
is(scalar(grep { $_->{seconds} > 12 } @answers), 0, '... in time');
carries_on($before, 'SIGTERM under way', 'two');

# An ERROR: no more memory than it has now, and an answer that needs more.
$before = $node->status;
my $log = $node->log_mark;
my $noise = '';
IPC::Run::run(['prlimit', '--pid', $before->{keeper_pid}, '--as=1000000:1000000'],
    '<', \undef, '>', \$noise, '2>&1')
    or die $noise;
my $answer = $node->ask(q{SELECT length(tenant_vault.secret_value('dev/large', 'text'))});
ok( $answer->{out} eq '400000' || ($answer->{sqlstate} =~ /^58/ && $answer->{hint}),
    'an ERROR in the keeper: the question is answered by the next one, or has a clear error'
) or diag $answer->{err};
carries_on($before, 'ERROR', 'three');
like(
    $node->log_since($log),
    qr/ERROR:  out of memory/,
    '... which the log shows to have been an ERROR');
is($node->value(q{SELECT length(tenant_vault.secret_value('dev/large', 'text'))}),
    400000, '... and the large secret is read by a keeper that has memory');

$bystander->quit;
$node->stop;
done_testing();
