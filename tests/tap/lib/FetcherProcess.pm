# FetcherProcess.pm - a tenant-vault-fetcher without PostgreSQL: the test is its keeper.
#
# Speaks the frames of pg_extension/frame.h over a socketpair, as the keeper does. Every wait has a
# bound and dies beyond it. What a test leaves running ends with the test, when the socket closes.
#
#   my $fetcher = FetcherProcess->new;
#   $fetcher->configure(address => $vault->address, $vault->approle('server'));
#   my $answer = $fetcher->ask(tenant => 'acme');        # { outcome, conninfo, ... }
#   is($fetcher->close, 0, 'exit status');
package FetcherProcess;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Select;
use POSIX ();
use PostgreSQL::Test::Utils ();
use Socket;
use Time::HiRes qw(time sleep);

use constant {
    SECONDS => 20,    # the longest wait for a frame or for the end of the process
    HEADER => 16,
    VERSION => 1,
};

our %TYPE = (settings => 1, fetch => 2, cancel => 3, ping => 4, write => 5,
    answer => 16, status => 17, log => 18, pong => 19, written => 20);
my %KIND = (tenant => 't', secret => 's', list => 'l');
my %NUMBER = (KIND => 2, WANTED_VERSION => 4, TIMEOUT => 5, CACHE_TTL => 8, NEGATIVE_TTL => 9, OPERATION => 11, ITERATIONS => 13);
my %TEXT = (SCOPE => 1, NAME => 3, SALT => 12, HOST => 34, PORT => 35, DBNAME => 36, USERNAME => 37, SETTING_NAME => 6, SETTING_VALUE => 7);
my %READ = (
    20 => ['outcome', 1], 21 => ['message'], 22 => ['hint'], 23 => ['http_status', 1], 24 => ['request_id'],
    25 => ['version', 1], 26 => ['created_time'], 27 => ['lease', 1], 28 => ['existed', 1], 32 => ['conninfo'], 33 => ['url'],
    34 => ['host'], 35 => ['port'], 36 => ['dbname'], 37 => ['username'], 38 => ['password'],
    39 => ['sslmode'], 40 => ['scram_verifier'], 41 => ['data'], 50 => ['level', 1],
    64 => ['address'], 65 => ['health'], 66 => ['reachable', 1], 67 => ['logged_in', 1],
    68 => ['renewable', 1], 69 => ['never_expires', 1], 70 => ['token_ttl', 1], 71 => ['can_log_in', 1],
    72 => ['requests', 1], 73 => ['logins', 1], 74 => ['renewals', 1], 75 => ['failures', 1],
    76 => ['error'], 77 => ['error_code', 1], 78 => ['error_age', 1],
    79 => ['refusal'], 80 => ['login_failures', 1], 81 => ['renewal_failures', 1]);

my $number = 0;

# TENANT_VAULT_FETCHER: another build, for example the one with AddressSanitizer.
sub program { return $ENV{TENANT_VAULT_FETCHER} // abs_path(dirname(__FILE__) . '/../../../build/fetcher/tenant-vault-fetcher'); }

# environment => {...}: what it finds there instead of nothing.
sub new
{
    my ($class, %option) = @_;
    my $errors = PostgreSQL::Test::Utils::tempdir('fetcher') . '/stderr.' . $number++;

    my $program = program();
    socketpair my $keeper, my $other, AF_UNIX, SOCK_STREAM, PF_UNSPEC or croak "socketpair: $!";
    my $pid = fork // croak "fork: $!";
    if ($pid == 0) {
        my %environment = %{ $option{environment} // {} };
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', $errors;
        POSIX::dup2(fileno $other, 3) or POSIX::_exit(99);
        POSIX::dup2(3, 7) or POSIX::_exit(99);    # one that it has to close
        %ENV = %environment;
        exec { $program } 'tenant-vault-fetcher' or POSIX::_exit(98);
    }
    close $other;
    return bless { socket => $keeper, pid => $pid, errors => $errors, in => '', id => 100, scope => 'scope',
        answers => {}, logs => [], pongs => {} }, $class;
}

sub pid { return $_[0]->{pid}; }
sub standard_error { return PostgreSQL::Test::Utils::slurp_file($_[0]->{errors}); }
sub status { return $_[0]->{status}; }
sub logs { return @{ $_[0]->{logs} }; }

### Frames out

sub field { my ($tag, $bytes) = @_; return pack('C L', $tag, length $bytes) . $bytes; }
sub text { my ($name, $text) = @_; return field($TEXT{$name}, $text); }
sub number { my ($name, $value) = @_; return field($NUMBER{$name}, pack 'q', $value); }
sub frame { my ($type, $id, $payload) = @_; return pack('L C C S Q', length $payload, $type, VERSION, 0, $id) . $payload; }

# Bytes as they are. Dies where the fetcher does not take them in time.
sub send_bytes
{
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        IO::Select->new($self->{socket})->can_write(SECONDS) or croak 'the fetcher takes no frames';
        my $n = syswrite $self->{socket}, $bytes;
        return 0 unless defined $n;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

# Options with a leading dash are not settings: -scope, -cache_ttl, -negative_ttl.
sub configure
{
    my ($self, %setting) = @_;
    $self->{scope} = delete $setting{-scope} // $self->{scope};
    my $payload = text(SCOPE => $self->{scope})
      . number(CACHE_TTL => delete $setting{-cache_ttl} // 300_000)
      . number(NEGATIVE_TTL => delete $setting{-negative_ttl} // 5_000);
    $payload .= text(SETTING_NAME => $_) . text(SETTING_VALUE => $setting{$_}) for sort keys %setting;
    $self->send_bytes(frame($TYPE{settings}, 0, $payload));
    return $self;
}

# Returns an id and the frame. Options: version, timeout (ms), scope, max_age (ms).
sub fetch_frame
{
    my ($self, $kind, $name, %option) = @_;
    my $id = $self->{id}++;
    return ($id, frame($TYPE{fetch}, $id,
            number(KIND => ord $KIND{$kind}) . text(SCOPE => $option{scope} // $self->{scope}) . text(NAME => $name)
              . number(WANTED_VERSION => $option{version} // 0) . number(TIMEOUT => $option{timeout} // 10_000)
              . (defined $option{max_age} ? number(CACHE_TTL => $option{max_age}) : '')));
}

# Returns the id.
sub fetch
{
    my ($self, @what) = @_;
    my ($id, $frame) = $self->fetch_frame(@what);
    $self->send_bytes($frame);
    return $id;
}

# The same fetch so many times, in one piece: the socket holds few small ones. Returns the ids.
sub fetch_times
{
    my ($self, $times, @what) = @_;
    my %frame = map { $self->fetch_frame(@what) } 1 .. $times;
    $self->send_bytes(join '', values %frame);
    return keys %frame;
}

my %OPERATION = (create => 'c', rotate => 'r', delete => 'd', destroy => 'x');

# A WRITE; the answer comes by answer(). Options: username, host, port, dbname, salt, iterations, timeout (ms), scope.
sub write_tenant
{
    my ($self, $operation, $tenant, %option) = @_;
    my $id = $self->{id}++;
    my $payload = number(OPERATION => ord($OPERATION{$operation} // $operation)) . text(SCOPE => $option{scope} // $self->{scope})
      . text(NAME => $tenant) . number(TIMEOUT => $option{timeout} // 10_000) . text(SALT => $option{salt} // 'sixteen bytes oh')
      . number(ITERATIONS => $option{iterations} // 4096);
    $payload .= text(uc $_ => $option{$_}) for grep { defined $option{$_} } qw(username host port dbname);
    $self->send_bytes(frame($TYPE{write}, $id, $payload));
    return $id;
}

sub cancel { my ($self, $id) = @_; return $self->send_bytes(frame($TYPE{cancel}, $id, '')); }

# Fetches and waits for the answer.
sub ask { my ($self, @what) = @_; return $self->answer($self->fetch(@what)); }

# Returns when the fetcher has answered a ping: everything sent before has been taken in.
sub ping
{
    my ($self) = @_;
    my $id = $self->{id}++;
    $self->send_bytes(frame($TYPE{ping}, $id, ''));
    $self->wait_until(sub { $self->{pongs}{$id} }, 'a pong');
    return 1;
}

### Frames in

sub fields
{
    my ($payload) = @_;
    my %found;
    while (length $payload) {
        my ($tag, $len) = unpack 'C L', substr $payload, 0, 5, '';
        my $bytes = substr $payload, 0, $len, '';
        my ($name, $is_number) = @{ $READ{$tag} // croak "unknown tag $tag" };
        $found{$name} = $is_number ? unpack('q', $bytes) : $bytes;
    }
    return \%found;
}

sub take_frames
{
    my ($self) = @_;
    while (length $self->{in} >= HEADER) {
        my ($length, $type, undef, undef, $id) = unpack 'L C C S Q', $self->{in};
        last if length $self->{in} < HEADER + $length;
        my $payload = substr $self->{in}, HEADER, $length;
        substr $self->{in}, 0, HEADER + $length, '';
        if ($type == $TYPE{answer} || $type == $TYPE{written}) {
            croak "second answer to $id" if $self->{answers}{$id};
            $self->{answers}{$id} = fields($payload);
        }
        elsif ($type == $TYPE{status}) { $self->{status} = fields($payload); $self->{statuses}++; }
        elsif ($type == $TYPE{log}) { push @{ $self->{logs} }, fields($payload)->{message}; }
        elsif ($type == $TYPE{pong}) { $self->{pongs}{$id} = 1; }
        else { croak "unknown frame type $type"; }
    }
    return;
}

# Reads until $condition holds; dies after SECONDS or at the end of the socket.
sub wait_until
{
    my ($self, $condition, $what) = @_;
    my $deadline = time + SECONDS;
    until ($condition->()) {
        my $left = $deadline - time;
        croak "no $what within ${\SECONDS} s: " . $self->standard_error
          if $left <= 0;
        # A signal ends this early: PostgreSQL 18's modules have a handler for SIGCHLD.
        next unless IO::Select->new($self->{socket})->can_read($left);
        my $n = sysread $self->{socket}, $self->{in}, 1 << 20, length $self->{in};
        croak "the fetcher has ended instead of $what: " . $self->standard_error unless $n;
        $self->take_frames;
    }
    return 1;
}

sub answer
{
    my ($self, $id) = @_;
    $self->wait_until(sub { $self->{answers}{$id} }, "answer to $id");
    return $self->{answers}{$id};
}

sub wait_for_status
{
    my ($self, $condition) = @_;
    $self->wait_until(sub { $self->{status} && $condition->($self->{status}) }, 'such a status');
    return $self->{status};
}

### The end

# Exit status, or "signal N". Dies where it takes too long.
sub wait_for_end
{
    my ($self) = @_;
    for (1 .. SECONDS * 100) {
        if (waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid}) {
            $self->{ended} = 1;
            return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
        }
        sleep 0.01;
    }
    croak 'the fetcher does not end';
}

sub close
{
    my ($self) = @_;
    CORE::close $self->{socket};
    return $self->wait_for_end;
}

sub DESTROY
{
    my ($self) = @_;
    local ($?, $@);
    kill 'KILL', $self->{pid} unless $self->{ended};
    return;
}

1;
