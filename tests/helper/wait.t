# wait: until Vault is alive or lets us log in; what each look shows, and exit status 3 in the end.
use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my %anonymous = (VAULT_TOKEN_FILE => undef);
my %down = (VAULT_ADDR => 'http://127.0.0.1:1');
my @twice = ('--attempts', '2', '--interval', '1');

sub waits
{
    my ($env, @options) = @_;
    my $start = time;
    my $run = $helper->run('wait', @options, { env => $env });
    return ($run, time - $start);
}
sub looks { return scalar(() = $_[0]->{stderr} =~ /^minio-helper: wait: look \d+: /mg); }

my ($run, $took) = waits(\%anonymous);
is($run->{status}, 0, 'alive: done at the first look, without any credential');
is($run->{stderr}, 'minio-helper: wait: look 1: Vault at ' . $vault->address . " is alive (active)\n", 'and says what it saw');
is($run->{stdout}, '', 'standard output stays empty');

($run, $took) = waits({ %anonymous, %down }, @twice);
is($run->{status}, 3, 'unreachable: 3 in the end');
is(looks($run), 2, 'after as many looks as were asked for');
like($run->{stderr}, qr/^minio-helper: wait: look 2: cannot reach Vault at http:\/\/127\.0\.0\.1:1/m, 'each says why');
cmp_ok($took, '>=', 1, 'the interval lies between them');

($run) = waits({ %anonymous, VAULT_ADDR => "http://127.0.0.1:1," . $vault->address });
is($run->{status}, 0, 'of several addresses one is enough');

# What OpenBao cannot be made to be.
for my $kind ([ 472 => 'disaster recovery secondary', '"replication_dr_mode":"secondary"' ], [ 473 => 'performance standby', '"performance_standby":true' ]) {
    my ($code, $name, $field) = @{$kind};
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "cannot listen: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        my $client = $listener->accept;
        my $body = qq({"initialized":true,"sealed":false,"standby":true,$field});
        while (my $line = <$client>) { last if $line =~ /^\r?\n/; }
        print {$client} "HTTP/1.1 $code x\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
        close $client;
        POSIX::_exit(0);
    }
    my ($other) = waits({ %anonymous, VAULT_ADDR => 'http://127.0.0.1:' . $listener->sockport }, '--attempts', '1');
    waitpid $pid, 0;
    is($other->{status}, 0, "a $name ($code) is alive");
    like($other->{stderr}, qr/is alive \($name\)$/m, 'and called what it is');
}

$vault->freeze;
($run, $took) = waits(\%anonymous, '--deadline', '2');
is($run->{status}, 3, 'one that never answers: 3');
cmp_ok($took, '<', 8, 'the deadline bounds the whole');
$vault->thaw;

$vault->seal;
($run) = waits(\%anonymous, @twice);
is($run->{status}, 3, 'sealed: 3');
like($run->{stderr}, qr/look 2: Vault at \S+ is sealed$/m, 'and says so');
like($run->{stderr}, qr/^hint: unseal it/m, 'and what to do');
($run) = waits({}, @twice, '--for', 'login');
is($run->{status}, 3, 'sealed, for a login: 3');
like($run->{stderr}, qr/look 2: .*sealed/i, 'and says so');

# Unsealed while it waits.
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    sleep 1.5;
    exec $helper->top . '/tests/setup/vault_server', 'unseal', $vault->dir or POSIX::_exit(127);
}
($run) = waits(\%anonymous, '--interval', '1');
waitpid $pid, 0;
is($run->{status}, 0, 'waits until it is unsealed');
cmp_ok(looks($run), '>', 1, 'with more than one look');

my $bare = VaultServer->new('bare', bare => 1, audit => 0);
($run) = waits({ %anonymous, VAULT_ADDR => $bare->address }, '--attempts', '1');
is($run->{status}, 3, 'not initialised: 3');
like($run->{stderr}, qr/is not initialized$/m, 'and says so');
like($run->{stderr}, qr/^hint: initialise it/m, 'and what to do');
$bare->stop;

# Logging in
my %approle = $vault->approle('waiting');
my %login = (VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID_FILE => $approle{role_id_file}, VAULT_SECRET_ID_FILE => $approle{secret_id_file});
($run) = waits(\%login, '--for', 'login');
is($run->{status}, 0, 'a login that succeeds: done');
is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'and its token is revoked again');

my $mark = $vault->audit_mark;
my $wrong = $vault->credential_file('wrong.secret_id', 'this-is-not-it');
($run, $took) = waits({ %login, VAULT_SECRET_ID_FILE => $wrong }, '--for', 'login');
is($run->{status}, 4, 'a login that is refused: 4 at once');
cmp_ok($took, '<', 10, 'because waiting mends nothing');
is($vault->logins($mark), 1, 'and one login, so that the role is not locked out');

($run) = waits({ VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID => 'some-role' }, '--for', 'login');
is($run->{status}, 2, 'VAULT_ROLE_ID without VAULT_SECRET_ID: 2');
like($run->{stderr}, qr/secret_id/, 'and names what is missing');
is($helper->run('wait', { env => { VAULT_ADDR => undef } })->{status}, 2, 'no address: 2');
is($helper->run('wait', @{$_})->{status}, 2, "refused: @{$_}")
  for [ '--for', 'coffee' ], [ '--attempts', '0' ], [ '--attempts', 'x' ], [ '--interval', '0' ], [ '--deadline', '-1' ], ['more'];

# A standby, and one whose leader is gone.
my @nodes = VaultServer->cluster('node');
my %standby = (VAULT_ADDR => $nodes[1]->address, VAULT_TOKEN_FILE => $nodes[0]->credential_file('root', $nodes[0]->root_token));
($run) = waits(\%standby);
is($run->{status}, 0, 'a standby is alive');
like($run->{stderr}, qr/is alive \(standby\)$/m, 'and called what it is');
$nodes[0]->api(POST => 'sys/auth/approle', { type => 'approle' });
my %role = $nodes[0]->approle('waiting');
sleep 1;    # until a standby has the new secret_id as well
$nodes[0]->kill9;
$nodes[2]->kill9;
my %leaderless = (VAULT_ADDR => $nodes[1]->address, VAULT_TOKEN_FILE => undef,
    VAULT_ROLE_ID_FILE => $role{role_id_file}, VAULT_SECRET_ID_FILE => $role{secret_id_file});
($run) = waits(\%leaderless);
is($run->{status}, 0, 'without a leader it is alive as well');
($run) = waits(\%leaderless, '--for', 'login', '--attempts', '2', '--interval', '1', '--deadline', '6');
is($run->{status}, 3, 'but lets nobody log in: 3');
like($run->{stderr}, qr/^minio-helper: wait: look \d: Vault at \S+ is a standby that cannot log us in: /m, 'and says why');
diag $run->{stderr} if $ENV{VERBOSE};

done_testing();
