# exec --minio and check --minio on a real MinIO: the server has the root credentials that are in
# Vault, and never runs with minioadmin, which it falls back to by itself.
use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use BackgroundRun;
use MinioHelper;
use MinioServer;
use S3Server;
use VaultServer;

plan skip_all => 'no MinIO here: tests/setup/tools minio mc' if !MinioServer::available();

use constant SECONDS => 60;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $minio = $helper->top . '/build/tools/bin/minio';
my ($port, $console) = map { $_->sockport } map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) } 1, 2;
my $url = "http://127.0.0.1:$port";
my @server = ($minio, 'server', '--quiet', '--address', "127.0.0.1:$port", '--console-address', "127.0.0.1:$console", "$dir/data");
sub put_root { return $vault->put('saas-project/dev/minio', { access_key_id => 'rootuser', secret_access_key => $_[0], endpoint_url => $url }); }
put_root($MinioServer::ROOT_PASSWORD);

my @jobs;
sub start
{
    my ($env, @arguments) = @_;
    push @jobs, BackgroundRun->new($helper, 'exec', '--minio', '--secret', 'minio', @arguments, { env => { HOME => $dir, %{$env} } });
    return $jobs[-1];
}
sub text { my ($job) = @_; return $job->out . $job->log; }
sub wait_for
{
    my ($what) = @_;
    my $until = time + SECONDS;
    while (time < $until) {
        return 1 if $what->();
        sleep 0.1;
    }
    return 0;
}
# What the server says to a list of the buckets by these keys: 200, 403; 000 without a server.
sub answer
{
    my ($user, $password) = @_;
    local %ENV = %{ $helper->env };
    $helper->write_file("$dir/curl.conf", 'user = "' . ($user . ':' . $password) =~ s/([\\"])/\\$1/gr . qq{"\n});
    return scalar `curl -s -o /dev/null -w '%{http_code}' -m 5 -K $dir/curl.conf --aws-sigv4 aws:amz:us-east-1:s3 $url/`;
}
sub child_of { my ($pid) = @_; my ($child) = split ' ', PostgreSQL::Test::Utils::slurp_file("/proc/$pid/task/$pid/children"); return $child; }
sub environment_of { my ($pid) = @_; return PostgreSQL::Test::Utils::slurp_file("/proc/$pid/environ"); }

# It runs
my $job = start({ MINIO_ROOT_USER => 'someone', MINIO_ROOT_PASSWORD => 'something else', MINIO_ROOT_PASSWORD_FILE => "$dir/none" },
    '--interval', '1', '--on-change', 'restart', '--', @server);
ok(wait_for(sub { answer('rootuser', $MinioServer::ROOT_PASSWORD) eq '200' }), 'MinIO runs with the root credentials that are in Vault');
is(answer('minioadmin', 'minioadmin'), '403', 'and refuses minioadmin');
my $environment = environment_of(child_of($job->pid));
my ($file) = $environment =~ m{MINIO_CONFIG_ENV_FILE=(/dev/shm/minio-helper\.\d+\.[^/\0]+/minio\.env)};
ok(defined $file, 'its file is in memory');
unlike($environment, qr/MINIO_(ROOT|ACCESS|SECRET)_/, 'and the only source of credentials');
is((stat $file)[2] & 07777, 0600, 'nobody else reads it');

# Rotation
put_root('a second password');
ok(wait_for(sub { answer('rootuser', 'a second password') eq '200' }), 'a changed password: MinIO is started anew with it');
is(answer('rootuser', $MinioServer::ROOT_PASSWORD), '403', 'and refuses the old one');

# check --minio on it
$vault->put('saas-project/dev/s3', { access_key_id => 'rootuser', secret_access_key => 'a second password', endpoint_url => $url });
like($helper->run('check', '--minio')->{stdout}, qr/^ok +S3 default password: refused/m, 'check --minio: refused');

kill 'TERM', $job->pid;
is(scalar $job->finish, 0, 'SIGTERM ends MinIO, and its status comes back') or diag text($job);
ok(!-e $file =~ s{/[^/]+$}{}r, 'the folder of the file is gone');
is(text($job) =~ /second password|\Q$MinioServer::ROOT_PASSWORD\E/, '', 'no password was printed');

# Its restart in place, which mc asks for, with the file gone: MinIO has put what it read into its
# own environment.
$job = start({}, '--', @server);
ok(wait_for(sub { answer('rootuser', 'a second password') eq '200' }), 'MinIO runs once more');
$helper->output('credentials', '--format', 'mc', '--output', "$dir/alias");
my $mc = sub { local %ENV = (%ENV, MC_CONFIG_DIR => "$dir/mc"); return system("mc --quiet @_ >$dir/mc.out 2>&1"); };
is($mc->("alias import root $dir/alias"), 0, 'mc has its root credentials');
unlink glob "/dev/shm/minio-helper." . $job->pid . ".*/minio.env";
$mc->('admin service restart --json root');
ok(wait_for(sub { answer('minioadmin', 'minioadmin') eq '403' }), 'started anew by mc without its file, it keeps its credentials');
kill 'TERM', $job->pid;
is(scalar $job->finish, 0, 'and ends when it is told to');

# A server that is open: one that does not read the file.
my @open = ('env', '-u', 'MINIO_CONFIG_ENV_FILE', @server);
$job = start({}, '--', @open);
is(scalar $job->finish, 4, 'a MinIO that takes minioadmin: exit status 4');
like(text($job), qr/it takes minioadmin, and is open to everyone/, 'and said');
is(answer('minioadmin', 'minioadmin'), '000', 'it is stopped');

# The same below a shell, which SIGTERM ends and which leaves it behind.
$job = start({}, '--endpoint', $url, '--', 'sh', '-c', '"$@" & wait', 'sh', @open);
is(scalar $job->finish, 4, 'below a shell: 4 as well');
is(answer('minioadmin', 'minioadmin'), '000', 'and it is stopped, not only the shell');

# check --minio on an open one
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    %ENV = (PATH => $ENV{PATH}, HOME => $dir);
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec @server or POSIX::_exit(127);
}
ok(wait_for(sub { answer('minioadmin', 'minioadmin') eq '200' }), 'a MinIO that was started by hand is open');
my $run = $helper->run('check', '--minio');
is($run->{status}, 4, 'check --minio: exit status 4');
like($run->{stdout}, qr/^FAILED +S3 default password: MinIO takes minioadmin/m, 'and said');
my $clock = "$dir/shifted_clock.so";
is(system('cc', '-shared', '-fPIC', '-o', $clock, $helper->top . '/tests/helper/lib/shifted_clock.c'), 0, 'a clock can be shifted');
$run = $helper->run('check', '--minio', { env => { LD_PRELOAD => $clock, CLOCK_SHIFT => -1200 } });
unlike($run->{stdout}, qr/^ok +S3 default/m, 'by a clock for which it refuses every key, it is not taken for closed');
like($run->{stdout}, qr/^FAILED +S3 default password: this clock is (?:20|19) minutes behind/m, 'and the clock is named');
kill 'TERM', $pid;
waitpid $pid, 0;
undef $pid;

# Another server's address: one that has other keys.
my $other = S3Server->new('minio');
$job = start({}, '--endpoint', $other->endpoint, '--', 'sleep', '300');
is(scalar $job->finish, 4, "another server's answer does not count");
like(text($job), qr/does not take the root credentials out of Vault/, 'and is said');
$job = start({}, '--within', '1s', '--', 'sleep', '300');
is(scalar $job->finish, 3, 'a server that does not answer in time is stopped');
like(text($job), qr/cannot ask the S3 server.*\n.*--endpoint/, 'with a hint to --endpoint');
$job = start({}, '--', $minio, 'server', '--quiet', '--certs-dir', "$dir/nowhere", '--nonsense');
isnt(scalar $job->finish, 0, 'a MinIO that does not start: its own status');

# The file is looked at before each start. A folder of another's, with a file that cannot be replaced by us.
my $folder = "/dev/shm/minio_helper_minio.$$";
$job = start({}, '--files', $folder, '--interval', '1', '--on-change', 'restart', '--', 'sh', '-c',
    'trap "rm $MINIO_CONFIG_ENV_FILE; : > $MINIO_CONFIG_ENV_FILE; chmod 600 $MINIO_CONFIG_ENV_FILE; exit 0" TERM; echo up; while :; do sleep 0.1; done', '--address=' . $url =~ s{http://}{}r);
wait_for(sub { -s "$folder/minio.env" });
sleep 0.5;
put_root('a third password');
is(scalar $job->finish, 2, 'a file that somebody emptied: MinIO is not started anew');
like(text($job), qr/would start with minioadmin/, 'and why is said');
like($job->log, qr/\A[^\n]*\n[^\n]*\n\z/, 'once');
rmdir $folder;

# What is refused
for my $case (
    [ { USE_VAULT => 'false' }, [], 2, qr/starts nothing without Vault/, 'USE_VAULT=false' ],
    [ {}, ['--fallback-env'], 2, qr/starts nothing without Vault/, '--fallback-env' ],
    [ { MINIO_CONFIG_ENV_FILE => '/etc/minio' }, [], 2, qr/MINIO_CONFIG_ENV_FILE is set/, "a file of the caller's" ],
    [ { MINIO_ADDRESS => 'nonsense' }, [], 2, qr/not an address/, 'an address without a port' ],
    [ { VAULT_ADDR => 'http://127.0.0.1:1' }, [], 3, qr/127\.0\.0\.1:1/, 'Vault down' ],
) {
    my ($env, $arguments, $status, $said, $name) = @{$case};
    $job = start($env, @{$arguments}, '--', 'touch', "$dir/started");
    is(scalar $job->finish, $status, "$name is refused");
    like(text($job), $said, 'and said');
}
for my $case ([ 'environment', 'begins with env' ], [ 'short', 'less than 8 characters' ], [ ' spaces at its edge', 'spaces at its edge' ]) {
    put_root($case->[0]);
    $job = start({}, '--', 'touch', "$dir/started");
    is(scalar $job->finish, 6, "a password that MinIO would not take is refused: $case->[1]");
}
ok(!-e "$dir/started", 'and nothing was started');
is(join(' ', map { glob '/dev/shm/minio-helper.' . $_->pid . '.*' } @jobs), '', 'no folder is left');

done_testing();
