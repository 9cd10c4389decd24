# BackgroundRun.pm - a run of minio-helper, or of another program, that goes on while the test looks
# at what it says and sends it signals.
#
#   my $run = BackgroundRun->new($helper, 'exec', '--app', '--', 'sleep', '60', { env => {...} });
#   ok($run->says(qr/ready/, 5), '...');     # on standard output or standard error
#   kill 'TERM', $run->pid;
#   my ($status, $took) = $run->finish;
package BackgroundRun;

use strict;
use warnings;

use POSIX ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use MinioHelper;

use constant {
    SAY_SECONDS => 20,    # longest wait for what it is to say
    END_SECONDS => 30, };    # for its end; it is killed then

# A hash at the end as for MinioHelper::run: env, program.
sub new
{
    my ($class, $helper, @arguments) = @_;
    my $option = ref $arguments[-1] ? pop @arguments : {};
    my $dir = $helper->tempdir('run');
    my $self = bless { out => "$dir/out", log => "$dir/log", seen => 0 }, $class;
    $self->{pid} = fork // die "fork: $!";
    return $self if $self->{pid};
    %ENV = %{ $helper->env(%{ $option->{env} // {} }) };
    open STDOUT, '>', $self->{out} or POSIX::_exit(127);
    open STDERR, '>', $self->{log} or POSIX::_exit(127);
    exec { $option->{program} // MinioHelper::program() } $option->{program} // MinioHelper::program(), @arguments
      or POSIX::_exit(127);
}

sub pid { return $_[0]->{pid}; }
sub out { my ($self) = @_; return -e $self->{out} ? PostgreSQL::Test::Utils::slurp_file($self->{out}) : ''; }
sub log { my ($self) = @_; return -e $self->{log} ? PostgreSQL::Test::Utils::slurp_file($self->{log}) : ''; }
# What it says on standard error from now on is what log_since and says look at.
sub mark { my ($self) = @_; $self->{seen} = length $self->log; return; }
sub log_since { my ($self) = @_; return substr $self->log, $self->{seen}; }

sub says
{
    my ($self, $wanted, $seconds) = @_;
    my $until = time + ($seconds // SAY_SECONDS);
    while (time < $until) {
        return 1 if $self->out =~ $wanted || $self->log_since =~ $wanted;
        sleep 0.05;
    }
    Test::More::diag('it says: ' . $self->out . $self->log);
    return 0;
}

# The exit status (negative: the signal that ended it; -9: it had to be killed), and the seconds
# that it took.
sub finish
{
    my ($self) = @_;
    my $start = time;
    local $SIG{ALRM} = sub { kill 'KILL', $self->{pid} };
    alarm END_SECONDS;
    waitpid $self->{pid}, 0;
    alarm 0;
    my $status = $? & 127 ? -($? & 127) : $? >> 8;
    return wantarray ? ($status, time - $start) : $status;
}

1;
