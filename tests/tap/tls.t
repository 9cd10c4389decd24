# TLS: whom the extension believes to be Vault, and what it says of everybody else.
#
#  1. a certificate of the CA in ca_cert is believed
#  2. another CA, an expired certificate, another name: refused, and no token or secret_id was sent
#  3. tls_server_name names whom to expect
#  4. plain HTTP on a TLS port, TLS on a plain port
#  5. a redirect from https to http is not followed
#  6. a CA file that does not exist; one that is replaced is read anew
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use ScriptedHttp;
use TenantVaultNode;
use Test::More;
use TestCertificates;
use VaultServer;

my $folder = PostgreSQL::Test::Utils::tempdir('ca');
my $ca = TestCertificates->new($folder, 'ca');
my $other_ca = TestCertificates->new($folder, 'other-ca');
my $vault = VaultServer->new('vault', certificate => $ca->issue('server'));
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my %good = $vault->approle('server');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => {
        %good,
        cache_ttl => 0,
        stale_limit => 0,
        negative_ttl => 0,
        request_timeout => '3s',
        ca_cert => $ca->cert
    });
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};
my $port = $vault->port;

# The first answer under these settings that is not an answer of the old ones'.
sub ask_with
{
    my ($wanted, %settings) = @_;
    $node->change_settings(%settings) if %settings;
    my $answer;
    $node->wait_until(
        sub {
            $answer = $node->ask($question);
            $answer->{err} =~ $wanted || $answer->{out} =~ $wanted;
        },
        8);
    return $answer;
}

### 1

is_answer($node->ask($question), 's3cret of acme', 'a certificate of the right CA is believed');

### 2

my $mark = $vault->audit_mark;
is_refused(
    ask_with(qr/certificate/, ca_cert => $other_ca->cert),
    '58000', qr/certificate/,
    'a certificate of another CA is refused',
    hint => qr/ca_cert/);
is($vault->logins($mark), 0, '... and no login was tried');
is_answer(
    ask_with(qr/s3cret/, ca_cert => $ca->cert),
    's3cret of acme',
    'the right CA is believed again');

# Vault takes up another certificate at SIGHUP; a new fetcher has no connections from before.
sub show_certificate
{
    my ($name, %issue) = @_;
    $vault->change_certificate($ca->issue($name, %issue));
    $node->value('SELECT tenant_vault.restart_fetcher()');
    return;
}
show_certificate('expired', expired => 1);
is_refused(ask_with(qr/expired/), '58000', qr/expired/, 'an expired certificate is refused');
show_certificate('named', name => 'DNS:vault.internal');
is_refused(ask_with(qr/certificate|match/i),
    '58000', qr/127\.0\.0\.1|match|name/i, 'a certificate for another name is refused');

### 3

is_answer(
    ask_with(qr/s3cret/, tls_server_name => 'vault.internal'),
    's3cret of acme',
    'tls_server_name says whom to expect');
show_certificate('server2');
is_refused(
    ask_with(qr/certificate|match/i), '58000',
    qr/vault\.internal|match|name/i, '... and nobody else');
is_answer(
    ask_with(qr/s3cret/, tls_server_name => undef),
    's3cret of acme',
    'without it the address is expected');

### 4

is_refused(
    ask_with(qr/http/i, address => "http://127.0.0.1:$port"),
    '58000', qr/TLS/,
    'plain HTTP to a TLS port is an error that says so',
    hint => qr/https/);
my $plain = ScriptedHttp->new;
is_refused(ask_with(qr/TLS|SSL/, address => 'https://127.0.0.1:' . $plain->port),
    '58000', qr/TLS|SSL/, 'TLS to a plain port is an error');
is(scalar(my @seen = $plain->requests), 0, '... and nothing of ours reached it');

### 5

my $token = 's.token-of-this-test';
my $plain_target = ScriptedHttp->new;
my $redirecting = ScriptedHttp->new_tls($ca->issue('redirecting'),
    acme =>
        sub { $_[0]->reply(307, '', Location => $plain_target->address . $_[0]->request->{path}) });
is_refused(
    ask_with(
        qr/redirect/,
        address => $redirecting->address,
        auth_method => 'token_file',
        token_file => $vault->credential_file('token', $token)
    ),
    '58030',
    qr/redirects from https to http/,
    'a redirect from https to http is refused');
cmp_ok(scalar(@seen = $redirecting->requests(tenant => 'acme')),
    '>=', 1, '... by a server that was asked over TLS');
is(scalar(@seen = $plain_target->requests), 0, '... and nothing was sent in plain text');
$node->write_settings(auth_method => undef, token_file => undef);

### 6

is_refused(ask_with(qr/missing\.crt/, address => $vault->address, ca_cert => "$folder/missing.crt"),
    '58000', qr/missing\.crt/, 'a CA file that does not exist is named');
my $changing = "$folder/changing.crt";
PostgreSQL::Test::Utils::append_to_file($changing,
    PostgreSQL::Test::Utils::slurp_file($other_ca->cert));
is_refused(ask_with(qr/certificate/, ca_cert => $changing),
    '58000', qr/certificate/, 'a CA file that holds another CA is no help');
PostgreSQL::Test::Utils::append_to_file("$changing.new",
    PostgreSQL::Test::Utils::slurp_file($ca->cert));
rename "$changing.new", $changing;
ok($node->wait_until(sub { $node->ask($question)->{out} eq 's3cret of acme' }, 8),
    '... until it is replaced, without a reload');

$node->stop;
done_testing();
