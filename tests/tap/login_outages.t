# Logging in while Vault, the fetcher or the keeper are not there. What is lost is nothing but the
# logins whose secret is not cached, and those are told to come again: 57P03, never a bare end of file.
#
#  1. Vault down: cached logins go on, others get 57P03; sealed; not started yet
#  2. Vault slow: 57P03 before authentication_timeout
#  3. the fetcher stopped: cached logins go on
#  4. the fetcher killed with -9 during 50 logins; the keeper ended: every login succeeds or gets 57P03
#  5. this server's own login to Vault refused; no permission on the path
#  6. the cache full: no client sees an out-of-memory error
use strict;
use warnings;

use LoginNode;
use Test::More;
use Time::HiRes qw(sleep time);
use VaultServer;

use constant {
    AUTHENTICATION_TIMEOUT => 4,
    BULK => 110, # more than 2 MB of secrets: where pages are huge, a cache of 1 MB has two
};

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for qw(acme cold slow);
my %good = $vault->approle('server');
my $node = LoginNode->create('main', vault => $vault,
    settings => { %good, login_max_age => '0', negative_ttl => '100ms', cache_size => '1MB', max_tenants => 100 },
    conf => "authentication_timeout = '@{[AUTHENTICATION_TIMEOUT]}s'\n");
$node->enroll("${_}_app", $_) for qw(acme cold slow);
logs_in($node, 'acme_app', 's3cret of acme', 'a login to begin with');

# 57P03 is what the server's log has in its place of the SQLSTATE.
$node->append_conf('postgresql.conf', "log_line_prefix = '%m [%p] %q%e '");
$node->reload;

sub told_to_come_again
{
    my ($user, $name, %option) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $mark = $node->log_mark;
    my $answer = $node->log_in($user, $option{password} // "s3cret of x");
    ok($answer->{exit} == 2 && $answer->{message} =~ /^the password of user "$user" cannot be checked at present$/, $name)
      or diag $answer->{err};
    like($node->log_since($mark), qr/57P03 FATAL: .*\n.*DETAIL: .*tenant/, '... with SQLSTATE 57P03 and the reason in the log');
    (my $told = $answer->{err}) =~ s/on socket ".*?"//;
    unlike($told, qr/vault|tenant|http|sealed/i, '... and the client is told no more');
    return $answer;
}

### 1

$vault->stop;
logs_in($node, 'acme_app', 's3cret of acme', 'Vault down: a cached login goes on, though login_max_age is over');
is_locked_out($node, 'acme_app', 'wrong', '... and a wrong password is refused as ever');
told_to_come_again('cold_app', 'Vault down: a login that is not cached is told to come again');
is_locked_out($node, 'nobody', 'x', '... an unknown role is refused as ever');
$vault->launch;
$node->wait_until(sub { $node->status->{vault_health} =~ /sealed/ }, 20);
logs_in($node, 'acme_app', 's3cret of acme', 'Vault sealed: a cached login goes on');
told_to_come_again('cold_app', 'Vault sealed: a login that is not cached is told to come again');
$vault->unseal;
ok($node->wait_until(sub { $node->log_in('cold_app', 's3cret of cold')->{exit} == 0 }, 20), 'Vault back: it succeeds');

my $status = $node->status;
is_deeply([ @{$status}{qw(role_logins role_logins_refused)} ], [ 4, 1 ], 'status counts who got in and who was refused');
cmp_ok($status->{role_logins_unchecked}, '>=', 2, '... and who was told to come again');

### 2

$vault->freeze;
my $answer = told_to_come_again('slow_app', 'Vault slow: a login that is not cached is told to come again');
cmp_ok($answer->{seconds}, '<', AUTHENTICATION_TIMEOUT, '... before authentication_timeout');
logs_in($node, 'acme_app', 's3cret of acme', 'Vault slow: a cached login goes on');
$vault->thaw;
ok($node->wait_until(sub { $node->log_in('slow_app', 's3cret of slow')->{exit} == 0 }, 20), 'Vault fast again: it succeeds');

### 3

$node->change_settings(login_max_age => '30s');
$node->wait_until(sub { $node->value('SHOW tenant_vault.login_max_age') eq '30s' });
$node->value(q{SELECT tenant_vault.refresh('acme')}); # what follows is to be younger than login_max_age
logs_in($node, 'acme_app', 's3cret of acme', 'a login to begin with');
my $fetcher = $node->fetcher_pid;
kill 'STOP', $fetcher;
my $started = time;
logs_in($node, 'acme_app', 's3cret of acme', 'the fetcher stopped: a cached login goes on') for 1 .. 5;
cmp_ok(time - $started, '<', 3, '... without waiting for it');
kill 'CONT', $fetcher;

### 4

sub fifty_logins
{
    my ($what, $meanwhile) = @_;
    my @users = map { $_ % 2 ? 'acme_app' : 'cold_app' } 1 .. 50;
    $node->value('SELECT tenant_vault.flush()');
    my $mark = $node->log_mark;
    my $session = $node->background_psql('postgres');
    my @running = map {
        my $user = $_;
        local $ENV{PGPASSWORD} = 's3cret of ' . ($user =~ s/_app//r);
        @{ $node->start_sessions(['SELECT current_user'], user => $user) };
    } @users;
    $meanwhile->();
    my @answers = $node->finish_sessions(\@running);
    my $good = grep { $_->{exit} == 0 } @answers;
    my @bad = grep { $_->{exit} != 0 && $_->{err} !~ /cannot be checked at present/ } @answers;
    ok(!@bad, "$what: every login succeeds or is told to come again") or diag $bad[0]{err};
    cmp_ok($good, '>', 0, "... $good succeed");
    is($session->query('SELECT 1'), '1', '... no session ends');
    $session->quit;
    is($node->log_count(qr/server process .* was terminated|all server processes terminated/, $mark), 0,
        '... the server goes on');
    ok($node->wait_until(sub { $node->log_in('acme_app', 's3cret of acme')->{exit} == 0 }, 20), '... and logins succeed after it');
    return;
}
fifty_logins('the fetcher killed', sub { sleep 0.05; kill 'KILL', $node->fetcher_pid });
fifty_logins('the keeper ended', sub { sleep 0.05; kill 'TERM', $node->keeper_pid });

### 5

$node->change_settings(secret_id_file => $vault->credential_file('wrong', 'no-secret-id'));
$node->value('SELECT tenant_vault.restart_fetcher()');
$node->wait_until(sub { !$node->status->{can_log_in_again} }, 10);
$node->value('SELECT tenant_vault.flush()');
told_to_come_again('cold_app', "the server's own login refused: a login that is not cached is told to come again");
$node->change_settings(%good);
ok($node->wait_until(sub { $node->log_in('cold_app', 's3cret of cold')->{exit} == 0 }, 20), '... until it is let in again');

$vault->put_policy('blind', 'path "secret/data/saas-project/dev/database" { capabilities = ["read"] }');
$node->change_settings($vault->approle('blind', token_policies => 'blind'));
$node->value('SELECT tenant_vault.restart_fetcher(), tenant_vault.flush()');
ok($node->wait_until(sub {
            my $refused = $node->log_in('cold_app', 's3cret of cold');
            $refused->{message} =~ /^password authentication failed/;
        }, 20), "a secret that Vault refuses this server is no outage: nobody gets in by it");
$node->change_settings(%good);
$node->value('SELECT tenant_vault.restart_fetcher(), tenant_vault.flush()');

### 6

# Some 24 kB in the cache, as a field of its own, in the URL and in the keyword string. Not by a long
# password: hashing that 4,096 times takes its time.
for my $n (1 .. BULK) {
    $vault->put_tenant("bulk$n", { username => "bulk$n", password => "s3cret $n", application_name => 'x' x 8_000 });
}
$node->value(join ';', map { "CREATE ROLE bulk${_}_app LOGIN" } 1 .. BULK);
$node->value(join ';', map { "SELECT tenant_vault.enroll('bulk${_}_app', 'bulk$_')" } 1 .. BULK);
my @refused;
for my $n (1 .. BULK, 1 .. 10) {
    my $login = $node->log_in("bulk${n}_app", "s3cret $n");
    push @refused, $login->{err} if $login->{exit} != 0;
}
is(scalar @refused, 0, 'with more secrets than the cache holds every login succeeds') or diag $refused[0];
cmp_ok($node->status->{evictions}, '>', 0, '... while entries are evicted');
is($node->log_count(qr/out of memory/), 0, '... and nobody runs out of memory');

$node->stop;
done_testing;
