# TestCertificates.pm - certification authorities and certificates for one test, by openssl.
#
#   my $ca = TestCertificates->new($dir, 'ca');
#   my $server = $ca->issue('server');                  # { ca_cert, cert, key }: files
#   my $old = $ca->issue('old', expired => 1);
#   my $client = $ca->issue('client', client => 1);     # for TLS client authentication
package TestCertificates;

use strict;
use warnings;

use Carp;
use IPC::Run ();

sub new
{
    my ($class, $dir, $name) = @_;
    my $self =
        bless { dir => $dir, name => $name, cert => "$dir/$name.crt", key => "$dir/$name.key" },
        $class;
    _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-days', 2, '-subj', "/CN=$name", '-keyout', $self->{key}, '-out', $self->{cert});
    return $self;
}

sub cert { return $_[0]->{cert}; }

# Options: expired, name (in subjectAltName, default 127.0.0.1 and localhost), client (for client
# authentication).
sub issue
{
    my ($self, $name, %option) = @_;
    my $base = "$self->{dir}/$name";
    my $alternative = $option{name} // 'IP:127.0.0.1,DNS:localhost';
    my $usage = $option{client} ? 'clientAuth' : 'serverAuth';
    _write("$base.ext", "subjectAltName=$alternative\nextendedKeyUsage=$usage\n");
    _openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-subj', "/CN=$name", '-keyout', "$base.key", '-out', "$base.csr");
    # Not by `openssl x509`, which cannot be given dates in the past in all its versions.
    _write("$base.index", '');
    _write("$base.conf", <<"CONF");
[ca]
default_ca = test
[test]
database = $base.index
new_certs_dir = $self->{dir}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
CONF
    my @validity =
        $option{expired}
        ? ('-startdate', '20200101000000Z', '-enddate', '20200102000000Z')
        : ('-days', 1);
    _openssl(
        'ca', '-batch', '-notext', '-config', "$base.conf",
        '-cert', $self->{cert}, '-keyfile', $self->{key}, '-in', "$base.csr",
        '-extfile', "$base.ext", @validity, '-out', "$base.crt");
    return { ca_cert => $self->{cert}, cert => "$base.crt", key => "$base.key" };
}

sub _openssl
{
    my @arguments = @_;
    my $output = '';
    IPC::Run::run(['openssl', @arguments], '<', \undef, '>', \$output, '2>&1')
        or croak "openssl $arguments[0]: $output";
    return;
}

sub _write
{
    my ($path, $text) = @_;
    open my $file, '>', $path or croak "$path: $!";
    print {$file} $text;
    close $file or croak "$path: $!";
    return;
}

1;
