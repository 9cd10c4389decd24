# Bootstrap.pm - runs docker/bootstrap as a process, against a Vault of the test's own.
#
#   my $bootstrap = Bootstrap->new($vault);             # root's token, in a file
#   my $run = $bootstrap->run('--production');          # { status, stdout, stderr }
#   $bootstrap->run('--wrap', { env => { VAULT_ENVIRONMENT => 'prod' } });
#   $bootstrap->start(...)                              # an IPC::Run harness, under way
#
# Everything that it writes lies in $bootstrap->dir: credentials/<consumer>/ and env.vault.
package Bootstrap;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Utils ();

use constant RUN_SECONDS => 120;    # longest run; it takes about 1 s

our $PROGRAM = abs_path(dirname(__FILE__) . '/../../../docker/bootstrap');

sub new
{
    my ($class, $vault, %env) = @_;
    my $dir = PostgreSQL::Test::Utils::tempdir('bootstrap');
    my %own = (PATH => $ENV{PATH}, HOME => $dir, LC_ALL => 'C.UTF-8',
        VAULT_ADDR => $vault->address,
        VAULT_TOKEN_FILE => $vault->credential_file('bootstrap.token',
            -e $vault->dir . '/root_token' ? $vault->root_token : 'nobody-has-this-one-yet'));
    $own{VAULT_CACERT} = $vault->ca_cert if $vault->address =~ /^https/;
    return bless { dir => $dir, env => { %own, %env }, out => [] }, $class;
}

sub dir { return $_[0]->{dir}; }

sub start
{
    my ($self, @arguments) = @_;
    my $option = @arguments && ref $arguments[-1] eq 'HASH' ? pop @arguments : {};
    my %env = (%{ $self->{env} }, %{ $option->{env} // {} });
    delete $env{$_} for grep { !defined $env{$_} } keys %env;
    local %ENV = %env;
    my $run = { stdout => '', stderr => '' };
    $run->{harness} = IPC::Run::start([ $PROGRAM, '--credentials', "$self->{dir}/credentials",
            '--env-file', "$self->{dir}/env.vault", @arguments ],
        '<', \undef, '>', \$run->{stdout}, '2>', \$run->{stderr}, IPC::Run::timeout(RUN_SECONDS));
    return $run;
}

sub finish
{
    my ($self, $run) = @_;
    my $harness = delete $run->{harness};
    $harness->finish;
    my $status = ($harness->full_results)[0];
    $run->{status} = $status & 127 ? 128 + ($status & 127) : $status >> 8;
    return $run;
}

sub run { my ($self, @arguments) = @_; return $self->finish($self->start(@arguments)); }

# What stands in a consumer's file; undef where there is none.
sub file
{
    my ($self, $consumer, $name) = @_;
    my $path = "$self->{dir}/credentials/$consumer/$name";
    return -e $path ? PostgreSQL::Test::Utils::slurp_file($path) : undef;
}

sub login
{
    my ($self, $vault, $consumer) = @_;
    return $vault->api(POST => 'auth/approle/login',
        { role_id => $self->file($consumer, 'role_id'), secret_id => $self->file($consumer, 'secret_id') },
        token => '', may_fail => 1);
}

1;
