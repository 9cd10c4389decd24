# PrivateInstallation.pm - a PostgreSQL installation of a test's own, whose fetcher it may replace.
#
# PostgreSQL finds its files relative to its binaries: copies of these and links to the rest are an
# installation. For tests of a fetcher that is missing, does not start, or misbehaves.
#
#   my $installation = PrivateInstallation->new;
#   my $node = TenantVaultNode->create('main', install_path => $installation->path, ...);
#   $installation->replace_fetcher("#!/bin/sh\nexit 1\n");
package PrivateInstallation;

use strict;
use warnings;

use Carp;
use File::Basename qw(dirname);
use File::Path ();
use PostgreSQL::Test::Utils ();

sub new
{
    my ($class) = @_;
    my %folder = map { $_ => _pg_config("--$_") } qw(bindir libdir pkglibdir sharedir);
    # Shared libraries of the installation's own; Debian's are the system's.
    delete $folder{libdir} if index($folder{libdir}, dirname($folder{bindir}) . '/') != 0;
    my $common = _common_parent(values %folder);
    my $top = PostgreSQL::Test::Utils::tempdir('installation');
    my %mine = map { $_ => $top . substr($folder{$_}, length $common) } keys %folder;
    File::Path::make_path(values %mine);
    # Binaries follow links to find where they are, and with that the rest: real copies.
    PostgreSQL::Test::Utils::system_or_bail('cp', '-a', "$folder{bindir}/.", $mine{bindir});
    # One folder may lie in another, and be there already: forced.
    PostgreSQL::Test::Utils::system_or_bail('cp', '-asLf', "$folder{$_}/.", $mine{$_})
        for grep { $_ ne 'bindir' } sort keys %folder;
    # The module looks for the fetcher where the server's libraries are.
    my $path = $mine{bindir};
    $path =~ s{/bin$}{} or croak "binaries are not in a folder bin: $path";
    return bless { path => $path, fetcher => "$mine{pkglibdir}/tenant-vault-fetcher" }, $class;
}

# For PostgreSQL::Test::Cluster's install_path.
sub path { return $_[0]->{path}; }
sub fetcher { return $_[0]->{fetcher}; }

sub remove_fetcher
{
    my ($self) = @_;
    rename $self->{fetcher}, "$self->{fetcher}.kept" unless -e "$self->{fetcher}.kept";
    unlink $self->{fetcher};
    return;
}

sub replace_fetcher
{
    my ($self, $script) = @_;
    $self->remove_fetcher;
    open my $file, '>', "$self->{fetcher}.new" or croak "$self->{fetcher}: $!";
    print {$file} $script;
    close $file or croak "$self->{fetcher}: $!";
    chmod 0755, "$self->{fetcher}.new";
    rename "$self->{fetcher}.new", $self->{fetcher} or croak "$self->{fetcher}: $!";
    return;
}

sub restore_fetcher
{
    my ($self) = @_;
    rename "$self->{fetcher}.kept", $self->{fetcher} or croak "$self->{fetcher}: $!";
    return;
}

sub _pg_config
{
    my ($option) = @_;
    chomp(my $folder = qx{pg_config $option});
    croak "pg_config $option: $?" if $?;
    return $folder;
}

sub _common_parent
{
    my ($first, @others) = @_;
    my $common = $first;
    for my $other (@others) {
        $common =~ s{/[^/]*$}{} until index("$other/", "$common/") == 0;
    }
    return $common;
}

1;
