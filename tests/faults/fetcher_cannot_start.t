# Fault: the fetcher is missing, cannot be executed, dies at each start, or talks nonsense.
#
# What must not be lost: the cluster starts and works for everything else, says why there are no
# secrets, does not flood its log, and recovers by itself when the fetcher is mended.
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use PrivateInstallation;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'beta';
my $installation = PrivateInstallation->new;
$installation->remove_fetcher;
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};

### Missing

my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    install_path => $installation->path,
    settings => { $vault->approle('server'), request_timeout => '3s', negative_ttl => 0 });
is_answer($node->ask('SELECT 1'), '1', 'the cluster starts without a fetcher');
my $answer = $node->ask($question);
is_refused($answer, '58000', qr/fetcher/, 'a question has a clear error');
cmp_ok($answer->{seconds}, '<', 5, '... in time');
like($node->log_since, qr/fetcher.*cannot be started: No such file/, 'the log says why');
sleep 3;
$node->ask($question) for 1 .. 5;
cmp_ok($node->log_count(qr/WARNING.*cannot be started/),
    "<=", 2, '... and does not repeat it all the time');
is($node->status->{fetcher_pid} // 0, 0, 'status shows no fetcher');
like($node->status->{last_error} // '', qr/fetcher/, '... and says why');

### Mended

$installation->restore_fetcher;
ok($node->wait_until(sub { $node->ask($question)->{out} eq 's3cret of acme' }, 40),
    'it recovers by itself when the fetcher is there')
    or diag $node->ask($question)->{err};

### Each of these replaces the fetcher of a running cluster with a cached tenant.

for my $case (
    ['dies at each start', "#!/bin/sh\nexit 1\n"],
    ['dies of a signal at each start', "#!/bin/sh\nkill -SEGV \$\$\n"],
    ['talks nonsense', "#!/bin/sh\nexec head -c 100000 /dev/urandom >&3\n"],
    [   'claims a huge frame',
        "#!/bin/sh\nprintf '\\377\\377\\377\\377\\020\\001\\000\\000aaaaaaaa' >&3\nexec sleep 30\n"
    ],
    ['cannot be executed', "no program at all\n"])
{
    my ($what, $script) = @$case;
    $installation->replace_fetcher($script);
    my $log = $node->log_mark;
    my $before = $node->status;
    kill 'KILL', $before->{fetcher_pid};
    sleep 3;
    is_answer(
        $node->ask($question),
        's3cret of acme',
        "a fetcher that $what: a cached tenant is answered");
    $answer = $node->ask(q{SELECT tenant_vault.refresh('beta')});
    is_refused($answer, '58000', qr/./, '... a new question has a clear error');
    cmp_ok($answer->{seconds}, '<', 5, '... in time');
    my $status = $node->status;
    is($status->{keeper_pid}, $before->{keeper_pid}, '... the keeper lives on');
    cmp_ok($status->{fetcher_starts} - $before->{fetcher_starts},
        '<=', 6, '... and starts it with growing pauses');
    cmp_ok($node->log_count(qr/fetcher/, $log), '<=', 20, '... without flooding the log');
    is($node->log_count(qr/terminating any other active server processes/, $log),
        0, '... and the cluster is not reset');
    $installation->restore_fetcher;
    $node->value('SELECT tenant_vault.restart_fetcher()');    # no waiting for the end of a pause
    ok( $node->wait_until(
            sub { $node->ask(q{SELECT tenant_vault.refresh('beta')})->{exit} == 0 }, 10
        ),
        '... and restart_fetcher() starts the mended one at once'
    ) or diag $node->ask(q{SELECT tenant_vault.refresh('beta')})->{err};
}

$node->stop;
done_testing();
