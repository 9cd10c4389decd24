# Vault is not started, not initialised, sealed, frozen, or goes away: what sessions get, and that
# everything goes on by itself when Vault is back.
#
#  1. Vault does not run: PostgreSQL starts all the same, a question has a clear error in time
#  2. Vault is not initialised
#  3. Vault is sealed, at first and later; the cache carries on
#  4. Vault answers nothing: the wait ends at request_timeout
#  5. query cancel, statement_timeout and termination end a wait at once
#  6. an outage has one line in the log, and its end another
#  7. of several addresses the one that works is used
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep time);
use VaultServer;

my $vault = VaultServer->new('vault', bare => 1);
$vault->stop;
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};
my $folder = PostgreSQL::Test::Utils::tempdir('credentials');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => {
        role_id_file => $vault->credential_file('server.role_id', 'later'),
        secret_id_file => $vault->credential_file('server.secret_id', 'later'),
        negative_ttl => 0,
        request_timeout => '2s',
        connect_timeout => '1s'
    });

### 1

ok($node->value('SELECT 1'), 'PostgreSQL starts without Vault');
my $answer = $node->ask($question);
is_refused(
    $answer, '58000', qr/refused|reach|connect/i,
    'a question while Vault does not run has a clear error',
    hint => qr/address/);
cmp_ok($answer->{seconds}, '<', 4, '... in time');
ok(!$node->status->{vault_reachable}, '... and status says so');

### 2

$vault->launch;
ok($node->wait_until(sub { $node->ask($question)->{message} =~ /not initiali[sz]ed/ }, 10),
    'a question to a Vault that is not initialised says so')
    or diag $node->ask($question)->{err};
is_refused(
    $node->ask($question),
    '58000', qr/initiali[sz]ed/,
    '... with a hint',
    hint => qr/initiali[sz]e/i);

### 3

$vault->start;    # initialises, unseals
$vault->api(POST => 'sys/mounts/secret', { type => 'kv', options => { version => '2' } });
$vault->wait_for_kv;
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
$vault->put_tenant('other');
$vault->approle('server');
ok( $node->wait_until(sub { $node->ask($question)->{out} eq 's3cret of acme' }, 15),
    'once Vault is there, the question is answered, without a reload'
) or diag $node->ask($question)->{err};

$vault->seal;
is_answer(
    $node->ask($question),
    's3cret of acme',
    'a sealed Vault does not matter to a cached tenant');
my $other = q{SELECT password FROM tenant_vault.credentials('other')};
is_refused(
    $node->ask($other), '58000', qr/sealed/,
    'one that is not cached has a clear error',
    hint => qr/[Uu]nseal/);
ok($node->wait_for_status(sub { $_[0]{vault_health} eq 'sealed' }, 5),
    '... and status says that Vault is sealed');
$vault->unseal;
ok($node->wait_until(sub { $node->ask($other)->{out} eq 's3cret of other' }, 15),
    '... until it is unsealed');

### 4

$node->value('SELECT tenant_vault.flush()');
$vault->freeze;
$answer = $node->ask($other);
is_refused($answer, '58000', qr/./, 'a Vault that answers nothing: a clear error');
cmp_ok($answer->{seconds}, '<', 3.5, '... at request_timeout');
cmp_ok($answer->{seconds}, '>', 1.5, '... and not before');

### 5

$node->change_settings(request_timeout => '30s', connect_timeout => '30s');
sleep 0.5;
my @answers = $node->sessions(
    [   "SET statement_timeout = 500; $other",
        "SET application_name = 'cancelled'; $other",
        "SET application_name = 'terminated'; $other"
    ],
    meanwhile => sub {
        my $waiting =
            q{SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('cancelled', 'terminated') AND wait_event_type = 'Extension'};
        ok($node->wait_until(sub { $node->value($waiting) == 2 }, 10),
            'sessions wait on an event of the extension');
        $node->value(
            q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled'}
        );
        $node->value(
            q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'terminated'}
        );
    });
is($answers[0]{sqlstate}, '57014', 'statement_timeout ends a wait');
is($answers[1]{sqlstate}, '57014', 'a cancel request ends a wait');
is($answers[2]{sqlstate}, '57P01', 'a termination ends a wait');
cmp_ok($_->{seconds}, '<', 6, '... at once') for @answers;
$vault->thaw;
$node->change_settings(request_timeout => '2s', connect_timeout => '1s');
ok($node->wait_until(sub { $node->ask($other)->{out} eq 's3cret of other' }, 15),
    'Vault answers again when it is thawed');

### 6

$node->wait_for_status(sub { !$_[0]{outage} }, 10);
my $mark = $node->log_mark;
$node->change_settings(cache_ttl => '200ms');
$vault->stop;
my $until = time + 4;
while (time < $until) {
    is($node->ask($other)->{out}, 's3cret of other', 'served during the outage') or last;
    sleep 0.3;
}
$vault->start;
ok($node->wait_for_status(sub { $node->ask($other); !$_[0]{outage} }, 15), 'the outage ends');
my @lines = grep { /vault/i && !/STATEMENT|received SIGHUP|parameter|configuration/ } split /\n/,
    $node->log_since($mark);
cmp_ok(scalar(@lines), '<=', 4,
    'an outage of many failed requests takes a line or two of the log, its end another')
    or diag join "\n", @lines;
cmp_ok(scalar(@lines), '>=', 2, '... but is not silent') or diag join "\n", @lines;

### 7

my $unused = PostgreSQL::Test::Cluster::get_free_port();
$node->change_settings(address => "http://127.0.0.1:$unused," . $vault->address);
$node->value('SELECT tenant_vault.flush()');
ok($node->wait_until(sub { $node->ask($question)->{out} eq 's3cret of acme' }, 10),
    'of two addresses the one that works is used');
ok( $node->wait_for_status(sub { ($_[0]{vault_address} // '') eq $vault->address }, 5),
    '... and status shows it');

$node->stop;
done_testing();
