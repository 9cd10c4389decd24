# A three-node raft cluster of OpenBao under load.
#
#  1. a cluster is used through all its addresses, and through a standby's alone
#  2. the leader is killed under load: no read of a cached tenant fails, and new tenants are read
#     as soon as there is a leader
#  3. a standby without a leader reads what it has; nobody's cached tenant fails
#  4. the cluster is whole again: everything goes on
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep time);
use VaultServer;

my @vault = VaultServer->cluster('raft');
my $leader = VaultServer->wait_for_leader(@vault);
$leader->put_template('postgresql://db.example/{tenant}');
$leader->put_tenant($_) for 'acme', map {"cold$_"} 1 .. 40;
my $node = TenantVaultNode->create(
    'main',
    settings => {
        $leader->approle('server'),
        address => join(',', map { $_->address } @vault),
        cache_ttl => '300ms',
        request_timeout => '5s',
        connect_timeout => '500ms',
        negative_ttl => 0
    });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

### 1

ok($node->wait_until(sub { $node->ask(password('acme'))->{out} eq 's3cret of acme' }, 10),
    'a cluster is read')
    or diag $node->ask(password('acme'))->{err};

my ($standby) = grep { $_ != $leader } @vault;
my $all = $node->value('SHOW tenant_vault.address');
$leader->put_tenant('by-standby');
$node->change_settings(address => $standby->address);
ok( $node->wait_until(
        sub { $node->ask(password('by-standby'))->{out} eq 's3cret of by-standby' }, 10
    ),
    'a standby alone is enough: it reads, and passes logins on'
) or diag $node->ask(password('by-standby'))->{err};
my $status = $node->wait_for_status(sub { ($_[0]{vault_address} // '') eq $standby->address }, 5);
ok($status, '... and status shows its address');
like($status->{vault_health}, qr/^(standby|active)$/, '... and that it serves');
$node->change_settings(address => $all);
ok($node->wait_until(sub { $node->ask("SELECT tenant_vault.refresh('acme')")->{exit} == 0 }, 10),
    'back to all addresses');

### 2

# Four sessions ask for the cached tenant every few milliseconds for 12 s.
my $load = q{DO $$ DECLARE p text; BEGIN
    FOR i IN 1..1000 LOOP
        SELECT password INTO p FROM tenant_vault.credentials('acme');
        IF p IS DISTINCT FROM 's3cret of acme' THEN RAISE EXCEPTION 'wrong answer'; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP; END $$; SELECT 'all answered'};
my $sessions = $node->start_sessions([($load) x 4]);
sleep 1;
$leader->kill9;
my $killed = time;
my @rest = grep { $_ != $leader } @vault;
my $elected;
my (%answered, %refused);
my $number = 0;
# New tenants all the while, one after the other.
while (time < $killed + 10 && $number < 40) {
    my $tenant = 'cold' . ++$number;
    my $answer = $node->ask(password($tenant));
    if ($answer->{exit} == 0) { $answered{$tenant} = time; }
    else { $refused{$tenant} = "$answer->{seconds} s: $answer->{err}"; }
    $elected = time if !$elected && grep { is_leader($_) } @rest;
    sleep 0.2;
}
my @answers = $node->finish_sessions($sessions);
all_answer(\@answers, 'all answered',
    'no read of a cached tenant fails while the leader is killed under load');
ok($elected, 'there is a new leader');
my ($after) = sort { $a <=> $b } grep { $elected && $_ >= $elected - 0.5 } values %answered;
ok($after && $after - $elected < 3, 'new tenants are read as soon as there is a leader')
    or diag 'elected ' . ($elected // 0) - $killed . ', answered after ' . join ' ',
    map { $_ - $killed } sort values %answered;

is_deeply(\%refused, {},
    '... and none fails meanwhile: the other nodes are asked, which read what they have');

### 3

my $second = VaultServer->wait_for_leader(@rest);
$node->change_settings(cache_ttl => '1h');
$node->value(q{SELECT tenant_vault.refresh('acme')});
$second->kill9;
my ($alone) = grep { $_ != $second } @rest;
ok( $node->wait_until(
        sub { $alone->api(GET => 'sys/health', undef, token => '', may_fail => 1)->{status} == 429 }
        ,
        15
    ),
    'the last node is a standby without a leader');
is_answer(
    $node->ask(password('acme')),
    's3cret of acme',
    'a cached tenant is answered all the same');
my $answer = $node->ask(password('cold40'));
ok( $answer->{exit} == 0 ? $answer->{out} eq 's3cret of cold40' : $answer->{sqlstate} eq '58000',
    'one that is not cached is read from the standby, or there is a clear error'
) or diag $answer->{err};
cmp_ok($answer->{seconds}, '<', 7, '... in time');

### 4

$leader->rejoin;
$second->rejoin;
VaultServer->wait_for_leader(@vault);
VaultServer->wait_for_leader(@vault)->put_tenant('fresh');
ok($node->wait_until(sub { $node->ask(password('fresh'))->{out} eq 's3cret of fresh' }, 15),
    'the whole cluster is used again');

$node->stop;
done_testing();

sub is_leader
{
    my ($server) = @_;
    return $server->api(GET => 'sys/health', undef, token => '', may_fail => 1)->{status} == 200;
}
