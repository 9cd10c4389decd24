# Fault: the fetcher is stopped by SIGSTOP: it lives, and does nothing.
#
# What must not be lost: cached tenants are served, a question for another ends in time with a
# clear error, and the keeper notices and starts another fetcher.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(time);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'cached', 'other', 'later';
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), request_timeout => '2s' });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

is_answer($node->ask(password('cached')), 's3cret of cached', 'a tenant is cached');
my $before = $node->status;
kill 'STOP', $before->{fetcher_pid};
my $stopped = time;
my @answers = $node->sessions([(password('other')) x 5, (password('cached')) x 5]);
is_refused($answers[0], '58000', qr/other/,
    'a question that the stopped fetcher does not answer has a clear error');
is(scalar(grep { $_->{sqlstate} eq '58000' } @answers[0 .. 4]), 5, '... in every session');
cmp_ok($_->{seconds}, '<', 4, '... in time') for @answers[0, 4];
all_answer([@answers[5 .. 9]], 's3cret of cached', 'a cached tenant is answered');

ok( $node->wait_for_status(
        sub { $_[0]{fetcher_pid} && $_[0]{fetcher_pid} != $before->{fetcher_pid} }, 30
    ),
    'the keeper notices and starts another');
note sprintf 'after %.1f s', time - $stopped;
ok(!$node->alive($before->{fetcher_pid}), '... and the stopped one is gone');
ok($node->wait_until(sub { $node->ask(password('later'))->{out} eq 's3cret of later' }, 10),
    '... and questions are answered again');
is($node->status->{keeper_pid}, $before->{keeper_pid}, '... by the same keeper');
like($node->log_since, qr/fetcher \(PID $before->{fetcher_pid}\)/, '... and the log tells of it');

$node->stop;
done_testing();
