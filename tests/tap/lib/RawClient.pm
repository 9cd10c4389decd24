# RawClient.pm - a PostgreSQL client that speaks the protocol byte by byte, and may do it wrongly.
#
#   my $client = RawClient->connect($node);
#   $client->startup('acme_app');
#   my $first = $client->begin_scram;      # { salt, iterations } of the server's first message
#   $client->prove($first, $password);
#   my $end = $client->outcome;            # { in => 1 }, or an error's fields; undef: bare end
#   my $message = $client->receive;        # { type, body }, undef at the connection's end
package RawClient;

use strict;
use warnings;

use Carp;
use Digest::SHA qw(hmac_sha256 sha256);
use IO::Select;
use IO::Socket::UNIX;
use MIME::Base64 qw(decode_base64 encode_base64);

use constant {
    WAIT_SECONDS => 30,     # longest wait for a message
    PROTOCOL => 0x00030000, # 3.0
    AUTH_SASL => 10,
    AUTH_SASL_CONTINUE => 11,
};

sub connect
{
    my ($class, $node) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or croak "connect: $!";
    return bless { socket => $socket }, $class;
}

sub send_bytes { my ($self, $bytes) = @_; local $SIG{PIPE} = 'IGNORE'; return $self->{socket}->syswrite($bytes); }
sub send_message { my ($self, $type, $body) = @_; return $self->send_bytes($type . pack('N', 4 + length $body) . $body); }
sub close_it { my ($self) = @_; close $self->{socket}; return; }

# Returns the authentication request's number.
sub startup
{
    my ($self, $user) = @_;
    my $body = pack('N', PROTOCOL) . "user\0$user\0database\0postgres\0\0";
    $self->send_bytes(pack('N', 4 + length $body) . $body);
    my $message = $self->receive // return -1;
    $self->{request} = $message;
    return $message->{type} eq 'R' ? unpack('N', $message->{body}) : -1;
}

sub begin_scram
{
    my ($self) = @_;
    my $bare = 'n=,r=' . ('abcdefgh' x 3);
    my $first = "n,,$bare";
    $self->send_message('p', "SCRAM-SHA-256\0" . pack('N', length $first) . $first);
    my $message = $self->receive // return;
    return unless $message->{type} eq 'R' && unpack('N', $message->{body}) == AUTH_SASL_CONTINUE;
    my ($nonce, $salt, $iterations) = $message->{body} =~ /r=([^,]+),s=([^,]+),i=(\d+)/;
    return { nonce => $nonce, salt => $salt, iterations => $iterations, so_far => "$bare," . substr $message->{body}, 4 };
}

# The proof of a password (ASCII, so that SASLprep changes nothing): RFC 5802, section 3.
sub prove
{
    my ($self, $first, $password) = @_;
    my $round = my $salted = hmac_sha256(decode_base64($first->{salt}) . pack('N', 1), $password);
    for (2 .. $first->{iterations}) {
        $round = hmac_sha256($round, $password);
        $salted ^= $round;
    }
    my $final = "c=biws,r=$first->{nonce}";
    my $client_key = hmac_sha256('Client Key', $salted);
    my $signature = hmac_sha256("$first->{so_far},$final", sha256($client_key));
    return $self->send_message('p', "$final,p=" . encode_base64($client_key ^ $signature, ''));
}

# A proof that is none.
sub prove_wrongly
{
    my ($self, $first) = @_;
    return $self->send_message('p', "c=biws,r=$first->{nonce},p=" . ('A' x 43) . '=');
}

sub receive
{
    my ($self) = @_;
    my $header = $self->_read(5) // return;
    my ($type, $length) = unpack 'a1 N', $header;
    return { type => $type, body => $self->_read($length - 4) // return };
}

# What it comes to: ready for queries, an error, or neither.
sub outcome
{
    my ($self) = @_;
    while (my $message = $self->receive) {
        return { in => 1 } if $message->{type} eq 'Z';
        return $self->error_fields($message) if $message->{type} eq 'E';
    }
    return;
}

# The fields of an error, by their letters.
sub error_fields
{
    my ($self, $message) = @_;
    return {} unless defined $message && $message->{type} eq 'E';
    return { map { substr($_, 0, 1) => substr $_, 1 } grep { length } split /\0/, $message->{body} };
}

sub _read
{
    my ($self, $length) = @_;
    my $bytes = '';
    my $deadline = time + WAIT_SECONDS;
    while (length $bytes < $length) {
        return unless IO::Select->new($self->{socket})->can_read($deadline - time);
        my $got = $self->{socket}->sysread($bytes, $length - length $bytes, length $bytes);
        return unless $got;
    }
    return $bytes;
}

1;
