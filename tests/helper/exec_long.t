# exec as a long run, with a token of 4 s that can live 12 s: renewed at 75 %, replaced at its
# maximum and after a revocation, across a restart of Vault; each event a line with time and TTL; and
# an end within a second. What children can do: die, ignore SIGTERM, leave daemons behind.
use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use BackgroundRun;
use MinioHelper;
use VaultServer;

use constant { TTL => 4, MAX_TTL => 12 };
use constant SLACK => 6;    # seconds that a loaded machine may be late

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
$vault->put('saas-project/dev/jwt', { secret_key => 'signing-key' });
$vault->put_policy('app', 'path "secret/data/saas-project/dev/*" { capabilities = ["read"] }');
my %approle = $vault->approle('app', token_policies => 'app', token_ttl => TTL . 's', token_max_ttl => MAX_TTL . 's');
my %login = (VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID_FILE => $approle{role_id_file}, VAULT_SECRET_ID_FILE => $approle{secret_id_file});

sub start { my ($env, @arguments) = @_; return BackgroundRun->new($helper, @arguments, { env => { %login, %{$env} } }); }
sub says { my ($job, $wanted, $seconds) = @_; return $job->says($wanted, $seconds + SLACK); }

### The life of a token

my $event = qr/^minio-helper: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) /m;
my $job = start({}, 'exec', '--app', '--', 'sh', '-c', 'echo ready; exec sleep 600');
ok(says($job, qr/${event}logged in to Vault at \S+, token valid for \d+ s, renewable$/m, 5), 'the first login is a line, with time and TTL');
ok(says($job, qr/${event}renewed the token, valid for \d+ s$/m, TTL), 'so is a renewal');
$job->mark;
ok(says($job, qr/${event}renewed the token, valid for \d+ s, its maximum: a new login will follow$/m, MAX_TTL), 'near its maximum the token stops growing, which is said');
ok(says($job, qr/${event}logged in to Vault/m, MAX_TTL), 'and a login replaces it');
sub seconds { my ($y, $mon, $d, $h, $m, $s) = $_[0] =~ /\d+/g; return timegm($s, $m, $h, $d, $mon - 1, $y); }
my ($first_login, $first_renewal) = map { seconds($_) } $job->log =~ /${event}logged in.*?${event}renewed/s;
# Whole seconds of the clock: 3 s are 2 to 4 of them, and later on a loaded machine.
cmp_ok($first_renewal - $first_login, '>=', 2, 'the renewal came at 75 % of the TTL, not earlier');
my ($last) = $vault->audit_entries(path => 'auth/token/renew-self');
is($last->{response}{auth}{policies}[0] // '', 'app', 'a renewal is one in Vault\'s audit log, too');

$job->mark;
my @accessors = $vault->accessors_by_login('auth/approle/login');
$vault->api(POST => 'auth/token/revoke-accessor', { accessor => $_ }) for @accessors;
ok(says($job, qr/${event}logged in to Vault/m, TTL), 'a token that was revoked is replaced by a login');
like($job->log_since, qr/${event}.*(refuse|renewed any more)/m, 'after a line that says why');

$job->mark;
$vault->stop;
sleep TTL + 1;    # the token ends meanwhile
ok(kill(0, $job->pid), 'Vault is gone: the command runs on');
$vault->start;
ok(says($job, qr/${event}logged in to Vault/m, 3 * TTL), 'Vault is back: a login');
$job->mark;
ok(says($job, qr/${event}renewed the token/m, TTL), 'and renewals as before');
is($job->out, "ready\n", 'one command was started, and once');
my $start = time;
kill 'TERM', $job->pid;
my ($status, $took) = $job->finish;
is($status, 143, 'SIGTERM ends the command');
cmp_ok($took, '<', 1, 'and exec within a second');
is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'no token is left');
unlike($job->log, qr/signing-key/, 'no secret is in the log');

### The end, with a Vault that does not answer

$job = start({}, 'exec', '--app', '--', 'sh', '-c', 'echo ready; exec sleep 600');
says($job, qr/ready/, 5);
$vault->freeze;
kill 'INT', $job->pid;
($status, $took) = $job->finish;
$vault->thaw;
is($status, 130, 'SIGINT ends the command');
cmp_ok($took, '<', 1.5, 'and exec, although its token cannot be given back');

$vault->freeze;
$job = start({}, 'exec', '--app', '--fallback-env', '--', 'echo', 'started');
sleep 1;
kill 'WINCH', $job->pid;
sleep 0.2;
ok(kill(0, $job->pid), 'it waits for Vault, and a window that changes its size ends nothing');
kill 'TERM', $job->pid;
($status, $took) = $job->finish;
$vault->thaw;
is($status, 143, 'SIGTERM ends it there');
cmp_ok($took, '<', 1.5, 'at once');
is($job->out, '', 'and nothing is started, with --fallback-env neither');

# One that answers until it is asked for the new version, and never again: SIGTERM gets through.
{
    my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => 0) or die "cannot listen: $!";
    my $server = fork // die "fork: $!";
    if ($server == 0) {
        my $answered = 0;
        my @silent;
        while (my $client = $listener->accept) {
            my $of_secret = (<$client> // '') =~ m{/v1/secret/data/};
            while (my $line = <$client>) { last if $line =~ /^\r?\n/; }
            # Three secrets at the start, three looks, and the first of them again.
            $answered++ if $of_secret;
            if ($answered > 6) { push @silent, $client; next; }
            my $version = $answered > 3 ? 2 : 1;
            my $status = $of_secret ? 200 : 403;
            my $body = $of_secret ? qq({"data":{"data":{"secret_key":"k$version"},"metadata":{"version":$version,"created_time":"2026-01-01T00:00:0${version}Z","deletion_time":"","destroyed":false}}})
              : '{"errors":["permission denied"]}';
            print {$client} "HTTP/1.1 $status x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
            close $client;
        }
    }
    my $token = $vault->credential_file('any.token', 'any');
    $job = start({ VAULT_ADDR => 'http://127.0.0.1:' . $listener->sockport, VAULT_TOKEN_FILE => $token, VAULT_ROLE_ID_FILE => undef, VAULT_SECRET_ID_FILE => undef },
        'exec', '--app', '--token-cache', "$dir/cache", '--interval', '1', '--on-change', 'restart', '--', 'sh', '-c', 'echo ready; exec sleep 600');
    says($job, qr/ready/, 5);
    sleep 2;
    kill 'TERM', $job->pid;
    ($status, $took) = $job->finish;
    kill 'KILL', $server;
    waitpid $server, 0;
    is($status, 143, 'SIGTERM while a change is being fetched ends the command');
    cmp_ok($took, '<', 1.5, 'at once');
}

### What children do

$job = start({}, 'exec', '--app', '--', 'sh', '-c', 'echo ready; kill -SEGV $$');
is(scalar($job->finish), 139, 'a command that dies: its signal comes back');
is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'and no token is left');

$job = start({}, 'exec', '--app', '--', 'sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done');
says($job, qr/ready/, 5);
kill 'TERM', $job->pid;
$job->mark;
ok(says($job, qr/${event}renewed the token/m, TTL), 'a command that ignores SIGTERM goes on, and its token is renewed');
ok(says($job, qr/has been told to end by SIGTERM, and goes on/, 10), 'and after 10 s that is said');
my $child = `pgrep -P @{[ $job->pid ]}`;
kill 'KILL', $child;
is(scalar($job->finish), 137, 'SIGKILL ends it, with its status');

$job = start({}, 'exec', '--app', '--', 'sh', '-c', "(setsid sh -c 'echo \$\$ >$dir/daemon; exec sleep 60' &) ; while [ ! -s $dir/daemon ]; do sleep 0.05; done; exit 3");
is(scalar($job->finish), 3, 'a command that leaves a daemon behind: its own end counts');
chomp(my $daemon = PostgreSQL::Test::Utils::slurp_file("$dir/daemon"));
ok(kill(0, $daemon), 'and the daemon is left alone');
kill 'KILL', $daemon;

done_testing();
