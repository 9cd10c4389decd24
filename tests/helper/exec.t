# exec: secrets in the environment or in files, signals, exit statuses, changes; and nothing started
# where Vault fails.
use strict;
use warnings;

use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep time);

use BackgroundRun;
use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
$vault->put('saas-project/dev/s3', {
        endpoint_url => 'http://s3.example:9000', access_key_id => 'platform', secret_access_key => 'platform-secret',
        bucket_name => 'shared', region => 'eu-west-1' });
sub put_acme { return $vault->put('saas-project/dev/tenants/acme/s3', { access_key_id => 'acme-key', secret_access_key => $_[0] }); }
put_acme('acme-s3cret');
my @exec = ('exec', '--tenant', 'acme');

sub sh { my ($script, @more) = @_; my $option = @more && ref $more[-1] ? pop @more : {}; return $helper->run(@exec, @more, '--', 'sh', '-c', $script, $option); }

is(sh('echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_ENDPOINT_URL_S3 $AWS_REGION"')->{stdout},
    "acme-key acme-s3cret http://s3.example:9000 eu-west-1\n", 'the secrets are in the environment');
is(sh('echo "$S3_SECRET_ACCESS_KEY $S3_BUCKET_NAME"', '--names', 'app')->{stdout}, "acme-s3cret shared\n",
    '--names chooses the names');
is(sh('echo "[$AWS_SESSION_TOKEN]"', { env => { AWS_SESSION_TOKEN => 'of somebody else' } })->{stdout}, "[]\n",
    'a variable of other credentials does not stay among them');
is(sh('echo "[$VAULT_TOKEN$VAULT_SECRET_ID]"', {
            env => { VAULT_TOKEN => $vault->root_token, VAULT_TOKEN_FILE => undef } })->{stdout},
    "[]\n", 'what carried credentials for Vault is not passed on');
is(sh('exit 7')->{status}, 7, 'the exit status is that of the command');
is(sh('grep SigIgn /proc/self/status')->{stdout}, $helper->run('-c', 'grep SigIgn /proc/self/status', { program => 'sh' })->{stdout},
    'no signal is ignored that was not before');
is(sh('kill -9 $$')->{status}, 137, '128 and the number of the signal that ended it');
is($helper->run(@exec, '--', '/nonexistent')->{status}, 127, '127 where the command is not there');
is($helper->run(@exec, '--', '/etc/passwd')->{status}, 126, '126 where it cannot be run');
SKIP: {
    skip 'no core limit but 0 here', 1 if system(q{sh -c 'ulimit -S -c 1024' 2>/dev/null}) != 0;
    is($helper->run('-c', 'ulimit -S -c 1024; exec "$@"', 'sh', MinioHelper::program(), @exec, '--', 'sh', '-c', 'ulimit -S -c',
            { program => 'sh' })->{stdout}, "1024\n", 'the child has the core limit that we had');
}

is(sh('ls -l /proc/self/fd | grep -c socket')->{stdout}, "0\n", 'no connection to Vault is passed on');
is($helper->run('-c', 'exec 7</dev/null; exec "$@"', 'sh', MinioHelper::program(), @exec, '--', 'readlink', '/proc/self/fd/7',
        { program => 'sh' })->{stdout}, "/dev/null\n", 'a descriptor of the caller is');

my $run = $helper->run(@exec, '--', 'sh', '-c', 'echo started', { env => { VAULT_ADDR => 'http://127.0.0.1:1' } });
is($run->{status}, 3, 'Vault down: the status says so');
is($run->{stdout}, '', 'and nothing is started');
$run = $helper->run(@exec, '--fallback-env', '--', 'sh', '-c', 'echo started', { env => { VAULT_ADDR => 'http://127.0.0.1:1' } });
is("$run->{status} $run->{stdout}", "0 started\n", 'unless --fallback-env is given');
$run = $helper->run(@exec, '--', 'sh', '-c', 'echo "as it is"', { env => { USE_VAULT => 'false', VAULT_ADDR => undef } });
is("$run->{status} $run->{stdout}", "0 as it is\n", 'USE_VAULT=false asks nobody');
is($helper->run(@exec, '--', 'true', { env => { USE_VAULT => 'perhaps' } })->{status}, 2, 'USE_VAULT is true or false');

# Files
my $folder = '/dev/shm/minio_helper_test.' . $$;
is(sh('cat "$S3_SECRET_ACCESS_KEY_FILE"; stat -c " %a" "$S3_SECRET_ACCESS_KEY_FILE"; echo "[$S3_SECRET_ACCESS_KEY]"',
        '--names', 'app', '--files', $folder)->{stdout}, "acme-s3cret 600\n[]\n", '--files: in files, not in variables');
is(join(' ', glob "$folder/*"), '', 'the files are gone afterwards');
rmdir $folder;
$run = sh('true', '--files', "$dir/on-disk");
my $type = `stat -f -c %T $dir`;
SKIP: {
    skip 'the temporary folder is in memory here', 1 if $type =~ /tmpfs/;
    is($run->{status}, 2, '--files on a disk is refused');
}
SKIP: {
    skip 'only root can make files of somebody else', 6 if $> != 0;
    my ($nobody, $cat) = ((getpwnam 'nobody')[2], 'cat "$AWS_SECRET_ACCESS_KEY_FILE"');
    mkdir $folder;
    chown $nobody, 0, $folder;
    $run = sh($cat, '--files', $folder);
    is("$run->{status} $run->{stdout}", '2 ', '--files: not into a folder that somebody else has made');
    like($run->{stderr}, qr/belongs to another user/, 'which is said');
    symlink $folder, "$folder.link";
    system 'chown', '-h', 'nobody', "$folder.link";
    chown 0, 0, $folder;
    is(sh($cat, '--files', "$folder.link")->{status}, 2, 'nor by a link of somebody else');
    unlink "$folder.link";
    chmod 01777, $folder;
    is(sh($cat, '--files', $folder)->{stdout}, 'acme-s3cret', 'into one to which everybody can write, as Kubernetes makes them');
    $helper->write_file("$folder/AWS_SECRET_ACCESS_KEY", '');
    chown $nobody, 0, "$folder/AWS_SECRET_ACCESS_KEY";
    $run = sh($cat, '--files', $folder);
    is("$run->{status} $run->{stdout}", '2 ', 'but there into no file that somebody else has made');
    is(-s "$folder/AWS_SECRET_ACCESS_KEY" // 0, 0, 'in which there is nothing then');
    unlink glob "$folder/*";
    rmdir $folder;
}

sub start { return BackgroundRun->new($helper, @_); }

for my $signal (qw(TERM HUP INT USR1 USR2)) {
    my $job = start(@exec, '--', 'sh', '-c', "trap 'echo got $signal; exit 42' $signal; echo ready; i=0; while [ \$i -lt 300 ]; do i=\$((i+1)); sleep 0.1; done");
    $job->says(qr/ready/);
    kill $signal, $job->pid;
    ok($job->says(qr/got $signal/), "$signal reaches the command");
    is(scalar($job->finish), 42, "$signal: and its status comes back");
}

# Changes
my $before = $vault->accessors;
my $job = start(@exec, '--interval', '1', '--on-change', 'restart', '--', 'sh', '-c', 'echo "key $AWS_SECRET_ACCESS_KEY"; exec sleep 60');
$job->says(qr/key acme-s3cret/);
put_acme('second-s3cret');
ok($job->says(qr/key second-s3cret/), 'restart: the command is started anew with the new secret');
kill 'TERM', $job->pid;
is(scalar($job->finish), 143, 'and ends for good when it is told to');

$job = start(@exec, '--interval', '1', '--on-change', 'signal:USR1', '--names', 'app', '--files', $folder, '--', 'sh', '-c',
    'trap "cat $S3_SECRET_ACCESS_KEY_FILE; echo" USR1; echo ready; i=0; while [ $i -lt 300 ]; do i=$((i+1)); sleep 0.1; done');
$job->says(qr/ready/);
put_acme('third-s3cret');
ok($job->says(qr/third-s3cret/), 'signal: sent when the files are new');
kill 'TERM', $job->pid;
$job->finish;
rmdir $folder;

$job = start(@exec, '--interval', '1', '--on-change', 'command:echo "now $AWS_SECRET_ACCESS_KEY"', '--', 'sleep', '60');
sleep 0.5;
put_acme('fourth-s3cret');
ok($job->says(qr/now fourth-s3cret/), 'command: run with the new secret');
kill 'TERM', $job->pid;
$job->finish;

# A token that it logged in for itself
my %approle = $vault->approle('helper');
my %login = (VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID_FILE => $approle{role_id_file}, VAULT_SECRET_ID_FILE => $approle{secret_id_file});
is($helper->run(@exec, '--', 'true', { env => \%login })->{status}, 0, 'it logs in by AppRole');
is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'and its token is revoked when the command has ended');

# PID 1
SKIP: {
    skip 'no namespaces here', 2 if system('unshare --fork --pid --mount-proc true 2>/dev/null') != 0;
    local %ENV = %{ $helper->env };
    my $text = '';
    IPC::Run::run([ 'unshare', '--fork', '--pid', '--mount-proc', MinioHelper::program(), @exec, '--', 'sh', '-c',
            '(sleep 0.2 & ) ; sleep 0.6; ps -e -o stat= | grep -c Z; exit 5' ], '>', \$text);
    is($? >> 8, 5, 'as PID 1 the status comes back');
    is($text, "0\n", 'as PID 1 orphans are reaped');
}

done_testing();
