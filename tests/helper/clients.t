# Real clients on a real MinIO: what acme's credentials open, and what they do not. Acme has no keys
# of its own: they come by STS, confined to a prefix; beta's to a bucket.
use strict;
use warnings;

use IPC::Run ();
use Test::More;

use MinioHelper;
use MinioServer;
use VaultServer;

plan skip_all => 'no MinIO here: tests/setup/tools minio mc' if !MinioServer::available();

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $minio = MinioServer->new($vault, $helper);
pass('MinIO starts with the root user that the format minio wrote');
my $dir = $helper->tempdir;
my $tools = $helper->top . '/build/tools';

$minio->mc('mb', "root/$_") for qw(shared beta);
$minio->add_user('platform', 'platform-secret-1', 'readwrite');
sub put_platform { return $vault->put('saas-project/dev/s3', {
            endpoint_url => $minio->url, access_key_id => $_[0], secret_access_key => $_[1], bucket_name => 'shared', region => 'us-east-1' }); }
put_platform('platform', 'platform-secret-1');
$vault->put('saas-project/dev/tenants/acme/s3', { prefix => 'acme' });
$vault->put('saas-project/dev/tenants/beta/s3', { bucket_name => 'beta' });
$helper->write_file("$dir/hello", "hello\n");
$minio->mc('cp', "$dir/hello", $_) for 'root/shared/acme/hello', 'root/shared/acme2/hello', 'root/beta/hello';

# sees(name, command of (bucket, key below it)): what is inside opens, what is outside does not.
sub run_client
{
    my ($env, @command) = @_;
    local %ENV = %{ $helper->env(HOME => $dir, %{$env}) };
    my ($out, $err) = ('', '');
    IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return { status => $?, stdout => $out, stderr => $err };
}
sub sees
{
    my ($name, $env, $command) = @_;
    subtest $name => sub {
        my $run = run_client($env, $command->('shared', 'acme/'));
        like($run->{stdout}, qr/hello/, 'acme/ is listed') or diag $run->{stderr};
        for my $outside ([ 'shared', 'acme2/' ], [ 'shared', '' ], [ 'beta', '' ]) {
            $run = run_client($env, $command->(@{$outside}));
            isnt($run->{status}, 0, "$outside->[0]/$outside->[1] is refused");
            like($run->{stderr} . $run->{stdout}, qr/denied/i, 'by the server');
        }
    };
    return;
}
sub credentials_in { my ($format) = @_; $helper->output('credentials', '-t', 'acme', '-f', $format, '-o', "$dir/$format"); return "$dir/$format"; }

my $aws = "$tools/s3clients/bin/aws";
SKIP: {
    skip 'no awscli here', 4 if !-x $aws;
    $helper->write_file("$dir/config",
        "[profile acme]\ncredential_process = @{[$helper->program]} credentials --tenant acme\nregion = us-east-1\nservices = m\n"
          . "[services m]\ns3 =\n  endpoint_url = @{[$minio->url]}\n");
    my $ls = sub { my ($bucket, $key) = @_; return ($aws, 's3', 'ls', "s3://$bucket/$key"); };
    sees('awscli by credential_process', { AWS_CONFIG_FILE => "$dir/config", AWS_PROFILE => 'acme' }, $ls);
    sees('awscli by a profile', { AWS_CONFIG_FILE => credentials_in('aws'), AWS_PROFILE => 'acme' }, $ls);
    sees('awscli in exec', {}, sub { return ($helper->program, 'exec', '-t', 'acme', '--', $ls->(@_)); });
    sees('boto3 by credential_process', { AWS_CONFIG_FILE => "$dir/config", AWS_PROFILE => 'acme' }, sub {
            return ("$tools/s3clients/bin/python", '-c', <<'END', @_) });
import sys, boto3
found = boto3.client('s3').list_objects_v2(Bucket=sys.argv[1], Prefix=sys.argv[2])
print([entry['Key'] for entry in found['Contents']])
END
}

run_client({ MC_CONFIG_DIR => "$dir/mc.d" }, 'mc', 'alias', 'import', 'acme', credentials_in('mc'));
sees('mc by alias import', { MC_CONFIG_DIR => "$dir/mc.d" }, sub { my ($bucket, $key) = @_; return ('mc', 'ls', "acme/$bucket/$key"); });
credentials_in('mc-host');
sees('mc by MC_HOST', { MC_CONFIG_DIR => "$dir/mc-host.d" },
    sub { my ($bucket, $key) = @_; return ('sh', '-c', '. "$0" && exec mc ls "$1"', "$dir/mc-host", "acme/$bucket/$key"); });
SKIP: {
    skip 'no rclone here', 1 if system('command -v rclone >/dev/null') != 0;
    my $config = credentials_in('rclone');
    sees('rclone', {}, sub { my ($bucket, $key) = @_; return ('rclone', '--config', $config, '--retries', '1', 'lsf', "acme:$bucket/$key"); });
    my $run = run_client({}, 'rclone', '--config', $config, 'copyto', "$dir/hello", 'acme:shared/acme/by-rclone');
    is($run->{status}, 0, 'rclone uploads within the prefix') or diag $run->{stderr};
}
SKIP: {
    skip 'no s3cmd here', 1 if system('command -v s3cmd >/dev/null') != 0;
    my $config = credentials_in('s3cmd');
    sees('s3cmd', {}, sub { my ($bucket, $key) = @_; return ('s3cmd', '--config', $config, 'ls', "s3://$bucket/$key"); });
}

# check
my $run = $helper->run('check', '--tenant', 'acme', '--minio');
is($run->{status}, 0, 'check: all is well') or diag $run->{stdout};
like($run->{stdout}, qr/^ok +S3 list within the bounds/m, 'check: a real list within the bounds');
like($run->{stdout}, qr/^ok +S3 list outside the bounds: refused/m, 'check: one outside is refused');
like($run->{stdout}, qr/^ok +S3 default password: refused/m, 'check --minio: minioadmin is refused');
is($helper->run('check', '--tenant', 'beta')->{status}, 0, 'check: a tenant with a bucket of its own');
$vault->put('saas-project/dev/tenants/wide/s3',
    { access_key_id => 'platform', secret_access_key => 'platform-secret-1', prefix => 'wide' });
$run = $helper->run('check', '--tenant', 'wide');
is($run->{status}, 4, 'check: static keys that open more than the prefix are found out');
like($run->{stdout}, qr/^FAILED +S3 list outside the bounds: permitted/m, 'check: and named');

# A tenant that nothing confines gets nothing.
$vault->put('saas-project/dev/tenants/open/s3', { region => 'us-east-1' });
$run = $helper->run('credentials', '--tenant', 'open');
is("$run->{status} $run->{stdout}", '6 ', 'a tenant without bucket and prefix gets no credentials');

# --policy and --duration
$helper->write_file("$dir/policy", '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}');
$helper->output('credentials', '-t', 'acme', '-f', 'mc', '--policy', "$dir/policy", '-o', "$dir/denied");
run_client({ MC_CONFIG_DIR => "$dir/mc.d" }, 'mc', 'alias', 'import', 'denied', "$dir/denied");
like(run_client({ MC_CONFIG_DIR => "$dir/mc.d" }, 'mc', 'ls', 'denied/shared/acme/')->{stderr}, qr/denied/i, '--policy is what confines');
my ($expires) = $helper->output('credentials', '-t', 'acme', '-d', '15m') =~ /"Expiration": "([^"]*)"/;
my $left = `date -d '$expires' +%s` - time;
ok($left > 600 && $left <= 930, "--duration: 15 minutes, and not $left s");

# Temporary keys in exec: an SDK refreshes them from an endpoint; what cannot be refreshed is said.
$run = $helper->run('exec', '-t', 'acme', '--', 'sh', '-c', 'echo "[$AWS_SECRET_ACCESS_KEY] $AWS_CONTAINER_CREDENTIALS_FULL_URI"');
like($run->{stdout}, qr{^\[\] http://127\.0\.0\.1:\d+/credentials/acme$}, 'exec: an endpoint instead of keys');
$run = $helper->run('exec', '-t', 'acme', '--', 'sh', '-c',
    'for a in "$AWS_CONTAINER_AUTHORIZATION_TOKEN" wrong; do curl -s -o /dev/null -w "%{http_code} " -H "Authorization: $a" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"; done');
like($run->{stdout}, qr/^200 40[13] $/, 'exec: which answers the command, and nobody else');
$run = $helper->run('exec', '-t', 'acme', '--names', 'app', '--', 'sh', '-c', 'test -n "$S3_SESSION_TOKEN" && echo there');
is($run->{stdout}, "there\n", 'exec --names app: temporary keys are in the environment');
like($run->{stderr}, qr/these keys end at .*Z, and an environment cannot be refreshed/, 'and when they end is said');
my $shm = "/dev/shm/minio_helper_clients.$$";
$run = $helper->run('exec', '-t', 'acme', '--files', $shm, '--', 'cat', "$shm/AWS_CREDENTIAL_EXPIRATION");
like($run->{stdout}, qr/^\d{4}-\d\d-\d\dT.*Z$/, 'exec --files: in files, which can be refreshed');
is($run->{stderr}, '', 'exec --files: so nothing is said');
rmdir $shm;

# The platform's key is rotated, and picked up by the next run.
$minio->add_user('platform2', 'platform-secret-2', 'readwrite');
$minio->mc('admin', 'user', 'remove', 'root', 'platform');
is($helper->run('credentials', '-t', 'acme')->{status}, 4, 'a removed platform key is refused');
put_platform('platform2', 'platform-secret-2');
is($helper->run('credentials', '-t', 'acme')->{status}, 0, 'the new one is used as soon as it is in Vault');

$minio->stop;
is($helper->run('credentials', '-t', 'acme')->{status}, 3, 'STS down: try again');

done_testing();
