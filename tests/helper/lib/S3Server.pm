# S3Server.pm - a real MinIO or SeaweedFS for one test, with STS and users to ask it.
#
#   my $s3 = S3Server->new('minio');                     # or 'seaweedfs'; running
#   $s3->endpoint; $s3->platform;                        # { access_key_id, secret_access_key }
#   my @outcomes = $s3->client($keys, [list => 'shared', 'acme/'], [put => 'shared', 'acme/x']);
#
# The platform's user is a user on MinIO (policy readwrite) and an administrator on SeaweedFS, and
# buckets `shared` and `other` exist. Options: region (MinIO: its site region), sts => 0 (SeaweedFS
# without STS). Besides: keys_of('service') on MinIO (a service account of the platform's user),
# keys_of('powerless') (MinIO: a user without policy; SeaweedFS: no administrator). Its processes
# are ended with the test.
package S3Server;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use constant {
    START_SECONDS => 60,    # SeaweedFS elects a master first, on a machine that may be busy
    STOP_SECONDS => 5,
    CLIENT_SECONDS => 120,
};

# What an administrator of SeaweedFS with STS writes; the trust policy lets any user assume it.
our $ROLE_ARN = 'arn:aws:iam::role/TenantRole';

my $json = JSON::PP->new->utf8->canonical;
my $here = abs_path(dirname(__FILE__));
my $tools = "$here/../../../build/tools";
my $owner = $$;
my @servers;

my %keys = (
    # Every printable character, because all of them may stand in a key that signs.
    platform => { access_key_id => 'platformkey', secret_access_key => join '', 'k', map { chr } 0x20 .. 0x7e },
    powerless => { access_key_id => 'powerlesskey', secret_access_key => 'powerless-s3cret' },
    service => { access_key_id => 'servicekey12', secret_access_key => 'service-s3cret' },
);

sub new
{
    my ($class, $kind, %option) = @_;
    my $self = bless { kind => $kind, dir => PostgreSQL::Test::Utils::tempdir($kind), region => $option{region},
        sts => $option{sts} // 1 }, $class;
    push @servers, $self;
    mkdir "$self->{dir}/data";
    if ($kind eq 'minio') { $self->_start_minio }
    else { $self->_start_seaweedfs }
    $self->_wait;
    $self->_make_minio_users if $kind eq 'minio';
    $self->_make_buckets('shared', 'other');
    return $self;
}

sub kind { return $_[0]->{kind}; }
sub pid { return $_[0]->{pid}; }
sub endpoint { return "http://127.0.0.1:$_[0]->{port}"; }
sub region { return $_[0]->{region} // 'us-east-1'; }
sub keys_of { my ($self, $user) = @_; return { %{ $keys{$user} } }; }
sub platform { return $_[0]->keys_of('platform'); }

# What the platform's secret says of this server, with other members or without some (undef).
sub secret
{
    my ($self, %change) = @_;
    my %secret = (endpoint_url => $self->endpoint, region => $self->region, bucket_name => 'shared', %{ $self->platform },
        %change);
    delete $secret{$_} for grep { !defined $secret{$_} } keys %secret;
    return \%secret;
}

# Operations by boto3, in this order, as that user: [list => bucket, prefix], [list_v1 => ...],
# [get|put|delete|upload => bucket, key], [head_bucket|uploads => bucket], [copy => bucket, from,
# to], [delete_many => bucket, keys...]. Returns 'ok' or the error's code for each.
sub client
{
    my ($self, $user, @operations) = @_;
    my $input = $json->encode({ endpoint => $self->endpoint, region => $self->region, keys => $user,
            operations => \@operations });
    my ($output, $errors) = ('', '');
    IPC::Run::run(["$tools/s3clients/bin/python", "$here/s3_client.py"], '<', \$input, '>', \$output, '2>', \$errors,
        IPC::Run::timeout(CLIENT_SECONDS))
      or croak "s3_client.py: $errors";
    return @{ $json->decode($output) };
}

sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    for (1 .. STOP_SECONDS / 0.05) {
        return if waitpid($pid, POSIX::WNOHANG) != 0;
        sleep 0.05;
    }
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

# All at once, so that they are different ones.
sub _free_ports
{
    my ($count) = @_;
    my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) } 1 .. $count;
    return map { $_->sockport } @held;
}

sub _write
{
    my ($self, $name, $content) = @_;
    open my $file, '>', "$self->{dir}/$name" or croak "$name: $!";
    print {$file} $content or croak "$name: $!";
    close $file or croak "$name: $!";
    return "$self->{dir}/$name";
}

sub _launch
{
    my ($self, @command) = @_;
    $self->{pid} = fork // croak "fork: $!";
    if ($self->{pid} == 0) {
        POSIX::setsid();
        chdir $self->{dir};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{dir}/server.log";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    $self->_write('server.pid', "$self->{pid}\n");
    return;
}

sub _start_minio
{
    my ($self) = @_;
    my $console;
    ($self->{port}, $console) = _free_ports(2);
    $self->{console_port} = $console;
    local %ENV = (%ENV, MINIO_ROOT_USER => 'rootuser', MINIO_ROOT_PASSWORD => 'root-s3cret');
    $ENV{MINIO_SITE_REGION} = $self->{region} if defined $self->{region};
    $self->_launch("$tools/bin/minio", 'server', '--quiet', '--address', "127.0.0.1:$self->{port}",
        '--console-address', "127.0.0.1:$console", "$self->{dir}/data");
    return;
}

sub _start_seaweedfs
{
    my ($self) = @_;
    my @names = qw(master.port master.port.grpc volume.port volume.port.grpc filer.port filer.port.grpc s3.port s3.port.grpc);
    my %port;
    @port{@names} = _free_ports(scalar @names);
    $self->{port} = $port{'s3.port'};
    my @identities = map { {
            name => $_, actions => $_ eq 'platform' ? ['Admin'] : ['Read', 'Write', 'List'],
            credentials => [ { accessKey => $keys{$_}{access_key_id}, secretKey => $keys{$_}{secret_access_key} } ] } }
      qw(platform powerless);
    my @sts = $self->{sts} ? ('-s3.iam.config=' . $self->_write('iam.json', $json->encode(_seaweedfs_iam()))) : ();
    $self->_launch("$tools/bin/weed", 'server', "-dir=$self->{dir}/data", '-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-filer', '-s3',
        (map { "-$_=$port{$_}" } @names), "-filer.localSocket=$self->{dir}/filer.sock", '-s3.port.iceberg=0', '-s3.port.lance=0',
        '-volume.max=100', '-master.volumeSizeLimitMB=16',    # each bucket takes 7 volumes
        '-s3.config=' . $self->_write('s3.json', $json->encode({ identities => \@identities })), @sts);
    return;
}

sub _seaweedfs_iam
{
    my %statement = (Effect => 'Allow', Action => ['s3:*'], Resource => ['*']);
    return {
        sts => { issuer => 'tests', signingKey => 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
            tokenDuration => '1h', maxSessionLength => '12h' },
        policy => { defaultEffect => 'Deny', storeType => 'memory' },
        policies => [ { name => 'Everything', document => { Version => '2012-10-17', Statement => [ \%statement ] } } ],
        roles => [ { roleName => 'TenantRole', roleArn => $ROLE_ARN, attachedPolicies => ['Everything'],
                trustPolicy => { Version => '2012-10-17',
                    Statement => [ { Effect => 'Allow', Principal => { AWS => '*' }, Action => ['sts:AssumeRole'] } ] } } ],
    };
}

# Any answer of the S3 API will do: the users come later.
sub _wait
{
    my ($self) = @_;
    my $deadline = time + START_SECONDS;
    my $path = $self->{kind} eq 'minio' ? '/minio/health/ready' : '/';
    while (time < $deadline) {
        croak "$self->{kind} has ended: " . $self->_log_tail if waitpid($self->{pid}, POSIX::WNOHANG) != 0;
        my ($status) = ('');
        IPC::Run::run(['curl', '--silent', '--noproxy', '*', '--max-time', 2, '--output', '/dev/null', '--write-out',
                '%{http_code}', $self->endpoint . $path], '<', \undef, '>', \$status, '2>', \my $errors);
        return if $status =~ /^(200|403)$/;
        sleep 0.1;
    }
    croak "$self->{kind} does not start: " . $self->_log_tail;
}

sub _log_tail { my ($self) = @_; return substr PostgreSQL::Test::Utils::slurp_file("$self->{dir}/server.log"), -1000; }

sub _mc
{
    my ($self, @command) = @_;
    my $output = '';
    IPC::Run::run(["$tools/bin/mc", '--config-dir', "$self->{dir}/mc", @command], '<', \undef, '>', \$output, '2>&1',
        IPC::Run::timeout(CLIENT_SECONDS))
      or croak "mc @command[0 .. 2]: $output";
    return;
}

sub _make_minio_users
{
    my ($self) = @_;
    my $alias = { url => $self->endpoint, accessKey => 'rootuser', secretKey => 'root-s3cret', api => 'S3v4', path => 'auto' };
    mkdir "$self->{dir}/mc";
    $self->_write('mc/config.json', $json->encode({ version => '10', aliases => { m => $alias } }));
    for my $user (qw(platform powerless)) {
        $self->_mc('admin', 'user', 'add', 'm', $keys{$user}{access_key_id}, $keys{$user}{secret_access_key});
    }
    $self->_mc('admin', 'policy', 'attach', 'm', 'readwrite', '--user', $keys{platform}{access_key_id});
    $self->_mc('admin', 'user', 'svcacct', 'add', 'm', $keys{platform}{access_key_id},
        '--access-key', $keys{service}{access_key_id}, '--secret-key', $keys{service}{secret_access_key});
    return;
}

# SeaweedFS answers before its filer and volumes are ready: then this is what fails.
sub _make_buckets
{
    my ($self, @buckets) = @_;
    my $deadline = time + START_SECONDS;
    my @outcomes;
    do {
        @outcomes = $self->client($self->platform, map { ([ make => $_ ], [ put => $_, 'ready' ], [ delete => $_, 'ready' ]) } @buckets);
        return unless grep { $_ ne 'ok' } @outcomes;
        sleep 0.2;
    } while (time < $deadline);
    croak "$self->{kind}: no bucket: @outcomes";
}

END {
    my $status = $?;
    if ($$ == $owner) {
        for my $server (@servers) {
            eval { $server->stop };
        }
    }
    $? = $status;
}

1;
