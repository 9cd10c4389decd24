# The token's life, with TTLs of seconds so that everything really happens.
#
# One cluster and one Vault; for each case an AppRole of its own, taken up by a reload.
#
#  1. a token is renewed before its TTL ends, without a new login, and reads never fail
#  2. at its max TTL it can grow no further: a new login, and reads never fail
#  3. a token that never ends (period) is renewed for ever
#  4. a batch token cannot be renewed: a new login when it ends
#  5. a token with a number of uses: a new login when they are spent
#  6. a token revoked from outside: one new login, and the read that found out succeeds
#  7. a token without the default policy: reads work, renewals are refused, no login loop
#  8. a 403 that is a matter of permission is no reason for login after login
#  9. the token is revoked at a clean shutdown; with token_store it is kept, and used again
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
$vault->put_tenant('acme');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    # 0: each question goes to Vault, and shows whether the token is good.
    settings => {
        $vault->approle('first'),
        cache_ttl => 0,
        stale_limit => 0,
        negative_ttl => 0,
        renew_check_interval => '200ms'
    });
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};
is_answer($node->ask($question), 's3cret of acme', 'the first token reads');

# Takes up another AppRole with a token of this kind; returns a mark in Vault's audit log that lies
# after the login.
sub log_in_as
{
    my ($role, %role) = @_;
    my $mark = $vault->audit_mark;
    my %settings = $vault->approle($role, %role);
    $node->change_settings(%settings);
    $node->wait_until(sub { $node->ask($question); $vault->logins($mark) >= 1 }, 10)
        or die "no login as $role";
    return $vault->audit_mark;
}

# Asks for so many seconds; returns the answers that were not right.
sub ask_for
{
    my ($seconds) = @_;
    my $until = time + $seconds;
    my @bad;
    while (time < $until) {
        my $answer = $node->ask($question);
        push @bad, $answer->{err} if $answer->{out} ne 's3cret of acme';
        sleep 0.1;
    }
    return @bad;
}

sub renewals
{
    my ($mark) = @_;
    return $vault->audit_count(path => 'auth/token/renew-self', since => $mark);
}

### 1

my $mark = log_in_as('short', token_ttl => '3s', token_max_ttl => '1h');
my $before = $node->status;
is_deeply([ask_for(7)], [], 'reads go on for longer than the TTL');
cmp_ok(renewals($mark), '>=', 2, '... because the token was renewed');
cmp_ok(renewals($mark), '<=', 8, '... at sensible times');
is($vault->logins($mark), 0, '... without a new login');
my $status = $node->status;
cmp_ok($status->{renewals} - $before->{renewals}, '>=', 2, 'status counts the renewals');
ok($status->{logged_in} && $status->{token_renewable} && $status->{token_expires_at},
    '... and knows the token');

### 2

$mark = log_in_as('capped', token_ttl => '2s', token_max_ttl => '4s');
is_deeply([ask_for(10)], [], 'reads go on beyond the max TTL');
cmp_ok($vault->logins($mark), '>=', 2, '... because of new logins');
cmp_ok($vault->logins($mark), '<=', 6, '... at sensible times');

### 3

$mark = log_in_as('periodic', token_period => '2s');
is_deeply([ask_for(5)], [], 'reads go on with a periodic token');
cmp_ok(renewals($mark), '>=', 2, '... which is renewed');
is($vault->logins($mark), 0, '... without a new login');

### 4

$mark = log_in_as('batch', token_type => 'batch', token_ttl => '3s');
is_deeply([ask_for(5)], [], 'reads go on when a batch token ends');
is(renewals($mark), 0, '... which is never renewed');
cmp_ok($vault->logins($mark), '>=', 1, '... but replaced by a new login');
cmp_ok($vault->logins($mark), '<=', 4, '... at sensible times');

### 5

$mark = log_in_as('counted', token_num_uses => 5);
is_deeply([ask_for(3)], [], 'reads go on when the uses of a token are spent');
cmp_ok($vault->logins($mark), '>=', 1, '... because of new logins');

### 6

$mark = log_in_as('revoked');
$vault->api(POST => 'auth/token/revoke-accessor', { accessor => $_ })
    for $vault->accessors_by_login('auth/approle/login');
is_answer($node->ask($question), 's3cret of acme',
    'the read that finds the token revoked succeeds');
is($vault->logins($mark), 1, '... by one new login');

### 7

$before = $node->status;
$mark = log_in_as('bare', token_no_default_policy => 'true', token_ttl => '4s');
is_deeply([ask_for(9)], [], 'reads go on with a token that may not renew itself');
cmp_ok($vault->logins($mark), '<=', 5, '... and there is no login loop');
cmp_ok($node->status->{renewal_failures}, '>', $before->{renewal_failures}, '... and status counts the refused renewals');

### 8

$mark = log_in_as('confined', token_ttl => '1h');
$vault->put_policy('tenant_vault',
    $VaultServer::TENANT_POLICY
        . 'path "secret/data/saas-project/barred/*" { capabilities = ["deny"] }');
my @answers = $node->sessions([map {"SELECT tenant_vault.secret('barred/$_')"} 1 .. 20]);
is(scalar(grep { $_->{sqlstate} eq '42501' } @answers),
    20, 'twenty reads that are not permitted are refused')
    or diag $answers[0]{err};
cmp_ok($vault->logins($mark), '<=', 1, '... with one new login at most');
is_answer($node->ask($question), 's3cret of acme', '... and what is permitted is answered');
$vault->put_policy('tenant_vault');

### 9

my $mine = sub { scalar(my @tokens = $vault->accessors_by_login('auth/approle/login')) };
cmp_ok($mine->(), '>=', 1, 'the extension holds a token');
$node->stop('fast');
ok($node->wait_until(sub { $mine->() == 0 }, 8), 'no token is left in Vault after a clean shutdown')
    or diag $mine->() . ' are left';

my $store = $node->basedir . '/token';
$node->write_settings($vault->approle('kept', token_ttl => '1h'), token_store => $store);
$mark = $vault->audit_mark;
$node->start;
is_answer($node->ask($question), 's3cret of acme', 'with token_store the extension logs in');
$node->stop('fast');
ok(-s $store, '... and keeps the token in a file');
is(((stat $store)[2] // 0) & 0777, 0600, '... that only the server may read');
$node->start;
is_answer($node->ask($question), 's3cret of acme', '... and reads with it after a restart');
is($vault->logins($mark), 1, '... without a new login');
$node->stop('fast');
done_testing();
