# Each way of logging in that the extension knows, against a real Vault.
#
#  1. AppRole: role_id in a file or in a setting, another mount, a secret_id that is replaced
#  2. AppRole with a wrapped secret_id: unwrapped once, used once
#  3. a token file: used as it is, read again when an agent replaces it
#  4. a TLS client certificate, whose key must be closed to others
#  5. a JWT
use strict;
use warnings;

use AnswerChecks;
use IPC::Run;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use TestCertificates;
use Time::HiRes qw(sleep time);
use VaultServer;

my $folder = PostgreSQL::Test::Utils::tempdir('ca');
my $ca = TestCertificates->new($folder, 'ca');
my $vault = VaultServer->new('vault', certificate => $ca->issue('server'));
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    settings => { $vault->approle('server'), cache_ttl => 0, stale_limit => 0, negative_ttl => 0 });
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};

# Takes up the settings; true once a login by that path has come and the question is answered.
sub logs_in_by
{
    my ($path, %settings) = @_;
    my $mark = $vault->audit_mark;
    $node->change_settings(
        role_id_file => undef,
        role_id => undef,
        secret_id_file => undef,
        secret_id_wrapped => undef,
        auth_mount => undef,
        auth_role => undef,
        %settings);
    return $node->wait_until(
        sub {
            $node->ask($question)->{out} eq 's3cret of acme'
                && $vault->audit_count(path => $path, since => $mark) == 1;
        },
        10);
}

### 1

is_answer($node->ask($question), 's3cret of acme', 'AppRole with role_id and secret_id in files');
is($vault->logins, 1, '... by one login');
my %approle = $vault->approle('other');
ok( logs_in_by(
        'auth/approle/login',
        role_id => $vault->role_id('other'),
        secret_id_file => $approle{secret_id_file}
    ),
    'AppRole with the role_id in a setting');
$vault->api(POST => 'sys/auth/machines/postgres', { type => 'approle' });
$vault->api(
    POST => 'auth/machines/postgres/role/r',
    { token_policies => 'tenant_vault', token_ttl => '1h' });
ok( logs_in_by(
        'auth/machines/postgres/login',
        auth_mount => 'machines/postgres',
        role_id =>
            $vault->api(GET => 'auth/machines/postgres/role/r/role-id')->{body}{data}{role_id},
        secret_id_file => $vault->credential_file(
            'machines.secret_id',
            $vault->api(POST => 'auth/machines/postgres/role/r/secret-id', {})
                ->{body}{data}{secret_id}
        )
    ),
    'AppRole at another mount');

### 2

my $mark = $vault->audit_mark;
$vault->approle('wrapped');
ok( logs_in_by(
        'auth/approle/login',
        role_id => $vault->role_id('wrapped'),
        secret_id_wrapped => 'on',
        secret_id_file =>
            $vault->credential_file('wrapped', $vault->mint_wrapped_secret_id('wrapped'))
    ),
    'AppRole with a wrapped secret_id');
is($vault->audit_count(path => 'sys/wrapping/lookup', since => $mark),
    1, '... whose creation path was looked at first');
is($vault->audit_count(path => 'sys/wrapping/unwrap', since => $mark),
    1, '... and which was unwrapped once');

### 3

my $token = $vault->mint_token;
my $token_file = $vault->credential_file('token', "$token\n");
$mark = $vault->audit_mark;
$node->change_settings(
    auth_method => 'token_file',
    token_file => $token_file,
    role_id => undef,
    secret_id_file => undef,
    secret_id_wrapped => undef);
my $used_by = sub {
    my ($accessor) = @_;
    return
        grep { ($_->{auth}{accessor} // '') eq $accessor }
        $vault->audit_entries(path => qr{^secret/data/}, operation => 'read', since => $mark);
};
my $hashed =
    sub { $vault->api(POST => 'sys/audit-hash/to-file', { input => $_[0] })->{body}{data}{hash} };
my $accessor =
    sub { $vault->api(POST => 'auth/token/lookup', { token => $_[0] })->{body}{data}{accessor} };
ok( $node->wait_until(
        sub { $node->ask($question); $used_by->($hashed->($accessor->($token))) }, 10
    ),
    'a token file is used as it is');
is($vault->logins($mark), 0, '... without a login');
my $next = $vault->mint_token;
$vault->credential_file('token', "$next\n");
$vault->revoke_token($token);
ok($node->wait_until(sub { $node->ask($question)->{out} eq 's3cret of acme' }, 10),
    'a token file that was replaced is read again');
ok($used_by->($hashed->($accessor->($next))), '... and the new token is used');
$node->change_settings($vault->approle('server'), token_file => undef);
is_answer($node->ask($question), 's3cret of acme', 'back to AppRole');
is($vault->api(POST => 'auth/token/lookup', { token => $next })->{status},
    200, 'a token that somebody else manages is not revoked');

### 4

my $client = $ca->issue('postgres-server', client => 1);
$vault->enable_auth('cert');
$vault->api(
    POST => 'auth/cert/certs/postgres',
    {   certificate => PostgreSQL::Test::Utils::slurp_file($ca->cert),
        token_policies => 'tenant_vault',
        token_ttl => '1h'
    });
ok( logs_in_by(
        'auth/cert/login',
        auth_method => 'cert',
        client_cert => $client->{cert},
        client_key => $client->{key},
        auth_role => 'postgres'
    ),
    'a TLS client certificate');
my $refresh = q{SELECT tenant_vault.refresh('acme')};
chmod 0644, $client->{key};
ok( $node->wait_until(
        sub { $node->ask($refresh)->{message} =~ /\Q$client->{key}\E.*open to others/ }, 10
    ),
    '... whose key is not used once others can read it'
) or diag $node->ask($refresh)->{err};
like($node->ask($refresh)->{hint}, qr/chmod 0600/, '... and the hint says what to do');
chmod 0600, $client->{key};
ok($node->wait_until(sub { $node->ask($refresh)->{exit} == 0 }, 10),
    '... and is again once it is closed, without a reload')
    or diag $node->ask($refresh)->{err};

### 5

my ($none, $noise) = ("", "");
my $jwt_key = "$folder/jwt.key";
IPC::Run::run(['openssl', 'genrsa', '-out', $jwt_key, '2048'],
    '<', \undef, '>', \$none, "2>", \$noise)
    or die $noise;
my $public = '';
IPC::Run::run(['openssl', 'rsa', '-in', $jwt_key, '-pubout'],
    '<', \undef, '>', \$public, '2>', \$noise)
    or die $noise;

sub signed_jwt
{
    my ($subject) = @_;
    my $text = join '.', map { encode_base64url($_) } '{"alg":"RS256","typ":"JWT"}',
        sprintf '{"sub":"%s","aud":"vault","iss":"test","iat":%d,"exp":%d}', $subject, time - 10,
        time + 600;
    my $signature = '';
    IPC::Run::run(['openssl', 'dgst', '-sha256', '-sign', $jwt_key],
        '<', \$text, '>', \$signature, '2>', \$noise)
        or die $noise;
    return "$text." . encode_base64url($signature);
}
$vault->enable_auth('jwt');
$vault->api(
    POST => 'auth/jwt/config',
    { jwt_validation_pubkeys => [$public], bound_issuer => 'test' });
$vault->api(
    POST => 'auth/jwt/role/postgres',
    {   role_type => 'jwt',
        user_claim => 'sub',
        bound_audiences => ['vault'],
        bound_subject => 'postgres',
        token_policies => 'tenant_vault',
        token_ttl => '1h'
    });
ok( logs_in_by(
        'auth/jwt/login',
        auth_method => 'jwt',
        auth_role => 'postgres',
        client_cert => undef,
        client_key => undef,
        jwt_file => $vault->credential_file('jwt', signed_jwt('postgres'))
    ),
    'a JWT');

$node->stop;
done_testing();
