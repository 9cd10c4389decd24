# Fault: while a tenant is created, rotated or dropped, the fetcher is killed, the keeper ends, the
# statement is cancelled, the session terminated, or the whole server killed; once when Vault has
# only been read, once when Vault has made the change and nobody here knows it yet.
#
# What must not be lost: calling the function again gives one tenant, one role, one password that
# logs in; nothing is written twice by itself; whoever waits is told within seconds.
use strict;
use warnings;

use LoginNode;
use PostgreSQL::Test::Utils;
use SlowFront;
use Test::More;
use Time::HiRes qw(time);
use VaultServer;

# s. Far longer than it takes to see in the audit log that it is time, and to strike.
use constant HOLD_BACK => 3;
# And than a whole session takes on a busy machine.
use constant HOLD_BACK_LONG => 10;

my $vault = VaultServer->new('vault');
my $front = SlowFront->new($vault);
$vault->put_template('postgresql://db.example/{tenant}');
my $node = LoginNode->create('main', vault => $vault,
    settings => { $vault->approle('server'), address => $front->address, request_timeout => '20s', login_max_age => '30s' });
$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);

my %call = (
    create => q{SELECT tenant_vault.create_tenant('%s')},
    rotate => q{SELECT tenant_vault.rotate_password('%s')},
    drop => q{SELECT tenant_vault.drop_tenant('%s') IS NULL});
my %change = (create => 'create', rotate => 'update', drop => 'delete');

my %fault = (
    'the fetcher is killed' => sub { kill 'KILL', $node->fetcher_pid },
    'the keeper ends' => sub { kill 'TERM', $node->keeper_pid },
    'the statement is cancelled' => sub { $node->value(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%tenant_vault.%' AND pid <> pg_backend_pid()}) },
    'the session is terminated' => sub { $node->value(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%tenant_vault.%' AND pid <> pg_backend_pid()}) },
    'the server is killed' => sub { $node->stop('immediate') });

# Waits until Vault has carried out the operation on the tenant's secret.
sub happened
{
    my ($tenant, $operation, $mark) = @_;
    my $path = 'secret/data/' . $vault->tenant_path($tenant);
    return $node->wait_until(sub { $vault->audit_count(path => $path, operation => $operation, since => $mark) > 0 }, 20);
}

my $number = 0;
sub strike
{
    my ($what, $stage, $fault) = @_;
    my $tenant = "$what-" . $number++;
    my $name = "$what, $stage: $fault";
    my $before = 0;
    my $old;
    if ($what ne 'create') {
        $before = $node->value(sprintf $call{create}, $tenant);
        $old = $vault->tenant_secret($tenant)->{password};
    }

    my $mark = $vault->audit_mark;
    $front->hold_back(HOLD_BACK);
    my $sessions = $node->start_sessions([sprintf $call{$what}, $tenant]);
    happened($tenant, $stage eq 'read' ? 'read' : $change{$what}, $mark) or BAIL_OUT("$name: it did not come to it");
    my $struck = time;
    $fault{$fault}->();
    my ($answer) = $node->finish_sessions($sessions, seconds => 30);
    my $took = time - $struck;
    $front->hold_back(0);
    $node->start if $fault =~ /server/;
    isnt($answer->{exit}, 0, "$name: the call ends with an error") or diag $answer->{out};
    cmp_ok($took, '<', 15, '... within seconds');
    $node->wait_for_status(sub { $_[0]{fetcher_pid} });

    my $again = $node->ask(sprintf $call{$what}, $tenant);
    is($again->{exit}, 0, '... called again it does what it is to do') or diag $again->{err};
    if ($what eq 'drop') {
        is($vault->tenant_secret($tenant), undef, '... the secret is deleted');
        is($node->value("SELECT count(*) FROM pg_roles WHERE rolname = '${tenant}_app'"), '0', '... and no role is left');
        is($vault->tenant_version($tenant), $before, '... and nothing was written besides');
        return;
    }
    is($node->value("SELECT count(*) FROM pg_roles WHERE rolname = '${tenant}_app'"), '1', '... there is one role');
    logs_in($node, "${tenant}_app", $vault->tenant_secret($tenant)->{password}, '... the password in Vault logs in');
    is_locked_out($node, "${tenant}_app", $old, '... and the one before does not') if $old;
    my $most = $what eq 'create' ? 1 : $before + 2;
    cmp_ok($vault->tenant_version($tenant), '<=', $most, '... and nothing was written by itself');
    return;
}

for my $what (qw(create rotate drop)) {
    for my $stage ('read', 'changed') {
        strike($what, $stage, $_) for sort keys %fault;
    }
}

# statement_timeout and the extension's own deadline end the wait as well.
$node->value(sprintf $call{create}, 'slow');
$front->hold_back(HOLD_BACK_LONG);
my $answer = $node->ask(q{SET statement_timeout = '300ms'; SELECT tenant_vault.rotate_password('slow')});
is($answer->{sqlstate}, '57014', 'statement_timeout ends the wait');
cmp_ok($answer->{seconds}, '<', HOLD_BACK_LONG, '... in its time');
$node->change_settings(request_timeout => '1s');
$answer = $node->ask(q{SELECT tenant_vault.rotate_password('slow')});
is($answer->{sqlstate}, '58000', 'request_timeout ends the wait') or diag $answer->{err};
$front->hold_back(0);
$node->change_settings(request_timeout => '20s');
$node->value(sprintf $call{rotate}, 'slow');
logs_in($node, 'slow_app', $vault->tenant_secret('slow')->{password}, '... and the next rotation counts');

$node->stop;
done_testing;
