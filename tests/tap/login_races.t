# What changes while a client is in the middle of proving its password counts.
#
#  1. label changed, removed, written anew; role dropped and recreated, renamed, expired, NOLOGIN
#  2. a role without a label that is enrolled meanwhile
#  3. a password rotated meanwhile: who leaked it cannot keep a door open by beginning early
#  4. a label that is no tenant's name opens nothing, on no line
#  5. a label that changes all the time, while clients log in: each of its tenants' passwords opens the
#     role, and no other's
use strict;
use warnings;

use LoginNode;
use POSIX ();
use RawClient;
use Test::More;
use Time::HiRes qw(time);
use VaultServer;

use constant RACE_SECONDS => 6;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for qw(acme beta gamma);
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') });

# An exchange of its own role's, in whose middle the statements are run; gives what it comes to.
sub exchange_with
{
    my ($user, $password, $statements) = @_;
    my $client = RawClient->connect($node);
    $client->startup($user);
    my $first = $client->begin_scram;
    $node->value($statements) if $statements;
    $client->prove($first, $password);
    return $client->outcome // { M => 'a bare end of the connection' };
}

sub is_refused
{
    my ($outcome, $user, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($outcome->{M}, qq{password authentication failed for user "$user"}, $name);
    return;
}

### 1

my $number = 0;
sub fresh_role { my $role = 'app' . ++$number; $node->enroll($role, 'acme'); return $role; }

my $role = fresh_role();
is(exchange_with($role, 's3cret of acme')->{in}, 1, 'an exchange in which nothing changes succeeds');
is_refused(exchange_with($role, 's3cret of beta'), $role, '... and fails with another password');
for my $case (
    ['label changed', "SECURITY LABEL FOR tenant_vault ON ROLE %s IS 'beta'"],
    ['label removed', 'SECURITY LABEL FOR tenant_vault ON ROLE %s IS NULL'],
    ['unenrolled', q{SELECT tenant_vault.unenroll('%s')}],
    ['role dropped', 'DROP ROLE %s'],
    ['role dropped, recreated and enrolled', q{DROP ROLE %1$s; CREATE ROLE %1$s LOGIN; SELECT tenant_vault.enroll('%1$s', 'acme')}],
    ['role renamed', 'ALTER ROLE %1$s RENAME TO %1$s_old'],
    ['another role of its name', q{ALTER ROLE %1$s RENAME TO %1$s_old; CREATE ROLE %1$s LOGIN PASSWORD 's3cret of acme'}],
    ['role expired', q{ALTER ROLE %s VALID UNTIL '2001-01-01'}])
{
    my ($what, $format) = @$case;
    $role = fresh_role();
    my $mark = $node->log_mark;
    is_refused(exchange_with($role, 's3cret of acme', sprintf $format, $role), $role, "$what in mid-exchange: refused");
    like($node->log_since($mark), qr/has changed meanwhile|VALID UNTIL is over/, '... and the log says why');
}
$role = fresh_role();
is(exchange_with($role, 's3cret of acme', "SECURITY LABEL FOR tenant_vault ON ROLE $role IS 'acme'")->{in}, 1,
    'the same label written anew is no change');
$role = fresh_role();
like(exchange_with($role, 's3cret of acme', "ALTER ROLE $role NOLOGIN")->{M}, qr/is not permitted to log in/, 'NOLOGIN in mid-exchange holds');

### 2

$role = fresh_role();
$node->value("CREATE ROLE member LOGIN PASSWORD 'own password' IN ROLE $role");
is(exchange_with('member', 'own password')->{in}, 1, 'a member without a label proves its own password');
is_refused(exchange_with('member', 'own password', q{SELECT tenant_vault.enroll('member', 'beta')}), 'member',
    '... which is none any more when it is enrolled in mid-exchange');

### 3

# Something else than a statement changes in the middle.
sub exchange_while
{
    my ($user, $password, $change) = @_;
    my $client = RawClient->connect($node);
    $client->startup($user);
    my $first = $client->begin_scram;
    $change->();
    $client->prove($first, $password);
    return $client->outcome // { M => 'a bare end of the connection' };
}
$role = fresh_role();
my $refresh = sub { $node->value(q{SELECT tenant_vault.refresh('acme')}) };
is(exchange_while($role, 's3cret of acme', $refresh)->{in}, 1, 'a secret read again in mid-exchange is no change');
is(exchange_while($role, 's3cret of acme', sub { $node->value('SELECT tenant_vault.flush()') })->{in}, 1, '... nor is a cache that was emptied');
my $mark = $node->log_mark;
is_refused(exchange_while($role, 's3cret of acme', sub { $vault->put_tenant('acme', { username => 'x', password => 'rotated' }); $refresh->() }),
    $role, 'a password rotated in mid-exchange: the old one is refused');
like($node->log_since($mark), qr/the password has changed meanwhile/, '... and the log says why');
is_refused(exchange_with($role, 's3cret of acme'), $role, '... the next is about the new one');
$vault->put_tenant('acme');
$node->value(q{SELECT tenant_vault.refresh('acme')});

### 4

$role = fresh_role();
$node->value("SET allow_system_table_mods = on; UPDATE pg_shseclabel SET label = '../beta' WHERE objoid = '$role'::regrole");
is_refused(exchange_with($role, 's3cret of acme'), $role, "a label that is no tenant's name opens nothing");
$node->write_hba('local all all trust');
$node->reload;
is_locked_out($node, $role, 's3cret of beta', '... nor does a trust line for everybody');
$node->write_hba($node->hba_lines);
$node->reload;

### 5

$node->enroll('turncoat', 'acme');
$node->enroll('beta_app', 'beta');
my $relabel = 'DO $$ DECLARE ends timestamptz := clock_timestamp() + interval \'' . RACE_SECONDS . ' s\'; '
  . 'BEGIN WHILE clock_timestamp() < ends LOOP '
  . q{SECURITY LABEL FOR tenant_vault ON ROLE turncoat IS 'gamma'; COMMIT; }
  . q{SECURITY LABEL FOR tenant_vault ON ROLE turncoat IS 'acme'; COMMIT; END LOOP; END $$};
my $session = $node->start_sessions([$relabel]);
my $until = time + RACE_SECONDS;

# Ends with whether it got in and whether anything went otherwise than a wrong password goes.
sub race
{
    my ($tenant) = @_;
    my $seen = 0;
    while (time < $until) {
        my $outcome = exchange_with('turncoat', "s3cret of $tenant");
        $seen |= $outcome->{in} ? 1 : $outcome->{M} =~ /^password authentication failed/ ? 0 : 2;
    }
    return $seen;
}
my @racers;
for my $tenant (qw(acme gamma beta)) {
    my $pid = fork // die "fork: $!";
    POSIX::_exit(race($tenant)) if $pid == 0;
    push @racers, [$tenant, $pid];
}
my ($answer) = $node->finish_sessions($session);
is($answer->{exit}, 0, 'a label changes all the time') or diag $answer->{err};
for my $racer (@racers) {
    my ($tenant, $pid) = @$racer;
    waitpid $pid, 0;
    is($? >> 8, $tenant eq 'beta' ? 0 : 1, "... $tenant\'s password " . ($tenant eq 'beta' ? 'never opens the role' : 'opens the role'));
}

$node->stop;
done_testing;
