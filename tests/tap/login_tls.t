# Logging in over TLS.
#
#  1. the documented hostssl line lets in over TLS, and a connection without TLS finds no such line
#  2. channel binding (SCRAM-SHA-256-PLUS) is offered and can be required
#  3. sslmode=prefer: both attempts; no password is ever sent in clear
#  4. psycopg, with channel binding, and asyncpg over TLS
#  5. clientcert on the line: the certificate is needed, and the password besides
use strict;
use warnings;

use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCertificates;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my $dir = PostgreSQL::Test::Utils::tempdir('tls');
my $ca = TestCertificates->new($dir, 'ca');
my $certificate = $ca->issue('server');
my %client = map { $_ => $ca->issue($_, client => 1) } qw(acme_app stranger);
chmod 0600, $_->{key} for $certificate, values %client;
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') },
    conf => "ssl = on\nssl_cert_file = '$certificate->{cert}'\nssl_key_file = '$certificate->{key}'\n"
      . "ssl_ca_file = '$certificate->{ca_cert}'\n");
plan skip_all => 'this PostgreSQL was built without TLS' if $node->value('SHOW ssl') ne 'on';
$node->write_hba('local all postgres trust', 'hostssl all @' . $node->hba_file . ' all trust',
    'hostssl all all all scram-sha-256');
$node->reload;
$node->enroll('acme_app', 'acme');

my $verified = "sslmode=verify-full sslrootcert='$certificate->{ca_cert}'";

sub tls_logs_in
{
    my ($conninfo, $name, %option) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return logs_in($node, 'acme_app', 's3cret of acme', $name, host => '127.0.0.1', conninfo => $conninfo, %option);
}

### 1

tls_logs_in($verified, 'the documented line lets in over TLS');
is_locked_out($node, 'acme_app', 's3cret of acme', 'a connection without TLS finds no line', host => '127.0.0.1',
    conninfo => 'sslmode=disable', message => qr/no pg_hba.conf entry/);
is_locked_out($node, 'acme_app', 'wrong', 'a wrong password is refused over TLS', host => '127.0.0.1', conninfo => $verified);

### 2

tls_logs_in("$verified channel_binding=require", 'channel binding can be required');
tls_logs_in("$verified channel_binding=disable", '... and left out');

### 3

tls_logs_in('sslmode=prefer', 'sslmode=prefer logs in over TLS',
    sql => 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', expect => 't');
my $mark = $node->log_mark;
is_locked_out($node, 'acme_app', 'wrong', 'sslmode=prefer with a wrong password is refused', host => '127.0.0.1',
    conninfo => 'sslmode=prefer');
is($node->log_count(qr/password authentication failed/, $mark), 1, '... over TLS');
is($node->log_count(qr/no pg_hba.conf entry/, $mark), 1, '... and its second attempt, without TLS, finds no line');
$node->write_hba('local all postgres trust', 'host all @' . $node->hba_file . ' all trust');
$node->reload;
$node->wait_until(sub { $node->log_in('acme_app', 's3cret of acme', host => '127.0.0.1', conninfo => 'sslmode=disable')->{exit} == 0 });
is_locked_out($node, 'acme_app', 'wrong', 'where the line allows both, both attempts are refused', host => '127.0.0.1',
    conninfo => 'sslmode=prefer');
tls_logs_in('sslmode=prefer', '... and the right password is let in by the first',
    sql => 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', expect => 't');
tls_logs_in('sslmode=disable', '... or without TLS');

### 4

$node->write_hba('local all postgres trust', 'hostssl all @' . $node->hba_file . ' all trust', 'hostssl all all all scram-sha-256');
$node->reload;
my %tls = (PGSSLMODE => 'verify-full', PGSSLROOTCERT => $certificate->{ca_cert});
for my $driver (['psycopg', PGCHANNELBINDING => 'require'], ['asyncpg']) {
    my ($name, %more) = @$driver;
    python_logs_in($node, $name, 'acme_app', 's3cret of acme', "$name logs in over TLS" . (%more && ' with channel binding'), %tls, %more);
    python_logs_in($node, $name, 'acme_app', 'wrong', '... and is refused with a wrong password', %tls, %more,
        error => qr/password authentication failed for user "acme_app"/);
}

### 5

$node->write_hba('local all postgres trust', 'hostssl all @' . $node->hba_file . ' all trust clientcert=verify-full',
    'hostssl all all all scram-sha-256');
$node->reload;
sub shows { my ($who) = @_; return "$verified sslcert='$client{$who}{cert}' sslkey='$client{$who}{key}'"; }
my $none = { host => '127.0.0.1', conninfo => "$verified sslcert=/nowhere sslkey=/nowhere" };
$node->wait_until(sub { $node->log_in('acme_app', 's3cret of acme', %$none)->{exit} != 0 });
is_locked_out($node, 'acme_app', 's3cret of acme', 'clientcert=verify-full without a certificate', %$none,
    message => qr/requires a valid client certificate/);
tls_logs_in(shows('acme_app'), '... with the certificate and the password');
is_locked_out($node, 'acme_app', 'wrong', '... with the certificate and a wrong password', host => '127.0.0.1', conninfo => shows('acme_app'));
is_locked_out($node, 'acme_app', 's3cret of acme', "... with somebody else's certificate", host => '127.0.0.1',
    conninfo => shows('stranger'), message => qr/certificate authentication failed|authentication failed/);

$node->stop;
done_testing;
