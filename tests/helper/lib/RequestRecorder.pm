# RequestRecorder.pm - stands before a server, passes on every byte both ways, and keeps those of
# the requests: what a program sent, body included.
#
#   my $recorder = RequestRecorder->new($port_of_the_server);
#   $recorder->address; my @bodies = $recorder->bodies; $recorder->stop;
package RequestRecorder;

use strict;
use warnings;

use Carp;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Utils ();

use constant { CONNECTION_SECONDS => 60, CHUNK => 65536 };

my $owner = $$;
my @recorders;

sub new
{
    my ($class, $port) = @_;
    my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0) or croak "cannot listen: $!";
    my $self = bless { port => $listener->sockport, server => $port, dir => PostgreSQL::Test::Utils::tempdir('recorder') }, $class;
    $self->{pid} = fork // croak "fork: $!";
    if ($self->{pid} == 0) {
        setpgrp;
        $self->_serve($listener);
        POSIX::_exit(0);
    }
    push @recorders, $self;
    return $self;
}

sub address { return "http://127.0.0.1:$_[0]->{port}"; }

# The bodies of the requests so far, in no order; each connection must have carried one request.
sub bodies
{
    my ($self) = @_;
    return map { PostgreSQL::Test::Utils::slurp_file($_) =~ /\r\n\r\n(.*)\z/s ? $1 : () } glob "$self->{dir}/*";
}

sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'KILL', -$pid, $pid;
    waitpid $pid, 0;
    return;
}

sub _serve
{
    my ($self, $listener) = @_;
    local $SIG{CHLD} = 'IGNORE';
    while (1) {
        my $client = $listener->accept or next;
        my $pid = fork;
        if (defined $pid && $pid == 0) {
            alarm CONNECTION_SECONDS;
            $self->_pass_on($client);
            POSIX::_exit(0);
        }
        close $client;
    }
    return;
}

sub _pass_on
{
    my ($self, $client) = @_;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{server}) or return;
    open my $log, '>', "$self->{dir}/$$" or return;
    my $select = IO::Select->new($client, $server);
    while (1) {
        for my $from ($select->can_read) {
            sysread($from, my $bytes, CHUNK) or return;
            my $to = $from == $client ? $server : $client;
            syswrite $log, $bytes if $from == $client;
            syswrite $to, $bytes;
        }
    }
    return;
}

END {
    my $status = $?;
    if ($$ == $owner) {
        $_->stop for @recorders;
    }
    $? = $status;
}

1;
