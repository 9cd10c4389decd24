# Credentials that Vault refuses. Five refused logins lock an AppRole out, its siblings included:
# so each bad credential gets one login, however many sessions ask, and Vault's own audit log is
# what counts them.
#
#  1. wrong role_id, wrong, spent, expired, foreign-address secret_id: one login, a clear error
#  2. a role_id or secret_id file that is missing, empty, a folder, or readable by others: no login
#  3. a trailing newline in the files does no harm
#  4. a wrapped secret_id that somebody opened, or that came from elsewhere
#  5. a token that is bound to another address; a wrong token; a token file that is missing
#  6. a new credential in the file ends the refusal, without a reload
#  7. a role that is locked out: one login, and the error says so
#  8. a fetcher or keeper that ends and comes back does not try a refused credential again, and many
#     reloads try it twice
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my %good = $vault->approle('server');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { %good, cache_ttl => 0, stale_limit => 0, negative_ttl => 0 });
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};
is_answer($node->ask($question), 's3cret of acme', 'the good credential logs in');

my $login = 'auth/approle/login';

# Takes up these settings, asks by many sessions and for a while; the first answer is returned.
sub ask_with
{
    my (%settings) = @_;
    my $mark = $vault->audit_mark;
    $node->change_settings(
        role_id => undef,
        secret_id_wrapped => undef,
        token_file => undef,
        auth_method => undef,
        %good, %settings);
    # The reload has arrived when questions are no longer answered by the good token.
    my $answer;
    $node->wait_until(sub { $answer = $node->ask($question); $answer->{exit} != 0 }, 10);
    my @answers = $node->sessions([($question) x 10]);
    sleep 0.7;
    push @answers, $node->sessions([($question) x 3]);
    return {
        %{ $answers[0] },
        logins => $vault->audit_count(path => $login, since => $mark),
        mark => $mark,
        all_refused => (
            scalar(@answers) == grep { $_->{exit} != 0 && $_->{sqlstate} eq $answers[0]{sqlstate} }
                @answers
        ) };
}

# One login, a clear error for everybody, nobody locked out.
sub refused_once
{
    my ($what, $answer, $message, $logins) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_refused($answer, '28000', $message, "$what is refused with a clear error");
    ok($answer->{all_refused}, '... to every session');
    is($answer->{logins}, $logins // 1, '... after ' . ($logins // 1) . ' login');
    is_deeply([$vault->locked_role_ids], [], '... and no role is locked out');
    return;
}

### 1

refused_once(
    'a wrong role_id',
    ask_with(role_id => 'no-such-role', role_id_file => undef),
    qr/invalid role or secret ID/);
refused_once(
    'a wrong secret_id',
    ask_with(secret_id_file => $vault->credential_file('wrong', 'not-a-secret-id')),
    qr/invalid role or secret ID/);
ok($node->wait_for_status(sub { $_[0]{login_failures} == 2 }, 10), 'status counts the refused logins')
    or diag $node->status->{login_failures};

$vault->approle('spent');
my $spent = $vault->mint_secret_id('spent', num_uses => 1);
$vault->api(
    POST => $login,
    { role_id => $vault->role_id('spent'), secret_id => $spent }, token => '');
refused_once(
    'a used-up secret_id',
    ask_with(
        role_id => $vault->role_id('spent'),
        role_id_file => undef,
        secret_id_file => $vault->credential_file('spent', $spent)
    ),
    qr/invalid role or secret ID/);

$vault->approle('expired');
my $expired = $vault->mint_secret_id('expired', ttl => '1s');
sleep 1.5;
refused_once(
    'an expired secret_id',
    ask_with(
        role_id => $vault->role_id('expired'),
        role_id_file => undef,
        secret_id_file => $vault->credential_file('expired', $expired)
    ),
    qr/invalid role or secret ID/);

$vault->approle('elsewhere', secret_id_bound_cidrs => ['192.0.2.0/24']);
refused_once(
    'a secret_id bound to another address',
    ask_with(
        role_id => $vault->role_id('elsewhere'),
        role_id_file => undef,
        secret_id_file => $vault->secret_id_file('elsewhere')
    ),
    qr/CIDR|unauthorized/);

### 2

my $folder = PostgreSQL::Test::Utils::tempdir('files');
my $open = $vault->credential_file('open', $vault->mint_secret_id('server'));
chmod 0644, $open;
mkdir "$folder/folder";
for my $case (
    ['a secret_id file that is missing', secret_id_file => "$folder/missing"],
    ['a role_id file that is missing', role_id_file => "$folder/missing"],
    ['a secret_id file that is empty', secret_id_file => $vault->credential_file('empty', '')],
    [   'a role_id file that holds only a newline',
        role_id_file => $vault->credential_file('newline', "\n")
    ],
    ['a secret_id file that is a folder', secret_id_file => "$folder/folder"],
    ['a secret_id file that others may read', secret_id_file => $open])
{
    my ($what, %settings) = @$case;
    my ($path) = values %settings;
    my $answer = ask_with(%settings);
    is_refused($answer, 'F0000', qr/\Q$path\E/, "$what is refused, and the error names it");
    is($answer->{logins}, 0, '... without a login');
}
chmod 0600, $open;
ok( $node->wait_until(sub { $node->ask($question)->{exit} == 0 }, 10),
    'closing the file to others is enough: no reload is needed');

### 3

$node->change_settings(
    role_id_file => $vault->credential_file('r', $vault->role_id('server') . "\n"),
    secret_id_file => $vault->credential_file('s', $vault->mint_secret_id('server') . "\n"));
my $mark = $vault->audit_mark;
ok($node->wait_until(sub { $node->ask($question)->{exit} == 0 }, 10),
    'a trailing newline in the files does no harm');

### 4

$vault->approle('wrapped');
my $wrapping = $vault->mint_wrapped_secret_id('wrapped');
$vault->api(POST => 'sys/wrapping/unwrap', undef, token => $wrapping);
my %wrapped =
    (role_id => $vault->role_id('wrapped'), role_id_file => undef, secret_id_wrapped => 'on');
refused_once(
    'a wrapped secret_id that somebody opened',
    ask_with(%wrapped, secret_id_file => $vault->credential_file('opened', $wrapping)),
    qr/wrapp/, 0);
my $foreign = $vault->api(
    POST => 'sys/wrapping/wrap',
    { secret_id => 'chosen-by-an-attacker' }, wrap_ttl => '5m'
)->{body}{wrap_info}{token};
my $answer = ask_with(%wrapped, secret_id_file => $vault->credential_file('foreign', $foreign));
refused_once('a wrapping token that came from elsewhere', $answer, qr{sys/wrapping/wrap}, 0);
is($vault->audit_count(path => 'sys/wrapping/unwrap', since => $answer->{mark}),
    0, '... and is not unwrapped');

### 5

$answer = ask_with(
    auth_method => 'token_file',
    token_file => $vault->credential_file('bound', $vault->mint_bound_token('192.0.2.0/24')));
is_refused(
    $answer, '28000',
    qr/token|permission denied/,
    'a token that is bound to another address is refused');
$answer = ask_with(
    auth_method => 'token_file',
    token_file => $vault->credential_file('garbage', 's.garbage'));
is_refused(
    $answer, '28000',
    qr/token|permission denied/,
    'a token that Vault does not know is refused');
$answer = ask_with(auth_method => 'token_file', token_file => "$folder/no-token");
is_refused($answer, 'F0000', qr{\Q$folder\E/no-token}, 'a token file that is missing is named');

### 6

my $file = $vault->credential_file('mended', 'wrong');
$answer = ask_with(secret_id_file => $file);
is($answer->{logins}, 1, 'a wrong secret_id is tried once');
ok(!$node->status->{can_log_in_again}, '... and status says that no login is possible');
my $mended = $vault->audit_mark;
$vault->credential_file('mended', $vault->mint_secret_id('server'));
ok( $node->wait_until(sub { $node->ask($question)->{exit} == 0 }, 10),
    'a new secret_id in the file is taken up without a reload');
is($vault->audit_count(path => $login, since => $mended), 1, '... by one login');

### 7

$vault->approle('locked');
my $role_id = $vault->role_id('locked');
$vault->api(
    POST => $login,
    { role_id => $role_id, secret_id => 'wrong' },
    token => '',
    may_fail => 1
) for 1 .. 5;
is_deeply([$vault->locked_role_ids],
    [$role_id], 'five refused logins of somebody else lock a role out');
$answer = ask_with(
    role_id => $role_id,
    role_id_file => undef,
    secret_id_file => $vault->secret_id_file('locked'));
is_refused(
    $answer, '28000',
    qr/permission denied|lock/,
    'a role that is locked out is refused',
    hint => qr/lock/i);
is($answer->{logins}, 1, '... after one login');

### 8

my %restarted = $vault->approle('restarted');
$answer =
    ask_with(%restarted, secret_id_file => $vault->credential_file('retried', 'not-a-secret-id'));
is($answer->{logins}, 1, 'a wrong secret_id before restarts: one login');
my $before = $vault->audit_mark;
my %restart = (
    'restart_fetcher()' => sub { $node->value('SELECT tenant_vault.restart_fetcher()') },
    'a kill of the fetcher' => sub { kill 'KILL', $node->fetcher_pid },
    'an end of the keeper' => sub { kill 'TERM', $node->keeper_pid });
for my $what (sort keys %restart) {
    my $fetcher = $node->fetcher_pid;
    for (1 .. 3) {
        $restart{$what}->();
        $node->wait_until(sub { my $pid = $node->fetcher_pid; $pid && $pid != $fetcher });
        $fetcher = $node->fetcher_pid;
        $answer = $node->ask($question);
    }
    is_refused($answer, '28000', qr/invalid role or secret ID/, "after $what: the same error");
    is($vault->audit_count(path => $login, since => $before), 0, '... without another login');
}
for (1 .. 6) {
    $node->reload;
    sleep 0.3;
    $answer = $node->ask($question);
}
is_refused($answer, '28000', qr/invalid role or secret ID/, 'after six reloads: the same error');
cmp_ok($vault->audit_count(path => $login, since => $before),
    '<=', 2, '... by two more logins at most');
is_deeply([$vault->locked_role_ids], [$role_id], '... and the role is not locked out');
$vault->credential_file('retried', $vault->mint_secret_id('restarted'));
ok( $node->wait_until(sub { $node->ask($question)->{exit} == 0 }, 10),
    '... until its file changes');

$node->stop;
done_testing();
