# MinioServer.pm - a real MinIO for one test, whose root user comes out of Vault by minio-helper.
#
#   my $minio = MinioServer->new($vault, $helper);     # its root user is the secret dev/minio
#   MinioServer->new($vault, $helper, tls => 1)        # HTTPS, certificate in $minio->ca_cert
#   $minio->mc('mb', 'root/bucket');                   # as root, by mc
#   $minio->add_user($name, $password, 'readwrite');
package MinioServer;

use strict;
use warnings;

use Carp;
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use MinioHelper;

use constant START_SECONDS => 60;    # MinIO answers after 2 to 5 s; on a machine that is busy, later

my $owner = $$;
my @servers;

# Every character that a MinIO root password can have and that some format trips over.
our $ROOT_PASSWORD = q{root's "pass" #1 \\x $HOME `id` %(a)s =;:};

sub available { return -x MinioHelper::top() . '/build/tools/bin/minio' && -x MinioHelper::top() . '/build/tools/bin/mc'; }

sub _free_port
{
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or croak "no port: $!";
    return $socket->sockport;
}

sub new
{
    my ($class, $vault, $helper, %option) = @_;
    my $port = _free_port();
    my $scheme = $option{tls} ? 'https' : 'http';
    my $self = bless { dir => PostgreSQL::Test::Utils::tempdir('minio'), helper => $helper, url => "$scheme://localhost:$port" }, $class;
    $self->_make_certificate if $option{tls};
    $vault->put('saas-project/dev/minio', {
            access_key_id => 'rootuser', secret_access_key => $ROOT_PASSWORD, endpoint_url => $self->{url} });
    $helper->output('credentials', '--secret', 'minio', '--format', 'minio', '--output', "$self->{dir}/env");
    $self->{pid} = fork // croak "fork: $!";
    if ($self->{pid} == 0) {
        setpgrp;
        open STDOUT, '>', "$self->{dir}/server.log";
        open STDERR, '>&', \*STDOUT;
        %ENV = (PATH => $ENV{PATH}, HOME => $self->{dir}, MINIO_CONFIG_ENV_FILE => "$self->{dir}/env");
        exec MinioHelper::top() . '/build/tools/bin/minio', 'server', '--quiet', '--address', "127.0.0.1:$port",
          '--certs-dir', "$self->{dir}/certs", "$self->{dir}/data"
          or POSIX::_exit(127);
    }
    push @servers, $self;
    $helper->write_file("$self->{dir}/minio.pid", "$self->{pid}\n");
    $self->take_root;
    return $self;
}

sub _make_certificate
{
    my ($self) = @_;
    mkdir "$self->{dir}/certs";
    PostgreSQL::Test::Utils::system_log('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost',
        '-addext', 'subjectAltName=DNS:localhost', '-keyout', "$self->{dir}/certs/private.key", '-out', $self->ca_cert) == 0
      or croak 'openssl fails';
    return;
}
sub ca_cert { return "$_[0]->{dir}/certs/public.crt"; }

sub url { return $_[0]->{url}; }

# mc's alias root becomes the root user that Vault has now; waits for a server that takes it.
sub take_root
{
    my ($self) = @_;
    my $alias = $self->{helper}->output('credentials', '--secret', 'minio', '--format', 'mc', '--alias', 'root');
    my $until = time + START_SECONDS;
    while (time < $until) {
        # The import asks the server whether the password is right.
        return if $self->_run([ 'mc', '--insecure', 'alias', 'import', 'root', '/dev/stdin' ], $alias)->{status} == 0;
        sleep 0.2;
    }
    croak 'MinIO does not start: ' . PostgreSQL::Test::Utils::slurp_file("$self->{dir}/server.log");
}

sub _run
{
    my ($self, $command, $input) = @_;
    local $ENV{MC_CONFIG_DIR} = "$self->{dir}/mc";
    my ($out, $err) = ('', '');
    IPC::Run::run($command, '<', \($input // ''), '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return { status => $? >> 8, stdout => $out, stderr => $err };
}

# Whether the server takes what mc's alias root has.
sub knows_root { my ($self) = @_; return $self->_run([ 'mc', '--insecure', '--quiet', 'admin', 'info', 'root' ])->{status} == 0; }

sub mc
{
    my ($self, @arguments) = @_;
    my $run = $self->_run([ 'mc', '--insecure', '--quiet', @arguments ]);
    croak "mc @arguments: $run->{stderr}$run->{stdout}" if $run->{status} != 0;
    return $run->{stdout};
}

sub add_user
{
    my ($self, $name, $password, $policy) = @_;
    $self->mc('admin', 'user', 'add', 'root', $name, $password);
    $self->mc('admin', 'policy', 'attach', 'root', $policy, '--user', $name) if $policy;
    return;
}

sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

END {
    my $status = $?;
    if ($$ == $owner) {
        $_->stop for @servers;
    }
    $? = $status;
}

1;
