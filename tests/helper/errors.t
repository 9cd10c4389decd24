# What bad input and bad times get: an exit status of the table, a message that names what is wrong
# and shows no secret, and nothing on standard output.
use strict;
use warnings;

use Test::More;

use MinioHelper;
use ScriptedHttp;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);

$vault->put('saas-project/dev/s3', {
        endpoint_url => 'http://s3.example:9000', access_key_id => 'platform', secret_access_key => 'platform-secret',
        bucket_name => 'shared', region => 'eu-west-1' });
sub put_tenant { my ($tenant, $data) = @_; return $vault->put("saas-project/dev/tenants/$tenant/s3", $data); }
put_tenant(acme => { access_key_id => 'acme-key', secret_access_key => 'acme-s3cret' });

# fails(name, status, qr/message/, arguments..., {options})
sub fails
{
    my ($name, $status, $message, @arguments) = @_;
    my $run = $helper->run(@arguments);
    subtest $name => sub {
        is($run->{status}, $status, "exit status $status");
        like($run->{stderr}, $message, 'says what is wrong');
        is($run->{stdout}, '', 'nothing on standard output');
        unlike($run->{stderr}, qr/s3cret/, 'shows no secret');
    };
    return $run;
}
my @acme = ('credentials', '--tenant', 'acme');

# Usage and configuration: 2
fails('no command', 2, qr/a command is missing/);
fails('an unknown command', 2, qr/no such command "frobnicate"/, 'frobnicate');
fails('an unknown option', 2, qr/no such option.*"--frobnicate"/, 'credentials', '--frobnicate');
fails('an abbreviated option', 2, qr/no such option.*"--tenan"/, 'credentials', '--tenan', 'acme');
fails('an option without its value', 2, qr/a value is missing behind "--format"/, 'credentials', '--format');
fails('an unknown format', 2, qr/no such format "yaml"/, @acme, '--format', 'yaml');
fails('an unknown set of names', 2, qr/no such set of names "gcp"/, @acme, '--format', 'env', '--names', 'gcp');
fails('names for a format without variables', 2, qr/--names is for formats that write variables/, @acme, '--names', 'aws');
fails('an operand too many', 2, qr/one operand too many: "more"/, @acme, 'more');
fails('an option behind an operand', 2, qr/options stand before operands: "--show"/, 'get', 'dev/s3', '--show');
fails('no VAULT_ADDR', 2, qr/address/, @acme, { env => { VAULT_ADDR => undef } });
fails('a role_id and a token', 2, qr/both VAULT_ROLE_ID and VAULT_TOKEN/, @acme,
    { env => { VAULT_ROLE_ID => 'role', VAULT_TOKEN => 's3cret-token', VAULT_TOKEN_FILE => undef } });
fails('a token file that is not there', 2, qr/could not open file/, @acme, { env => { VAULT_TOKEN_FILE => '/nonexistent' } });
for my $name ('', '../acme', 'acme/', 'Acme', 'acme%2f', 'a' x 64) {
    fails("tenant \"$name\"", 2, qr/tenant/, 'credentials', '--tenant', $name);
}
fails('a policy for static keys', 2, qr/static keys: --policy/, @acme, '--policy', $helper->top . '/LICENSE');
fails('a duration for static keys', 2, qr/static keys: --duration/, @acme, '--duration', '15m');
fails('a template and a format', 2, qr/exclude each other/, @acme, '--format', 'env', '--template', 'x');

# Vault cannot be asked: 3
fails('Vault down', 3, qr/cannot reach Vault/, @acme, { env => { VAULT_ADDR => 'http://127.0.0.1:1' } });
{
    my $tls = VaultServer->new('tls', tls => 1, audit => 0);
    fails('Vault with a certificate of another CA', 3, qr/certificate/i, @acme, { env => { VAULT_ADDR => $tls->address } });
    $tls->stop;
}
{
    my $http = ScriptedHttp->new(
        broken => sub { $_[0]->json_text(500, '{"errors":["internal"]}') },
        quota => sub { $_[0]->json_text(429, '{"errors":["rate limit quota exceeded"]}') },
        cut => sub { $_[0]->json_text(200, '{"data":{"data":{"access_key_id":"x') },
        silent => sub { sleep 30 });
    my %env = (VAULT_ADDR => $http->address, VAULT_CLIENT_TIMEOUT => '1s');
    fails('Vault answers 500', 3, qr/500/, 'database', '-t', 'broken', { env => \%env });
    fails('Vault answers 429', 3, qr/429|quota/, 'database', '-t', 'quota', { env => \%env });
    fails('Vault cuts its reply', 3, qr/JSON|malformed|cut/i, 'database', '-t', 'cut', { env => \%env });
    fails('Vault does not answer', 3, qr/time/, 'database', '-t', 'silent', { env => \%env });
    $http->stop;
}

# Authentication and permission: 4
fails('a token that Vault does not know', 4, qr/403|permission denied/, @acme,
    { env => { VAULT_TOKEN_FILE => $vault->credential_file('bad', 's.unknown') } });
$vault->put_policy('nothing', 'path "secret/data/other" { capabilities = ["read"] }');
my $weak = $vault->api(POST => 'auth/token/create', { policies => ['nothing'], ttl => '1h' })->{body}{auth}{client_token};
fails('a token without the right to read', 4, qr{secret/data/saas-project/dev/tenants/acme/s3}, @acme,
    { env => { VAULT_TOKEN_FILE => $vault->credential_file('weak', $weak) } });

# Not found: 5
fails('a tenant that is not there', 5, qr{tenants/nobody/s3}, 'credentials', '--tenant', 'nobody');
fails('a mount that is not there', 5, qr/mount/, @acme, { env => { VAULT_KV_MOUNT => 'nomount' } });
fails('a field that is not there', 5, qr/has no field "nope"/, 'get', '--field', 'nope', 'dev/s3');
put_tenant(gone => { access_key_id => 'k', secret_access_key => 's3cret' });
$vault->delete_version('saas-project/dev/tenants/gone/s3');
fails('a deleted version', 5, qr/deleted/, 'credentials', '--tenant', 'gone');

# Malformed: 6
my %keys = (access_key_id => 'key', secret_access_key => 's3cret-value');
my %malformed = (
    'one key without the other' => [ qr/secret_access_key is missing/, { access_key_id => 'key' } ],
    'a number' => [ qr/access_key_id is a number/, { %keys, access_key_id => 12345 } ],
    'a null' => [ qr/secret_access_key is null/, { %keys, secret_access_key => undef } ],
    'an empty key' => [ qr/access_key_id is empty/, { %keys, access_key_id => '' } ],
    'a newline at the end' => [ qr/secret_access_key ends in a newline/, { %keys, secret_access_key => "s3cret\n" } ],
    'a control character' => [ qr/secret_access_key holds a control character/, { %keys, secret_access_key => "s3cret\tx" } ],
    'a key of more than 64 kB' => [ qr/secret_access_key is too long/, { %keys, secret_access_key => 's3cret' x 11000 } ],
    (map { ("bucket \"$_\"" => [ qr/bucket_name is not/, { %keys, bucket_name => $_ } ]) } '*', 'a', 'Acme', 'acme/', 'ac?me', '-acme', 'b' x 64),
    (map { ("prefix \"$_\"" => [ qr/prefix is not/, { %keys, prefix => $_ } ]) } 'acme?/', '*/', '../', 'ACME/', 'acme\\/', '/acme/', 'a//b', './', 'a/../b'),
    (map { ("endpoint \"$_\"" => [ qr/endpoint_url is not/, { %keys, endpoint_url => $_ } ]) } 'ftp://x', 'http://', 'https://u:p@host', 'https://host:99999', 'https://host/?q', 'host:9000', 'https://host/../x'),
    'region with a space' => [ qr/region is not/, { %keys, region => 'eu west' } ]);
my $number = 0;
for my $name (sort keys %malformed) {
    my ($message, $data) = @{ $malformed{$name} };
    my $tenant = 'bad' . ++$number;
    put_tenant($tenant => $data);
    fails($name, 6, $message, 'credentials', '--tenant', $tenant);
}

# A key of 64 kB is none of that.
put_tenant(big => { %keys, secret_access_key => 'x' x 65_536 });
my $big = $helper->output('credentials', '--tenant', 'big', '--format', 'json');
ok(index($big, '"' . 'x' x 65_536 . '"') > 0, 'a key of 64 kB comes through whole');

# Sealed: 3, and last, because it stays so.
$vault->seal;
fails('Vault sealed', 3, qr/sealed/, @acme);

done_testing();
