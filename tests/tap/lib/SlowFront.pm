# SlowFront.pm - holds back Vault's replies: what was asked for has happened, and who asked does not
# know yet. That is where a fault hurts most.
#
#   my $front = SlowFront->new($vault);
#   settings => { address => $front->address };
#   $front->hold_back(1.5);   # seconds; 0 for none
package SlowFront;

use strict;
use warnings;

use Carp;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils ();

sub new
{
    my ($class, $vault) = @_;
    my $self = bless { file => PostgreSQL::Test::Utils::tempdir('front') . '/seconds' }, $class;
    $self->hold_back(0);
    $self->{pid} = open($self->{output}, '-|', '/usr/bin/python3', dirname(__FILE__) . '/slow_front.py', $vault->port, $self->{file})
      // croak "slow_front.py: $!";
    chomp($self->{port} = readline($self->{output}) // croak 'slow_front.py does not start');
    return $self;
}

sub address { my ($self) = @_; return "http://127.0.0.1:$self->{port}"; }

# Replaced whole: it is read at any moment.
sub hold_back
{
    my ($self, $seconds) = @_;
    open my $file, '>', "$self->{file}.new" or croak "$self->{file}.new: $!";
    print {$file} $seconds;
    close $file;
    rename "$self->{file}.new", $self->{file} or croak "$self->{file}: $!";
    return;
}

sub DESTROY { my ($self) = @_; kill 'TERM', $self->{pid} if $self->{pid}; return; }

1;
