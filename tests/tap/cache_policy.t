# What the shared cache serves, and for how long. Each case counts the reads that Vault saw.
#
#  1. younger than cache_ttl: no request; older: one request, and the answer is the new one
#  2. Vault away: served up to stale_limit after the last good read, then an error; one log line
#  3. a 403 and a 404 are answers, not outages: they end the entry at once
#  4. "there is none" is kept for negative_ttl, and no longer
#  5. flush drops everything; refresh asks although the entry is fresh
#  6. another environment is another cache: no entry outlives the place it was read from
#  7. a full cache drops what was not used for longest, and no client ever sees an error of it
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $vault = VaultServer->new('vault');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => {
        $vault->approle('server'),
        cache_ttl => '2s',
        connect_timeout => '500ms',
        request_timeout => '2s',
        max_tenants => 100,
        cache_size => '1MB'
    });
$vault->put_template('postgresql://db.example/{tenant}');

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

### 1

$vault->put_tenant('acme', { username => 'u', password => 'one' });
is($node->value(password('acme')), 'one', 'the first question is answered from Vault');
my $mark = $vault->audit_mark;
$vault->put_tenant('acme', { username => 'u', password => 'two' });
$node->value(join ';', map { password('acme') } 1 .. 50);
is($vault->tenant_reads('acme', $mark), 0, 'a fresh entry is served without a request');
sleep 2.2;
is($node->value(password('acme')),
    'two', 'an entry older than cache_ttl is read again before it is served');
is($vault->tenant_reads('acme', $mark), 1, '... with one request');

### 2

$node->change_settings(stale_limit => '6s', cache_ttl => '1s');
is($node->value("SELECT tenant_vault.refresh('acme'); " . password('acme')) =~ /two$/,
    1, 'the entry is fresh again');
$vault->stop;
my $log = $node->log_mark;
sleep 1.2;
is_answer($node->ask(password('acme')),
    'two', 'an entry older than cache_ttl is served while Vault is away');
is_answer(
    $node->ask(join ';', (password('acme')) x 20),
    join("\n", ('two') x 20),
    '... again and again');
ok($node->wait_for_status(sub { $_[0]{outage} }, 5), 'status says that there is an outage');
sleep 5.5;
is_refused(
    $node->ask(password('acme')),
    '58000',
    qr/tenant "acme"/,
    'an entry older than stale_limit is not served');
is($node->log_count(qr/WARNING|LOG.*(cannot be (asked|reached)|unreachable|outage)/, $log),
    1, 'the outage has one line in the log')
    or diag $node->log_since($log);
$vault->start;
ok($node->wait_until(sub { $node->ask(password('acme'))->{out} eq 'two' }, 15),
    'the entry is served again when Vault is back');
$node->change_settings(stale_limit => undef);

### 3

$vault->put_tenant('gone');
$vault->put_tenant('barred');
$node->value(password('gone') . ';' . password('barred'));
$vault->delete_version($vault->tenant_path('gone'));
$vault->put_policy('tenant_vault', $VaultServer::TENANT_POLICY . <<'END');
path "secret/data/saas-project/dev/tenants/barred/database" { capabilities = ["deny"] }
END
sleep 1.2;
is_refused($node->ask(password('gone')),
    '42704', qr/deleted/, 'a deletion in Vault ends the entry at once, stale_limit or not');
is_refused($node->ask(password('barred')),
    '42501', qr/barred/, 'a lost permission ends the entry at once');
# Vault goes away, and the answer that there is none has been forgotten: what was ended stays so.
$node->change_settings(negative_ttl => '100ms');
$vault->stop;
sleep 0.5;
for my $tenant ('gone', 'barred') {
    is($node->ask(password($tenant))->{out}, '', "... and an outage does not bring it back ($tenant)");
}
$vault->start;
$vault->put_policy('tenant_vault');

### 4

$node->change_settings(negative_ttl => '2s', cache_ttl => undef);
$vault->api(DELETE => 'secret/metadata/saas-project/dev/database');
$node->value('SELECT tenant_vault.flush()');
is_refused($node->ask(password('late')),
    '42704', qr/late/, 'a tenant that does not exist is an error');
$mark = $vault->audit_mark;
$node->ask(password('late')) for 1 .. 5;
is($vault->tenant_reads('late', $mark), 0,
    'the answer that there is none is kept for negative_ttl');
$vault->put_tenant('late');
sleep 2.2;
is_answer($node->ask(password('late')), 's3cret of late', '... and no longer');
$vault->put_template('postgresql://db.example/{tenant}');

### 5

$mark = $vault->audit_mark;
$node->value("SELECT tenant_vault.refresh('late')");
is($vault->tenant_reads('late', $mark), 1, 'refresh asks Vault although the entry is fresh');
cmp_ok($node->value('SELECT tenant_vault.flush()'),
    '>=', 1, 'flush tells how many entries it dropped');
is($node->value('SELECT count(*) FROM tenant_vault.cached_secrets'),
    0, 'nothing is cached after flush');
is_answer(
    $node->ask(password('late')),
    's3cret of late',
    '... and the next question is answered from Vault');

### 6

$vault->put('saas-project/prod/tenants/late/database',
    { username => 'u', password => 'of prod', host => 'db.example' });
$node->change_settings(environment => 'prod');
ok($node->wait_until(sub { $node->ask(password('late'))->{out} eq 'of prod' }, 5),
    'another environment is answered from its own place');
$node->change_settings(environment => undef);
ok($node->wait_until(sub { $node->ask(password('late'))->{out} eq 's3cret of late' }, 5),
    '... and back');

### 7

my $tenants = 300;    # more than max_tenants, and the spare slots for other answers
$vault->put_tenant("many$_") for 1 .. $tenants;
my $all = join ';', map { password("many$_") } 1 .. $tenants;
my $expected = join "\n", map {"s3cret of many$_"} 1 .. $tenants;
for my $round (1 .. 2) {
    is_answer($node->ask($all), $expected,
        "more tenants than the cache has slots: all are answered, round $round");
}
my $status = $node->status;
cmp_ok($status->{evictions}, '>', 0, 'status counts what was dropped');
cmp_ok(
    $status->{cache_entries},
    '<=',
    $status->{cache_slots},
    '... and the cache stayed within its slots');

$vault->put_tenant("big$_", { username => 'u', password => "big $_ " . 'x' x 8000, host => 'h' })
    for 1 .. 60;
$all = join ';', map {"SELECT length(password) FROM tenant_vault.credentials('big$_')"} 1 .. 60;
my $answer = $node->ask("$all; $all");
is($answer->{exit}, 0, 'more bytes than the cache has memory: all are answered')
    or diag $answer->{err};
$status = $node->status;
cmp_ok($status->{cache_bytes}, '<=', $status->{cache_size}, '... within its memory');
my @many = $node->sessions(
    [   map {
            my $start = $_ * 10;
            join ';', map { password('many' . (1 + ($start + $_) % $tenants)) } 1 .. 100
        } 1 .. 10]);
is(scalar(grep { $_->{exit} == 0 } @many),
    10, 'ten sessions that fill the cache at the same time are all answered')
    or diag join "\n", map { $_->{err} } @many;

$node->stop;
done_testing();
