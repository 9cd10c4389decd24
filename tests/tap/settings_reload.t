# A reload takes up changed settings, and loses nothing.
#
#  1. a reload that changes nothing, and one that changes a duration: cache and token are kept
#  2. another Vault address: the cache is kept, new questions go there, the old token is revoked
#  3. a value that PostgreSQL refuses leaves the old one in force
#  4. settings that do not work: clear errors for new questions, the cache carries on; put right
#     by another reload
#  5. sessions that wait while settings change are answered
#  6. the settings are a superuser's
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $vault = VaultServer->new('vault');
my $other = VaultServer->new('other');
for my $server ($vault, $other) {
    $server->put_template('postgresql://db.example/{tenant}');
    $server->put_tenant($_) for 'acme', 'beta', 'gamma', 'delta', 'slow';
}
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), negative_ttl => 0 });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}
$node->value(password('acme'));
my $before = $node->status;

### 1

my $mark = $vault->audit_mark;
$node->reload;
$node->change_settings(cache_ttl => '10min', renew_check_interval => '30s');
ok($node->wait_until(sub { $node->value('SHOW tenant_vault.cache_ttl') eq '10min' }, 5),
    'a duration is taken up');
sleep 0.5;
is_answer($node->ask(password('acme')), 's3cret of acme', 'a cached tenant is answered');
is_answer($node->ask(password('beta')), 's3cret of beta', 'a new one as well');
is($vault->tenant_reads('acme', $mark), 0, '... from the cache');
is($vault->logins($mark), 0, '... with the same token');
my $status = $node->status;
is($status->{keeper_pid}, $before->{keeper_pid}, '... the same keeper');
is($status->{fetcher_pid}, $before->{fetcher_pid}, '... and the same fetcher');

### 2

my %other = $other->approle('server');
my $other_mark = $other->audit_mark;
$node->change_settings(address => $other->address, %other);
ok( $node->wait_until(
        sub { $node->ask("SELECT tenant_vault.refresh('gamma')"); $other->logins($other_mark) == 1 }
        ,
        10
    ),
    'new questions go to the new address');
$mark = $vault->audit_mark;
is_answer($node->ask(password('acme')), 's3cret of acme', 'what was cached is still answered');
is($vault->tenant_reads('acme', $mark) + $other->tenant_reads('acme', $other_mark),
    0, '... from the cache');
ok($node->wait_until(sub { !$vault->accessors_by_login('auth/approle/login') }, 8),
    'the token of the old address is revoked');

### 3

my $log = $node->log_mark;
$node->change_settings(address => 'ftp://nonsense');
ok($node->wait_until(sub { $node->log_count(qr/tenant_vault\.address/, $log) }, 5),
    'an address that is none is refused, and the log says so');
is($node->value('SHOW tenant_vault.address'), $other->address,
    '... and the old one stays in force');
is_answer($node->ask(password('delta')), 's3cret of delta', '... for new questions too');

### 4

my $unused = PostgreSQL::Test::Cluster::get_free_port();
$node->change_settings(address => "http://127.0.0.1:$unused", request_timeout => '2s');
ok( $node->wait_until(
        sub { $node->ask(q{SELECT tenant_vault.secret('dev/x')})->{sqlstate} eq '58000' }, 10
    ),
    'an address where nobody answers: a clear error');
is_answer($node->ask(password('acme')), 's3cret of acme', '... and the cache carries on');
$node->change_settings(role_id_file => '/nonexistent/role_id', address => $vault->address);
ok( $node->wait_until(
        sub {
            $node->ask(q{SELECT tenant_vault.secret('dev/x')})->{message} =~ m{/nonexistent/role_id};
        },
        10
    ),
    'a file that is missing is named'
) or diag $node->ask(q{SELECT tenant_vault.secret('dev/x')})->{err};
$node->change_settings(address => undef);
ok( $node->wait_until(
        sub {
            my $answer = $node->ask(q{SELECT tenant_vault.secret('dev/x')});
            $answer->{sqlstate} eq 'F0000' && $answer->{message} =~ /address/;
        },
        10
    ),
    'no address at all: the error is one of configuration, and says that it is missing'
) or diag $node->ask(q{SELECT tenant_vault.secret('dev/x')})->{err};
like($node->ask(q{SELECT tenant_vault.secret('dev/x')})->{detail}, qr/"tenant_vault\."/,
    '... and under which prefix PostgreSQL knows the setting');
is_answer($node->ask(password('acme')), 's3cret of acme', '... and the cache carries on');
$node->change_settings($vault->approle('server'), address => $vault->address);
ok( $node->wait_until(sub { $node->ask(q{SELECT tenant_vault.refresh('beta')})->{exit} == 0 }, 10),
    'settings that were put right work');

### 5

$vault->freeze;
my @answers = $node->sessions(
    [(password('slow')) x 10],
    meanwhile => sub {
        $node->wait_until(sub { $node->status->{waiters} == 10 }, 10);
        is($node->status->{waiters}, 10, 'ten sessions wait');
        $node->change_settings(renew_check_interval => '20s', request_timeout => '15s');
        sleep 0.5;
        $vault->thaw;
    });
is(scalar(grep { $_->{exit} == 0 } @answers),
    10, 'sessions that wait while settings change are answered')
    or diag $answers[0]{err};

### 6

$node->value('CREATE ROLE plain LOGIN');
is_refused(
    $node->ask('SHOW tenant_vault.secret_id_file', user => 'plain'),
    '42501', qr/secret_id_file/,
    'a plain role cannot see where the credential lies',
    no_hint => 1);
isnt($node->ask(q{SET tenant_vault.address = 'http://evil.example'}, user => 'plain')->{exit},
    0, 'a plain role cannot change a setting');
isnt($node->ask(q{SET tenant_vault.address = 'http://evil.example'})->{exit},
    0, '... nor can a superuser for his session');
isnt($node->ask(q{SET tenant_vault.nonsense = 'x'})->{exit},
    0, 'a setting that there is not is refused');

$node->stop;
done_testing();
