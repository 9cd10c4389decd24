# ComposeProject.pm - the bundle of docker/, as a user would have it: in a copy of the tree, with its
# own project, ports, network and images, driven from outside.
#
#   my $project = ComposeProject->new or plan skip_all => ...   # undef: no Docker engine can run
#   $project->compose('up', '-d');                              # dies where it fails
#   $project->docker('inspect', $container);
#   $project->health;                                           # the application's page, decoded
#
# Whoever makes the project gets rid of it at the end: containers, volumes, network; the images stay,
# so that the next run builds nothing again.
package ComposeProject;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use Fcntl;
use File::Basename qw(dirname);
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use constant {
    BUILD_SECONDS => 2400,    # on a new machine, MinIO is compiled: minutes
    COMMAND_SECONDS => 300,    # up waits for one health check after the other
    READY_SECONDS => 120,    # until a service that was killed is healthy again
};

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $json = JSON::PP->new->utf8;
my $owner = $$;
my $started;
my @projects;

# The reason why there is none, after new has returned undef.
our $reason = '';

sub new
{
    my ($class) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ "$top/tests/setup/docker_engine", 'start' ], '<', \undef, '>', \$out, '2>', \$err);
    if ($? >> 8 == 3) {
        ($reason) = $err =~ /(no Docker engine can run here.*)/;
        return;
    }
    croak "docker_engine: $err" if $? != 0;
    $started = 1;
    chomp $out;
    my ($vault, $postgres, $minio, $app) = _free_ports(4);
    my $dir = PostgreSQL::Test::Utils::tempdir('bundle');
    my $self = bless {
        dir => "$dir/tree/docker",
        port => { vault => $vault, postgres => $postgres, minio => $minio, app => $app },
        compose => ['docker-compose'],
        env => {
            # BuildKit builds a stage once for all images, and none that is not needed. Debian's client
            # has it; another one, further ahead in the path, may want a plugin for it.
            DOCKER_BUILDKIT => 1, COMPOSE_DOCKER_CLI_BUILD => 1, PATH => "/usr/bin:$ENV{PATH}",
            HOME => $dir, LC_ALL => 'C.UTF-8', DOCKER_HOST => $out,
            COMPOSE_PROJECT_NAME => "tvtest$$", IMAGE_PREFIX => 'tenant-vault-test/bundle',
            BASE_IMAGE => 'tenant-vault-test/base', GO_IMAGE => 'tenant-vault-test/golang',
            VAULT_IMAGE => 'tenant-vault-test/vault', SAAS_COMPOSE => 'docker-compose',
            SAAS_SUBNET => '172.30.87.0/24',
            VAULT_PORT => $vault, POSTGRES_PORT => $postgres, MINIO_PORT => $minio, APP_PORT => $app,
        } }, $class;
    my $images = $self->run({ seconds => BUILD_SECONDS }, "$top/tests/setup/docker_engine", 'images');
    if ($images->{status} == 3) {
        ($reason) = $images->{stderr} =~ /(no Docker engine can run here.*)/;
        return;
    }
    croak "docker_engine images: $images->{stderr}" if $images->{status} != 0;
    push @projects, $self;
    mkdir "$dir/tree";
    IPC::Run::run([ 'tar', '-C', $top, '-c', '.dockerignore', qw(Makefile flags.mk common pg_extension minio_helper sql docker) ],
        '|', [ 'tar', '-C', "$dir/tree", '-x' ]) or croak 'tar fails';
    unlink "$self->{dir}/.env", "$self->{dir}/.env.vault";
    return $self;
}

sub _free_ports
{
    my ($count) = @_;
    my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) } 1 .. $count;
    return map { $_->sockport } @held;
}

sub dir { return $_[0]->{dir}; }
sub port { return $_[0]->{port}{ $_[1] }; }

# Another Compose from now on: a command's words.
sub use_compose
{
    my ($self, @command) = @_;
    $self->{compose} = [@command];
    $self->{env}{SAAS_COMPOSE} = "@command";
    return;
}

# { status, stdout, stderr } of a command in the bundle's folder. First a hash of options, or not:
# seconds, env (set besides).
sub run
{
    my ($self, @command) = @_;
    my $option = ref $command[0] eq 'HASH' ? shift @command : {};
    my ($out, $err) = ('', '');
    my %env = (%{ $self->{env} }, %{ $option->{env} // {} });
    local %ENV = %env;
    my $timer = IPC::Run::timeout($option->{seconds} // COMMAND_SECONDS);
    my $dir = -d $self->{dir} ? $self->{dir} : '/';
    eval { IPC::Run::run([@command], 'init', sub { chdir $dir or die $! }, '<', \($option->{stdin} // ''),
            '>', \$out, '2>', \$err, $timer); 1 }
      or return { status => -1, stdout => $out, stderr => "$err$@" };
    return { status => $? & 127 ? 128 + ($? & 127) : $? >> 8, stdout => $out, stderr => $err };
}

sub must
{
    my ($self, @command) = @_;
    my $run = $self->run(@command);
    shift @command if ref $command[0];
    croak "@command: $run->{status} " . substr("$run->{stderr}$run->{stdout}", -3000) if $run->{status} != 0;
    return $run->{stdout};
}

sub compose { my ($self, @arguments) = @_; return $self->must(@{ $self->{compose} }, @arguments); }
sub docker { my ($self, @arguments) = @_; return $self->must('docker', @arguments); }
# Before there is an .env: what that would say has no place in an image.
sub build
{
    my ($self) = @_;
    $self->must({ seconds => BUILD_SECONDS, env => { VAULT_DEV_ROOT_TOKEN_ID => 'none' } }, @{ $self->{compose} }, 'build', '--quiet');
    return;
}

# A file of the user who runs the commands, for that one only.
sub write_home
{
    my ($self, $name, $text) = @_;
    sysopen my $file, "$self->{env}{HOME}/$name", O_WRONLY | O_CREAT | O_EXCL, 0600 or croak "$name: $!";
    print {$file} $text or croak "$name: $!";
    close $file or croak "$name: $!";
    return;
}

# Compose v2, by its path.
sub compose_v2 { return "$top/build/tools/bin/docker-compose-v2"; }

# A block of commands of docs/docker.md, with this project's Compose and ports in place of the usual.
sub run_block
{
    my ($self, $block) = @_;
    my %usual = (8200 => 'vault', 8080 => 'app');
    my $text = $block->{text} =~ s/(127\.0\.0\.1:)(8200|8080)\b/$1$self->{port}{$usual{$2}}/gr;
    my $function = 'docker() { if [ "$1" = compose ]; then shift; ' . "@{ $self->{compose} }" . ' "$@"; else command docker "$@"; fi; }';
    return $self->run('bash', '-c', "set -eu\n$function\n$text");
}

sub container { my ($self, $service) = @_; chomp(my $id = $self->compose('ps', '-q', $service)); return $id; }
sub inspect { my ($self, @what) = @_; return $json->decode($self->docker('inspect', @what))->[0]; }
sub image { my ($self, $name) = @_; return "$self->{env}{IMAGE_PREFIX}-$name"; }

# What .env, which bootstrap made, says.
sub setting
{
    my ($self, $name) = @_;
    my ($value) = PostgreSQL::Test::Utils::slurp_file("$self->{dir}/.env") =~ /^\Q$name\E=(.*)$/m;
    return $value;
}

# { status, body } of Vault, as root.
sub vault
{
    my ($self, $method, $path, $body) = @_;
    return _http($method, "http://127.0.0.1:$self->{port}{vault}/v1/$path",
        { 'X-Vault-Token' => $self->setting('VAULT_DEV_ROOT_TOKEN_ID') }, $body ? $json->encode($body) : undef);
}
sub secret { my ($self, $path) = @_; return $self->vault(GET => "secret/data/saas-project/dev/$path")->{body}{data}{data}; }

sub app { my ($self, $method, $path, $content) = @_; return _http($method, "http://127.0.0.1:$self->{port}{app}$path", {}, $content); }

sub _http
{
    my ($method, $url, $headers, $content) = @_;
    my $reply = HTTP::Tiny->new(timeout => 15)->request($method, $url,
        { headers => $headers, defined $content ? (content => $content) : () });
    my $body = eval { $json->decode($reply->{content}) };
    return { status => $reply->{status}, body => $body, text => $reply->{content} };
}

# The page once it says ok; the last one where it does not within the time.
sub healthy
{
    my ($self) = @_;
    my $until = time + READY_SECONDS;
    my $page;
    do {
        $page = $self->app(GET => '/health');
        return $page if $page->{status} == 200;
        sleep 0.5;
    } while (time < $until);
    return $page;
}

sub wait_for_state
{
    my ($self, $service, $wanted) = @_;
    my $until = time + READY_SECONDS;
    my $state = '';
    while (time < $until) {
        my $all = $self->inspect($self->container($service))->{State};
        $state = $all->{Health} ? $all->{Health}{Status} : $all->{Status};
        return $state if $state eq $wanted;
        sleep 0.5;
    }
    return $state;
}

# { status, stdout, stderr } of psql on this machine.
sub psql
{
    my ($self, $user, $password, $database, $statement) = @_;
    return $self->run({ env => { PGPASSWORD => $password }, seconds => 30 }, 'psql', '--no-psqlrc', '-At', '-c', $statement,
        "host=127.0.0.1 port=$self->{port}{postgres} user=$user dbname=$database sslmode=require connect_timeout=10");
}

# As the database's administrator, inside.
sub admin_sql
{
    my ($self, $statement) = @_;
    chomp(my $answer = $self->compose('exec', '-T', 'postgres', 'psql', '--no-psqlrc', '-At', '-h', '/run/postgresql', '-c', $statement));
    return $answer;
}

# What boto3 on this machine says: of each operation of tests/helper/lib/s3_client.py.
sub s3
{
    my ($self, $keys, @operations) = @_;
    my $input = $json->encode({
            url => "http://127.0.0.1:$self->{port}{minio}", region => 'us-east-1',
            access_key => $keys->{access_key_id}, secret_key => $keys->{secret_access_key}, operations => \@operations });
    my $out = $self->must({ stdin => $input, seconds => 60 }, "$top/build/tools/s3clients/bin/python", "$top/tests/docker/lib/bucket_client.py");
    return @{ $json->decode($out) };
}

END {
    my $status = $?;
    if ($$ == $owner) {
        for my $project (@projects) {
            $project->run(@{ $project->{compose} }, 'down', '--volumes', '--timeout', '5') if -e "$project->{dir}/.env";
        }
        system "$top/tests/setup/docker_engine", 'stop' if $started;
    }
    $? = $status;
}

1;
