# Many sessions that miss the same secret cost Vault one request.
#
# Vault is frozen while the sessions ask, so that all of them really wait at the same time.
#
#  1. 50 sessions, one tenant: one request, 50 answers
#  2. 50 sessions, 25 tenants: 25 requests
#  3. a tenant that does not exist: one request, and the same error for everybody
#  4. sessions that give up (cancelled, timed out, terminated) harm no other and cause no request
#  5. an entry that has grown old under load is refreshed by one request
#  6. no session ever logs in: one login all the while
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $sessions = 50;
my $vault = VaultServer->new('vault');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), request_timeout => '20s' });
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'warm', 'one', 'stubborn', 'old', map {"t$_"} 1 .. 25;

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}

$node->value(password('warm'));    # the login, and the platform's template
my $status_session = $node->background_psql('postgres');

# Runs the texts while Vault is frozen, thaws it when $waiting of them wait. The sessions connect
# first and stand at a gate, so that Vault is frozen for a moment only: a long silence would be
# taken for an outage, and a read would be tried again.
sub all_at_once
{
    my ($texts, $waiting, $before_thaw) = @_;
    my $gate = 'DO $$ BEGIN PERFORM pg_advisory_lock_shared(1); END $$;';
    my $waiters = sub { $status_session->query_safe('SELECT waiters FROM tenant_vault.status') };
    my $at_gate = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted};

    $status_session->query_safe('SELECT pg_advisory_lock(1)');
    my $running = $node->start_sessions([map { "$gate $_" } @$texts]);
    $node->wait_until(sub { $status_session->query_safe($at_gate) == @$texts })
        or die 'not all sessions have come to the gate';
    $vault->freeze;
    $status_session->query_safe('SELECT pg_advisory_unlock(1)');
    $node->wait_until(sub { $waiters->() == $waiting }, 10);
    is($waiters->(), $waiting, "... $waiting sessions wait at the same time");
    $before_thaw->() if $before_thaw;
    $vault->thaw;
    return $node->finish_sessions($running);
}

### 1

my $mark = $vault->audit_mark;
my @answers = all_at_once([map { password('one') } 1 .. $sessions], $sessions);
all_answer(\@answers, 's3cret of one', "$sessions sessions that miss the same tenant are answered");
is($vault->tenant_reads('one', $mark), 1, '... with one request');

### 2

$mark = $vault->audit_mark;
@answers = all_at_once([map { password("t$_"), password("t$_") } 1 .. 25], 50);
is( join(',', map { $_->{out} } @answers),
    join(',', map { ("s3cret of t$_") x 2 } 1 .. 25),
    '50 sessions that miss 25 tenants get each its own');
is($vault->audit_count(path => qr{/tenants/t\d+/database$}, operation => 'read', since => $mark),
    25, '... with 25 requests');

### 3

$vault->delete_metadata('saas-project/dev/database');
$node->value("SELECT tenant_vault.flush(); " . password('warm'));
$mark = $vault->audit_mark;
@answers = all_at_once([map { password('nobody') } 1 .. $sessions], $sessions);
is(scalar(grep { $_->{sqlstate} eq '42704' } @answers),
    $sessions, "$sessions sessions get the same error for a tenant that is not there");
is($vault->tenant_reads('nobody', $mark), 1, '... with one request');
$vault->put_template('postgresql://db.example/{tenant}');

### 4

$mark = $vault->audit_mark;
@answers = all_at_once(
    [   (map { password('stubborn') } 1 .. 5),
        (map { "SET statement_timeout = 1000; " . password('stubborn') } 1 .. 5),
        map { "SET application_name = 'victim$_'; " . password('stubborn') } 1 .. 2
    ],
    12,
    sub {
        is( $status_session->query_safe(
                q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim1'}
            ),
            't',
            '... one is cancelled');
        is( $status_session->query_safe(
                q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim2'}
            ),
            't',
            '... one is terminated');
        $node->wait_until(
            sub { $status_session->query_safe('SELECT waiters FROM tenant_vault.status') == 5 },
            10);
    });
all_answer([@answers[0 .. 4]], 's3cret of stubborn', 'those that waited on are answered');
is(scalar(grep { $_->{sqlstate} eq '57014' } @answers[5 .. 9]), 5, 'statement_timeout ends a wait');
is($answers[10]{sqlstate}, '57014', 'a query cancel ends a wait');
is($answers[11]{sqlstate}, '57P01', 'a termination ends a wait');
is($vault->tenant_reads('stubborn', $mark), 1, '... and there was one request');

### 5

$node->change_settings(cache_ttl => '1s');
$node->value("SELECT tenant_vault.refresh('old')");
sleep 1.2;
$mark = $vault->audit_mark;
@answers = all_at_once([map { password('old') } 1 .. $sessions], $sessions);
all_answer(\@answers, 's3cret of old', "$sessions sessions that find an old entry are answered");
is($vault->tenant_reads('old', $mark), 1, '... with one request');

### 6

is($vault->logins, 1, 'there was one login all the while');
$status_session->quit;
$node->stop;
done_testing();
