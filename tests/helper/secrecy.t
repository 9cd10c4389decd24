# No secret in argv, on standard error, in a core file, in /proc/PID/environ, or in memory at the end.
use strict;
use warnings;

use Cwd qw(abs_path);
use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep time);

use MinioHelper;
use ScriptedHttp;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $secret = 'S3CRET/of+acme=';
my $token = $vault->root_token;
$vault->put('saas-project/dev/tenants/acme/s3', { access_key_id => 'acme-key', secret_access_key => $secret });
my @acme = ('credentials', '--tenant', 'acme', '--output', "$dir/out");

sub run_with
{
    my ($env, @command) = @_;
    local %ENV = %{ $helper->env(%{$env}) };
    my ($out, $err) = ('', '');
    IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return $out . $err;
}

SKIP: {
    skip 'no strace here', 6 if system('command -v strace >/dev/null') != 0;
    run_with({}, 'strace', '-f', '-v', '-s', '1000000', '-e', 'trace=execve,write,writev', '-o', "$dir/trace",
        MinioHelper::program(), 'exec', '--tenant', 'acme', '--files', "/dev/shm/secrecy.$$", '--', 'true');
    rmdir "/dev/shm/secrecy.$$";
    my $trace = PostgreSQL::Test::Utils::slurp_file("$dir/trace");
    my $arguments = join "\n", map { /execve\("[^"]*", (\[.*?\])/ ? $1 : () } split /\n/, $trace;
    like($arguments, qr/"true"/, 'the trace shows what was run');
    ok($arguments !~ /\Q$secret\E|\Q$token\E/, 'no secret in argv');
    ok($trace !~ /writev?\([12], .*(\Q$secret\E|\Q$token\E)/, 'no secret on standard output and standard error');
    ok($trace =~ /write\(([3-9]|\d\d+), "\Q$secret\E"/, 'only into its file');
    $helper->write_file("$dir/traced.env", "SECRET_KEY='$secret'\n");
    run_with({}, 'strace', '-f', '-v', '-s', '1000000', '-e', 'trace=execve,write,writev', '-o', "$dir/trace", MinioHelper::program(), 'import', '-e', 'traced', "$dir/traced.env");
    $trace = PostgreSQL::Test::Utils::slurp_file("$dir/trace");
    like($trace, qr/write\(1, .*wrote saas-project\/traced\/jwt/, 'import says what it wrote');
    ok($trace !~ /writev?\([12], .*\Q$secret\E/, 'and not the value');
}

# The same for every command: what it says and what it starts holds no secret, and what it writes goes
# to standard output, where it was asked for, or to Vault.
SKIP: {
    skip 'no strace here', 8 if system('command -v strace >/dev/null') != 0;
    my $database = 'p4ssw0rd-of-acme';
    $vault->put('saas-project/dev/tenants/acme/database', { url => "postgresql://acme:$database\@db.example/acme" });
    $vault->put('saas-project/dev/s3', { access_key_id => 'key', secret_access_key => $secret, endpoint_url => 'http://127.0.0.1:1' });
    mkdir "$dir/tokens", 0700;
    $helper->write_file("$dir/new.json", qq{{"field": "$secret"}});
    my %commands = (
        credentials => ['credentials', '--tenant', 'acme', '--format', 'env'], get => ['get', 'dev/tenants/acme/s3'],
        list => ['list', 'dev/tenants'], put => ['put', '--no-cas', 'dev/new'], database => ['database', '--tenant', 'acme'],
        check => ['check', '--tenant', 'acme', '--minio'], exec => ['exec', '--tenant', 'acme', '--', 'true'],
        serve => ['serve', '--token-dir', "$dir/tokens", '--listen', '127.0.0.1:0', 'acme']);
    for my $name (sort keys %commands) {
        local %ENV = %{ $helper->env };
        IPC::Run::run([ 'timeout', '--preserve-status', '-s', 'TERM', '5', 'strace', '-f', '-v', '-s', '1000000', '-e',
                'trace=execve,write,writev,pwrite64', '-o', "$dir/trace", MinioHelper::program(), @{ $commands{$name} } ],
            '<', $name eq 'put' ? "$dir/new.json" : '/dev/null', '>', \my $out, '2>', \my $err, IPC::Run::timeout(60));
        my $trace = PostgreSQL::Test::Utils::slurp_file("$dir/trace");
        my $started = join "\n", map { /execve\("[^"]*", (\[.*?\])/ ? $1 : () } split /\n/, $trace;
        my @written = grep { /(?:write|writev|pwrite64)\((?!1,)\d+, / && /\Q$secret\E|\Q$token\E|\Q$database\E/ } split /\n/, $trace;
        ok($trace =~ /execve/ && $started !~ /\Q$secret\E|\Q$token\E|\Q$database\E/ && !@written && $err !~ /\Q$secret\E|\Q$token\E|\Q$database\E/,
            "$name: no secret in arguments, on standard error, or in a file") or diag join "\n", $started, @written, $err;
    }
}

# A crash leaves no core: at five points of a run that has a token and waits for Vault.
my $http = ScriptedHttp->new(silent => sub { sleep 20 });
mkdir "$dir/cores";
sub cores { return grep { -f } glob "$dir/cores/*core*"; }
sub crash
{
    my ($delay, @command) = @_;
    unlink cores();
    my $before = () = $http->requests;
    local %ENV = %{ $helper->env(VAULT_ADDR => $http->address, VAULT_CLIENT_TIMEOUT => '15s') };
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        chdir "$dir/cores";
        open STDERR, '>', '/dev/null';
        exec 'sh', '-c', 'ulimit -c unlimited && exec "$@"', 'sh', @command or POSIX::_exit(127);
    }
    # Before main there is no secret, and nothing that keeps a core away.
    my $until = time + 15;
    sleep 0.02 while $command[0] ne 'sleep' && (() = $http->requests) == $before && time < $until;
    sleep $delay;
    kill 'SEGV', $pid;
    waitpid $pid, 0;
    return $?;
}
crash(0.3, 'sleep', '10');
my $cores_possible = cores() > 0;
unlink cores();
SKIP: {
    skip 'this system writes no core files here', 5 if !$cores_possible;
    for my $delay (0, 0.05, 0.1, 0.3, 1) {
        crash($delay, MinioHelper::program(), 'database', '--tenant', 'silent');
        is(join(' ', cores()), '', "a crash $delay s after its first request leaves no core");
    }
}
$http->stop;

# Memory, as a debugger sees it: while the file is written the secret must be there, else the test
# would prove nothing; at the end it must not.
sub memory_at
{
    my ($syscall, @arguments) = @_;
    my $env = ref $arguments[-1] ? pop @arguments : {};
    unlink "$dir/memory";
    run_with($env, 'gdb', '-q', '-batch', '-nx', '-ex', "catch syscall $syscall", '-ex', 'run', '-ex', "gcore $dir/memory",
        '--args', MinioHelper::program(), @arguments);
    return -e "$dir/memory" ? PostgreSQL::Test::Utils::slurp_file("$dir/memory") : '';
}
SKIP: {
    skip 'no gdb here', 8 if system('command -v gdb >/dev/null') != 0;
    my $during = memory_at('renameat', @acme);
    skip 'gdb cannot trace here', 8 if $during eq '';
    ok(index($during, $secret) >= 0, 'while the output is written, the secret is in memory');
    for my $format (qw(process env aws)) {
        my $after = memory_at('exit_group', @acme, '--format', $format);
        ok($after ne '' && index($after, $secret) < 0, "$format: at the end the secret is not in memory");
    }
    $helper->write_file("$dir/app.env", "SECRET_KEY='$secret'\n");
    for my $run ([ 'import', '--environment', 'memory', "$dir/app.env" ], [ 'app-config', '--output', "$dir/out" ], [ 'exec', '--app', '--', 'true' ]) {
        my $memory = memory_at('exit_group', @{$run}, { VAULT_ENVIRONMENT => 'memory' });
        ok($memory ne '' && index($memory, $secret) < 0, "$run->[0]: at the end the secret is not in memory");
    }
    my $after = memory_at('exit_group', @acme);
    ok($after ne '' && index($after, $token) < 0, 'and neither is the token');
}

# The environment of a run that goes on.
{
    local %ENV = %{ $helper->env(VAULT_TOKEN => $token, VAULT_TOKEN_FILE => undef) };
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        exec MinioHelper::program(), 'exec', '--tenant', 'acme', '--', 'sleep', '20' or POSIX::_exit(127);
    }
    sleep 1;
    my $environ = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/environ");
    my ($child) = split ' ', PostgreSQL::Test::Utils::slurp_file("/proc/$pid/task/$pid/children");
    unlike($environ, qr/\Q$token\E/, 'the token is wiped out of /proc/PID/environ');
    unlike(PostgreSQL::Test::Utils::slurp_file("/proc/$child/environ"), qr/\Q$token\E/, 'and not passed on to the command');
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

# A variable that stands twice in an environment, which no shell makes, but execve takes: both go.
{
    my $twice = 'import ctypes, sys; t = sys.argv[1].encode(); p = [a.encode() for a in sys.argv[2:]]; n = len(p) + 1;'
      . 'ctypes.CDLL(None).execve(p[0], (ctypes.c_char_p * n)(*p, None), (ctypes.c_char_p * 4)(b"VAULT_ADDR=http://127.0.0.1:1", b"VAULT_TOKEN=one" + t, b"VAULT_TOKEN=two" + t, None))';
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        exec 'python3', '-c', $twice, $token, MinioHelper::program(), 'wait', '--for', 'login' or POSIX::_exit(127);
    }
    my $environ = '';
    for (1 .. 100) {
        sleep 0.1;
        last if readlink("/proc/$pid/exe") eq abs_path(MinioHelper::program()) && ($environ = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/environ")) !~ /one\Q$token\E/;
    }
    like($environ, qr/VAULT_ADDR=/, 'a token that is there twice: the environment is read');
    unlike($environ, qr/\Q$token\E/, 'and both are wiped');
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

done_testing();
