# What `credentials` writes is read back by the format's real reader, byte for byte: every printable
# character at the edges and in the middle, and the combinations that some reader takes for more
# than text. A value that a reader would change is refused with status 6, and no other value is.
use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8 decode_utf8);
use IO::Select;
use IO::Socket::UNIX;
use IPC::Run ();
use JSON::PP ();
use Test::More;

use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $json = JSON::PP->new->utf8;
my $python = $helper->top . '/build/tools/s3clients/bin/python';

# Secret keys by the tenant that has them. At least 8 characters, which mc and MinIO want.
my @keys = (join '', 'a', map { chr } 0x20 .. 0x7e);
push @keys, map { my $c = chr; $c =~ /\w/ ? () : "${c}middle${c}edge${c}" } 0x21 .. 0x7e;
push @keys, ' leading', 'trailing ', 'a #comment', 'a ;comment', 'in ${HOME} it', 'in $HOME it', 'in $(id) it',
  'in %(name)s it', 'back\\nslash', 'dollar\\$escaped', '"quoted"', "'quoted'", '`quoted`', '"""quoted"""', 'env:value',
  'environment', 'export x=y', 'unit %h %i', "caf\x{e9}-\x{4e16}", "curly \x{2018}\x{2019} quotes", 'a=b:c=d:e=f', "it's \\ and \"",
  "it's \$HOME", 'colon:inside', '#hash-first', '[section]', '!bang!bang', '{{template}}', '~tilde/tilde', '*?[glob]';
my %key_of = map { sprintf('t%03d', $_) => $keys[$_] } 0 .. $#keys;

$vault->put('saas-project/dev/s3', {
        endpoint_url => 'https://s3.example:9000', access_key_id => 'platform', secret_access_key => 'platform-secret',
        bucket_name => 'shared', region => 'eu-west-1' });
$vault->put("saas-project/dev/tenants/$_/s3",
    { access_key_id => "access-$_", secret_access_key => $key_of{$_}, bucket_name => 'shared', prefix => "$_/" })
  for keys %key_of;

# The outputs of one format, as files; and the tenants whose key it refuses.
sub write_all
{
    my ($format, @options) = @_;
    my (%file, %refused);
    for my $tenant (sort keys %key_of) {
        my $run = $helper->run('credentials', '--tenant', $tenant, '--format', $format, @options);
        if ($run->{status} == 6) {
            $refused{$tenant} = 1;
            next;
        }
        die "$format $tenant: $run->{status} $run->{stderr}" if $run->{status} != 0;
        $file{$tenant} = $helper->write_file("$dir/$format.$tenant", $run->{stdout});
    }
    return (\%file, \%refused);
}

sub shown { my ($tenant) = @_; return encode_utf8("<$key_of{$tenant}>"); }

# $read->($file, $tenant): the secret key as bytes. $may_refuse->($key): the reader cannot have it.
sub survives
{
    my ($format, $read, $may_refuse, @options) = @_;
    my ($file, $refused) = write_all($format, @options);
    my @changed = grep { ($read->($file->{$_}, $_) // '(nothing)') ne encode_utf8($key_of{$_}) } sort keys %{$file};
    is(join(' ', map { shown($_) } @changed), '', "$format: its reader has each key byte for byte");
    my @needless = grep { !$may_refuse->($key_of{$_}) } sort keys %{$refused};
    is(join(' ', map { shown($_) } @needless), '', "$format: no key is refused that its reader could have");
    my @missed = grep { !$refused->{$_} && $may_refuse->($key_of{$_}) } sort keys %key_of;
    is(join(' ', map { shown($_) } @missed), '', "$format: what its reader would change is refused");
    return;
}

sub output_of
{
    my (@command) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return $out;
}

# One process for all files: each line on standard output is the hexadecimal key of one.
sub read_by_python
{
    my ($script, $file) = @_;
    my %value;
    my @tenants = sort keys %{$file};
    my @lines = split /\n/, output_of($python, '-c', $script, map { $file->{$_} } @tenants);
    @value{@tenants} = map { pack 'H*', $_ } @lines;
    return \%value;
}

sub never { return 0; }
my $edge_space = sub { $_[0] =~ /\A | \z/ };

for my $format (qw(process json)) {
    my $field = $format eq 'process' ? 'SecretAccessKey' : 'secret_access_key';
    survives($format, sub { encode_utf8($json->decode(PostgreSQL::Test::Utils::slurp_file($_[0]))->{$field}) }, \&never);
}

for my $shell (qw(dash bash)) {
    survives('env', sub { output_of('env', '-i', $shell, '-c', '. "$0"; printenv AWS_SECRET_ACCESS_KEY | head -c -1', $_[0]) }, \&never)
      if $shell eq 'dash';
    survives('env-no-export', sub { output_of('env', '-i', $shell, '-c', '. "$0"; printf %s "$AWS_SECRET_ACCESS_KEY"', $_[0]) }, \&never);
}

SKIP: {
    skip 'no fish here', 3 if system('command -v fish >/dev/null') != 0;
    survives('fish', sub { output_of('fish', '--no-config', '-c', 'source $argv[1]; printf %s $AWS_SECRET_ACCESS_KEY', $_[0]) }, \&never);
}

# systemd's own parser of such files reads os-release as well, and systemd-tmpfiles puts the ID from
# there into a file: without a running systemd the nearest that there is.
SKIP: {
    my $can = $> == 0 && system('command -v systemd-tmpfiles >/dev/null && unshare -m true 2>/dev/null') == 0;
    skip 'no systemd here, or not root', 3 if !$can;
    my ($release) = grep { -e } '/usr/lib/os-release', '/etc/os-release';
    survives('systemd', sub {
            my ($line) = PostgreSQL::Test::Utils::slurp_file($_[0]) =~ /^AWS_SECRET_ACCESS_KEY=(.*)$/m;
            $helper->write_file("$dir/os-release", "ID=$line\n");
            $helper->write_file("$dir/tmpfiles.conf", "f+ $dir/id 0600 - - - %o\n");
            unlink "$dir/id";
            output_of('unshare', '-m', 'sh', '-c', 'mount --bind "$0" "$1" && exec systemd-tmpfiles --create "$2"',
                "$dir/os-release", $release, "$dir/tmpfiles.conf");
            return -e "$dir/id" ? PostgreSQL::Test::Utils::slurp_file("$dir/id") : undef;
        }, \&never);
}

# The docker client parses the file, and sends what it found to the daemon: here, to us.
sub docker_reads
{
    my ($path) = @_;
    my $socket = "$dir/docker.sock";
    unlink $socket;
    my $listener = IO::Socket::UNIX->new(Local => $socket, Listen => 8) or die "$socket: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        local $ENV{DOCKER_HOST} = "unix://$socket";
        exec 'docker', 'create', '--env-file', $path, 'image' or POSIX::_exit(127);
    }
    my $found;
    my $until = time + 20;
    while (!defined $found && time < $until) {
        next unless IO::Select->new($listener)->can_read(1);
        my $client = $listener->accept or next;
        $found = docker_request($client);
    }
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return $found;
}

sub docker_request
{
    my ($client) = @_;
    while (defined(my $line = <$client>)) {
        my ($path) = $line =~ m{^\w+ (\S+)};
        my $length = 0;
        while (defined(my $header = <$client>)) {
            last if $header =~ /^\r?\n/;
            $length = $1 if $header =~ /^Content-Length: (\d+)/i;
        }
        my $body = q{};
        read $client, $body, $length;
        if ($path =~ m{/containers/create}) {
            my ($env) = grep { /^AWS_SECRET_ACCESS_KEY=/ } @{ $json->decode($body)->{Env} };
            return encode_utf8($env =~ s/^[^=]*=//r);
        }
        print {$client} "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK";
        $client->flush;
    }
    return;
}

SKIP: {
    skip 'no docker client here', 3 if system('command -v docker >/dev/null') != 0;
    survives('docker-run', \&docker_reads, \&never);
}

# docker-compose 1.29; version 2's library is tried in format_compose's own comments.
SKIP: {
    skip 'no docker-compose 1.29 here', 3 if system('docker-compose version >/dev/null 2>&1') != 0;
    my ($file) = write_all('compose');
    my @tenants = sort keys %{$file};
    my $services = join '', map { "  $_:\n    image: x\n    env_file: $file->{$_}\n" } @tenants;
    $helper->write_file("$dir/docker-compose.yml", "version: '3'\nservices:\n$services");
    my $config = output_of('docker-compose', '-f', "$dir/docker-compose.yml", 'config');
    my %value;
    my $yaml = output_of($python, '-c', <<'END', $helper->write_file("$dir/config.yml", $config));
import sys, yaml
for name, service in sorted(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))['services'].items()):
    print(name, service['environment']['AWS_SECRET_ACCESS_KEY'].replace('$$', '$').encode().hex())
END
    $value{$1} = pack 'H*', $2 while $yaml =~ /^(\S+) (\S+)$/mg;
    survives('compose', sub { $value{ $_[1] } }, sub { $_[0] =~ /\\\z/ || $_[0] =~ /\$/ && $_[0] =~ /['\\]|\$\{/ });
}

my $aws_changes = sub { $edge_space->(@_) || $_[0] =~ / [#;]/ || $_[0] =~ /\A(['"]).*\1\z/ };
{
    my ($file) = write_all('aws');
    my $value = read_by_python(<<'END', $file);
import sys, os, botocore.session
for path in sys.argv[1:]:
    os.environ['AWS_CONFIG_FILE'] = path
    name = path.rsplit('.', 1)[1]
    session = botocore.session.Session(profile=name)
    credentials = session.get_credentials()
    client = session.create_client('s3')
    good = client.meta.endpoint_url == 'https://s3.example:9000' and client.meta.region_name == 'eu-west-1'
    print(credentials.secret_key.encode().hex() if good else '00')
END
    survives('aws', sub { $value->{ $_[1] } }, $aws_changes);
}

SKIP: {
    skip 'no mc here', 6 if system('command -v mc >/dev/null') != 0;
    my @mc = ('mc', '--config-dir', "$dir/mc");
    survives('mc', sub {
            my ($path, $tenant) = @_;
            output_of(@mc, 'alias', 'import', $tenant, $path);
            return encode_utf8($json->decode(output_of(@mc, '--json', 'alias', 'list', $tenant))->{secretKey});
        }, \&never);
    survives('mc-host', sub {
            my ($path, $tenant) = @_;
            local $ENV{MC_CONFIG_DIR} = "$dir/mc-host";
            my $found = output_of('sh', '-c', '. "$0"; exec mc --json alias list "$1"', $path, $tenant);
            return encode_utf8($json->decode($found)->{secretKey} // '');
        }, sub { $_[0] =~ /:/ });
}

SKIP: {
    skip 'no rclone here', 3 if system('command -v rclone >/dev/null') != 0;
    survives('rclone', sub {
            my ($path, $tenant) = @_;
            my $found = $json->decode(output_of('rclone', '--config', $path, 'config', 'dump'));
            return encode_utf8($found->{$tenant}{secret_access_key} // '');
        }, sub { $edge_space->(@_) || $_[0] =~ /\A(`|""")|%\(/ });
}

SKIP: {
    skip 'no s3cmd here', 3 if system('command -v s3cmd >/dev/null') != 0;
    survives('s3cmd', sub {
            my ($path) = @_;
            my ($found) = output_of('s3cmd', '--config', $path, '--dump-config') =~ /^secret_key = (.*)$/m;
            return $found;
        }, sub { $edge_space->(@_) || $_[0] =~ /\A\$|\A".*"\z/ });
}

done_testing();
