# ScriptedHttp.pm - a small HTTP server that gives the replies which OpenBao cannot be made to give.
#
# It answers like a Vault with a KV v2 mount at secret/ for everything but the tenants that the
# test names: for these a piece of Perl writes to the socket whatever it likes. Each connection is
# a process of its own, so that a reply that never ends holds up no other. Every request is kept
# with its headers, so that a test can see where a token went, and where it did not.
#
#   my $http = ScriptedHttp->new(
#       'not-json' => sub { my ($reply) = @_; $reply->json_text(200, 'no json at all') });
#   $http->address; $http->requests(tenant => 'not-json'); $http->stop;
#
# A script gets an object with: text (raw bytes), head (status line and headers), reply (a whole
# reply), json_text (the same, as JSON), request ({ method, path, headers, body, count }), where count
# is how often this tenant was asked for, this time included.
package ScriptedHttp;

use strict;
use warnings;

use Carp;
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Utils ();
use Time::HiRes ();

use constant {
    BACKLOG => 64,
    # A connection process ends by itself after this time, whatever its script does.
    CONNECTION_SECONDS => 60, };

my $json = JSON::PP->new->utf8->canonical;
my $owner = $$;
my @servers;

sub new
{
    my ($class, %script) = @_;
    my $listener = IO::Socket::INET->new(
        Listen => BACKLOG,
        LocalAddr => '127.0.0.1',
        LocalPort => 0,
        ReuseAddr => 1
    ) or croak "cannot listen: $!";
    my $self = bless {
        port => $listener->sockport,
        script => \%script,
        log => PostgreSQL::Test::Utils::tempdir('http') . '/requests',
    }, $class;
    open my $file, '>', $self->{log} or croak "$self->{log}: $!";
    close $file;

    $self->{pid} = fork // croak "fork: $!";
    if ($self->{pid} == 0) {
        setpgrp;    # so that stop ends the connections' processes as well
        $self->_serve($listener);
        POSIX::_exit(0);
    }
    push @servers, $self;
    return $self;
}

# The same behind TLS, with a certificate of TestCertificates.pm.
sub new_tls
{
    my ($class, $certificate, %script) = @_;
    my $self = $class->new(%script);
    $self->{front} =
        open($self->{front_output}, '-|', '/usr/bin/python3', dirname(__FILE__) . '/tls_front.py',
        $certificate->{cert}, $certificate->{key}, $self->{port}) // croak "tls_front.py: $!";
    chomp($self->{tls_port} = readline($self->{front_output})
            // croak 'tls_front.py does not start');
    return $self;
}

sub address
{
    my ($self) = @_;
    return $self->{tls_port}
        ? "https://127.0.0.1:$self->{tls_port}"
        : "http://127.0.0.1:$self->{port}";
}
sub port { return $_[0]->{port}; }

sub stop
{
    my ($self) = @_;
    if (my $front = delete $self->{front}) {
        kill 'KILL', $front;
        CORE::close delete $self->{front_output};
    }
    my $pid = delete $self->{pid} or return;
    kill 'KILL', -$pid, $pid;
    waitpid $pid, 0;
    return;
}

# The requests so far, oldest first: { method, path, headers (names in lower case), tenant, time }.
# Filters: tenant, path (qr//).
sub requests
{
    my ($self, %filter) = @_;
    return grep {
               (!defined $filter{tenant} || ($_->{tenant} // '') eq $filter{tenant})
            && (!defined $filter{path} || $_->{path} =~ $filter{path})
    } map { $json->decode($_) } split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{log});
}

sub _serve
{
    my ($self, $listener) = @_;
    local $SIG{CHLD} = 'IGNORE';
    local $SIG{PIPE} = 'IGNORE';
    while (1) {
        my $socket = $listener->accept or next;
        my $pid = fork;
        if (defined $pid && $pid == 0) {
            close $listener;
            alarm CONNECTION_SECONDS;
            eval { $self->_connection($socket); 1 } or print {*STDERR} "scripted reply: $@";
            POSIX::_exit(0);
        }
        close $socket;
    }
    return;
}

# Requests of one connection, one after the other, until either side closes it.
sub _connection
{
    my ($self, $socket) = @_;
    $socket->autoflush(1);
    while (my $request = _read_request($socket)) {
        my $tenant = $request->{path} =~ m{/tenants/([^/?]+)/database} ? $1 : undef;
        $request->{count} = $self->_keep($request, $tenant);
        my $reply = ScriptedHttp::Reply->new($socket, $request);
        my $script = defined $tenant ? $self->{script}{$tenant} : undef;
        $script //= $self->{script}{default} // \&_answer_like_vault;
        $script->($reply);
        return if $reply->{closed};
    }
    return;
}

sub _read_request
{
    my ($socket) = @_;
    my $line = <$socket> // return;
    my ($method, $path) = $line =~ m{^(\S+) (\S+) HTTP/1\.1\r\n} or return;
    my %headers;
    while (defined(my $header = <$socket>)) {
        last if $header eq "\r\n";
        my ($name, $value) = $header =~ /^([^:]+):\s*(.*?)\r\n/ or return;
        $headers{ lc $name } = $value;
    }
    my $body = '';
    read $socket, $body, $headers{'content-length'} if $headers{'content-length'};
    return { method => $method, path => $path, headers => \%headers, body => $body };
}

# Appends the request to the log; returns how many of that tenant there are by now.
sub _keep
{
    my ($self, $request, $tenant) = @_;
    open my $log, '+>>', $self->{log} or croak "$self->{log}: $!";
    flock $log, LOCK_EX;
    my %kept = %$request;
    delete $kept{body};
    print {$log} $json->encode({ %kept, tenant => $tenant, time => Time::HiRes::time }), "\n";
    $log->flush;
    seek $log, 0, 0;
    my $count = grep { defined $tenant && ($json->decode($_)->{tenant} // '') eq $tenant } <$log>;
    close $log;
    return $count;
}

sub _answer_like_vault
{
    my ($reply) = @_;
    my $path = $reply->{request}{path};
    return $reply->json(200,
        { initialized => JSON::PP::true, sealed => JSON::PP::false, standby => JSON::PP::false })
        if $path =~ m{^/v1/sys/(health|seal-status)};
    return $reply->json(200,
        { data => { path => 'secret/', type => 'kv', options => { version => '2' } } })
        if $path =~ m{^/v1/sys/internal/ui/mounts/};
    return $reply->json(200, { data => { capabilities => ['read'] } })
        if $path =~ m{^/v1/sys/capabilities-self};
    return $reply->json(200, { data => token_data() })
        if $path =~ m{^/v1/auth/token/lookup-self};
    return $reply->json(404, { errors => [] })
        unless $path =~ m{^/v1/secret/data/.*/tenants/([^/?]+)/database};
    return $reply->json(200, good_secret($1));
}

sub token_data
{
    return {
        ttl => 3600,
        creation_ttl => 3600,
        renewable => JSON::PP::false,
        type => 'service',
        expire_time => '2099-01-01T00:00:00Z',
        num_uses => 0,
        policies => ['default'], };
}

# What Vault says of a tenant's secret.
sub good_secret
{
    my ($tenant) = @_;
    return {
        request_id => '0f0f0f0f-0000-0000-0000-000000000000',
        lease_id => '',
        renewable => JSON::PP::false,
        lease_duration => 0,
        warnings => undef,
        data => {
            data => {
                username => "${tenant}_app",
                password => "s3cret of $tenant",
                host => 'db.example'
            },
            metadata => {
                version => 1,
                created_time => '2026-01-01T00:00:00.000000000Z',
                deletion_time => '',
                destroyed => JSON::PP::false
            }
        } };
}
sub good_secret_text { my ($tenant) = @_; return $json->encode(good_secret($tenant)); }

END {
    my $status = $?;
    if ($$ == $owner) {
        $_->stop for @servers;
    }
    $? = $status;
}

package ScriptedHttp::Reply;

use strict;
use warnings;

my %reason = (
    200 => 'OK',
    301 => 'Moved Permanently',
    302 => 'Found',
    307 => 'Temporary Redirect',
    308 => 'Permanent Redirect',
    400 => 'Bad Request',
    403 => 'Forbidden',
    404 => 'Not Found',
    412 => 'Precondition Failed',
    429 => 'Too Many Requests',
    500 => 'Internal Server Error',
    502 => 'Bad Gateway',
    503 => 'Service Unavailable');

sub new
{
    my ($class, $socket, $request) = @_;
    return bless { socket => $socket, request => $request, closed => 0 }, $class;
}

sub request { return $_[0]->{request}; }
sub count { return $_[0]->{request}{count}; }
# The other side hung up: false.
sub text { my ($self, $bytes) = @_; return print { $self->{socket} } $bytes; }

sub head
{
    my ($self, $status, %headers) = @_;
    return $self->text("HTTP/1.1 $status "
            . ($reason{$status} // 'Other') . "\r\n"
            . join('', map {"$_: $headers{$_}\r\n"} sort keys %headers)
            . "\r\n");
}

sub reply
{
    my ($self, $status, $body, %headers) = @_;
    return $self->head($status, 'Content-Length' => length $body, %headers) && $self->text($body);
}

sub json_text
{
    my ($self, $status, $text, %headers) = @_;
    return $self->reply($status, $text, 'Content-Type' => 'application/json', %headers);
}

sub json
{
    my ($self, $status, $data, %headers) = @_;
    return $self->json_text($status, $json->encode($data), %headers);
}

# Answers as Vault does for this tenant.
sub good
{
    my ($self, %headers) = @_;
    return $self->json(200,
        ScriptedHttp::good_secret($self->{request}{path} =~ m{/tenants/([^/?]+)/} ? $1 : ''),
        %headers);
}

# Ends the connection, in the middle of a reply where that is not whole.
sub hang_up { my ($self) = @_; close $self->{socket}; $self->{closed} = 1; return; }

1;
