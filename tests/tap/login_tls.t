# Logging in over TLS.
#
#  1. the documented hostssl line lets in over TLS, and a connection without TLS finds no such line
#  2. channel binding (SCRAM-SHA-256-PLUS) is offered and can be required
#  3. sslmode=prefer: both attempts; no password is ever sent in clear
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
my $certificate = TestCertificates->new($dir, 'ca')->issue('server');
chmod 0600, $certificate->{key};
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') },
    conf => "ssl = on\nssl_cert_file = '$certificate->{cert}'\nssl_key_file = '$certificate->{key}'\n");
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

$node->stop;
done_testing;
