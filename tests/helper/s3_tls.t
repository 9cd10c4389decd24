# S3 over TLS: a certificate of an authority that nobody named is refused everywhere, with AWS_CA_BUNDLE
# it is taken; exec --minio asks the server as --endpoint says, and stops one that it cannot ask.
use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use BackgroundRun;
use MinioHelper;
use MinioServer;
use VaultServer;

plan skip_all => 'no MinIO here: tests/setup/tools minio mc' if !MinioServer::available();

use constant SECONDS => 60;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $minio = MinioServer->new($vault, $helper, tls => 1);
my $dir = $helper->tempdir;
my %ca = (AWS_CA_BUNDLE => $minio->ca_cert);
$minio->mc('mb', 'root/acme');
$minio->add_user('platform', 'platform-secret-1', 'readwrite');
$vault->put('saas-project/dev/s3', { access_key_id => 'platform', secret_access_key => 'platform-secret-1', endpoint_url => $minio->url,
        region => 'us-east-1' });
$vault->put('saas-project/dev/tenants/acme/s3', { bucket_name => 'acme' });

my $run = $helper->run('credentials', '--tenant', 'acme');
is("$run->{status} $run->{stdout}", '3 ', 'STS with a certificate of another authority: exit status 3, no keys');
like($run->{stderr}, qr/certificate/i, 'and said');
is($helper->run('credentials', '--tenant', 'acme', { env => \%ca })->{status}, 0, 'with AWS_CA_BUNDLE: keys');
$run = $helper->run('credentials', '--tenant', 'acme', { env => { AWS_CA_BUNDLE => '/nonexistent' } });
isnt($run->{status}, 0, 'a bundle that is not there does not mean: any certificate');
$run = $helper->run('check', '--tenant', 'acme', '--minio', { env => \%ca });
is($run->{status}, 0, 'check: all is well') or diag $run->{stdout};
like($run->{stdout}, qr/default password: refused/, 'check --minio: refused');
my $host = $minio->url =~ s/localhost/127.0.0.1/r;
$vault->put('saas-project/dev/s3', { access_key_id => 'platform', secret_access_key => 'platform-secret-1', endpoint_url => $host, region => 'us-east-1' });
is($helper->run('credentials', '--tenant', 'acme', { env => \%ca })->{status}, 3, 'a certificate of another name: exit status 3');
$minio->stop;

# exec --minio
my ($port, $console) = map { $_->sockport } map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) } 1, 2;
my @server = ($helper->top . '/build/tools/bin/minio', 'server', '--quiet', '--address', "127.0.0.1:$port", '--console-address',
    "127.0.0.1:$console", '--certs-dir', $minio->ca_cert =~ s{/[^/]+$}{}r, "$dir/data");
sub start { my ($env, @arguments) = @_; return BackgroundRun->new($helper, 'exec', '--minio', '--secret', 'minio', @arguments, '--', @server, { env => { HOME => $dir, %{$env} } }); }

sub text { my ($job) = @_; return $job->out . $job->log; }

my $job = start({});
isnt(scalar $job->finish, 0, 'asked by plain HTTP, a server that speaks TLS is stopped');
like(text($job), qr/--endpoint/, 'and the hint says how');
$job = start({}, '--endpoint', "https://localhost:$port");
isnt(scalar $job->finish, 0, 'with a certificate of another authority it is stopped');
like(text($job), qr/certificate/i, 'and why is said');

$job = start(\%ca, '--endpoint', "https://localhost:$port");
my $up = 0;
for (1 .. SECONDS) {
    $up = `curl -s -o /dev/null -w '%{http_code}' --cacert $ca{AWS_CA_BUNDLE} https://localhost:$port/minio/health/ready` eq '200';
    last if $up;
    sleep 1;
}
ok($up, 'with both it runs');
sleep 3;    # and goes on running when it has been asked
is(kill(0, $job->pid), 1, 'and goes on');
kill 'TERM', $job->pid;
is(scalar $job->finish, 0, 'SIGTERM ends it') or diag text($job);

done_testing();
