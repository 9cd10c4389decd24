# MinioHelper.pm - runs the minio-helper that was built, with settings for a Vault of the test's own.
#
#   my $helper = MinioHelper->new($vault);                   # a VaultServer; root's token by file
#   my $run = $helper->run('credentials', '--tenant', 'acme');
#   $run->{status}, $run->{stdout}, $run->{stderr}
#   $helper->run('put', 'x', { stdin => 'a=b', env => { VAULT_TOKEN_FILE => undef } });
#
# A hash at the end: stdin (text), env (set, or taken away by undef), program (instead of ours).
package MinioHelper;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use IPC::Run ();
use PostgreSQL::Test::Utils ();

use constant RUN_SECONDS => 60;    # longest run of one command

my $top = abs_path(dirname(__FILE__) . '/../../..');
# MINIO_HELPER: another build, for example with sanitizers.
my $program = $ENV{MINIO_HELPER} // "$top/build/helper/minio-helper";

sub new
{
    my ($class, $vault) = @_;
    my %env = (PATH => $ENV{PATH}, LC_ALL => 'C.UTF-8');
    if ($vault) {
        $env{VAULT_ADDR} = $vault->address;
        $env{VAULT_TOKEN_FILE} = $vault->credential_file('helper.token', $vault->root_token);
        $env{VAULT_CACERT} = $vault->ca_cert if $vault->address =~ /^https/;
    }
    return bless { env => \%env }, $class;
}

sub top { return $top; }
sub program { return $program; }

sub env { my ($self, %change) = @_; return _changed($self->{env}, \%change); }

sub _changed
{
    my ($env, $change) = @_;
    my %result = (%{$env}, %{$change});
    delete $result{$_} for grep { !defined $result{$_} } keys %result;
    return \%result;
}

sub run
{
    my ($self, @arguments) = @_;
    my $option = @arguments && ref $arguments[-1] eq 'HASH' ? pop @arguments : {};
    my ($stdout, $stderr) = ('', '');
    # A file, not a pipe: a command that refuses its input need not read all of it.
    my $stdin = File::Temp->new;
    binmode $stdin;
    print {$stdin} $option->{stdin} // '';
    close $stdin;
    local %ENV = %{ _changed($self->{env}, $option->{env} // {}) };
    my $timer = IPC::Run::timeout(RUN_SECONDS);
    IPC::Run::run([ $option->{program} // program(), @arguments ], '<', $stdin->filename, '>', \$stdout, '2>', \$stderr, $timer);
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return { status => $status, stdout => $stdout, stderr => $stderr };
}

# The output of a run that must succeed.
sub output
{
    my ($self, @arguments) = @_;
    my $run = $self->run(@arguments);
    croak "minio-helper @arguments[0 .. ($#arguments < 2 ? $#arguments : 2)]: $run->{status} $run->{stderr}"
      if $run->{status} != 0;
    return $run->{stdout};
}

sub tempdir { return PostgreSQL::Test::Utils::tempdir($_[1] // 'helper'); }

sub write_file
{
    my ($self, $path, $content) = @_;
    open my $file, '>:raw', $path or croak "$path: $!";
    print {$file} $content or croak "$path: $!";
    close $file or croak "$path: $!";
    return $path;
}

1;
