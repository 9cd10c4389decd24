# The policies: for every path and every verb, what each of them allows, and that it allows nothing
# else. Each is asked with a token of its own, on a real Vault that holds dev and prod (and an
# environment whose name merely begins like theirs) side by side, as bootstrap left it.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP ();
use Test::More;

use Bootstrap;
use DocPage;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0, mounted => 0);
my $bootstrap = Bootstrap->new($vault);
for my $environment (qw(dev prod)) {
    my $run = $bootstrap->run('--no-seed', { env => { VAULT_ENVIRONMENT => $environment } });
    is($run->{status}, 0, "bootstrap of $environment") or BAIL_OUT($run->{stderr});
}

# What Vault calls them; POST is what a KV write sends.
my @verbs = qw(GET LIST POST PATCH DELETE);
my @environments = qw(dev prod dev2 developer);
my @secrets = qw(database jwt s3 minio minio/below other database/below tenants tenants/acme tenants/acme/database
    tenants/acme/s3 tenants/acme/s3/below);

# The least of each policy, as "VERB path" with ENV for the environment. Everything else is refused.
my @own_token = ('GET auth/token/lookup-self', 'POST auth/token/renew-self', 'POST sys/capabilities-self');
my %allowed = (
    app => [
        (map { ("GET secret/data/saas-project/ENV/$_", "GET secret/metadata/saas-project/ENV/$_") } qw(database jwt s3)),
        'LIST secret/metadata/saas-project/ENV',
    ],
    postgres => [
        (map { "GET secret/data/saas-project/ENV/$_" } grep { !/^minio/ } @secrets),
        (map { ("GET secret/metadata/saas-project/ENV/$_", "LIST secret/metadata/saas-project/ENV/$_") }
                grep { !/^minio/ } @secrets),
        'LIST secret/metadata/saas-project/ENV',
    ],
    provisioner => [
        'GET secret/data/saas-project/ENV/database',
        (map {
                my $secret = "saas-project/ENV/tenants/acme/$_";
                ("GET secret/data/$secret", "POST secret/data/$secret", "DELETE secret/data/$secret",
                    "POST secret/delete/$secret", "POST secret/undelete/$secret", "POST secret/destroy/$secret",
                    "GET secret/metadata/$secret", "DELETE secret/metadata/$secret")
        } qw(database s3)),
        (map { ("GET secret/metadata/saas-project/ENV/$_", "LIST secret/metadata/saas-project/ENV/$_") }
                qw(tenants/acme tenants/acme/s3/below)),
        (map { "LIST secret/metadata/saas-project/ENV/$_" } qw(tenants tenants/acme/database tenants/acme/s3)),
    ],
    minio => [ map { ("GET secret/data/saas-project/ENV/$_", "GET secret/metadata/saas-project/ENV/$_") } qw(minio s3) ],
);

my @paths = (
    (map { my $kind = $_; map { my $environment = $_;
                ("secret/$kind/saas-project/$environment",
                    map { "secret/$kind/saas-project/$environment/$_" } @secrets) } @environments }
            qw(data metadata delete undelete destroy subkeys)),
    (map { ("secret/data/$_", "secret/metadata/$_") } 'saas-project', 'other/dev/database', 'dev/database'),
    qw(secret/config auth/token/lookup-self auth/token/renew-self auth/token/create auth/token/create-orphan
        auth/token/lookup auth/token/revoke auth/token/accessors auth/approle/role
        auth/approle/role/saas-app-role auth/approle/role/saas-app-role/role-id
        auth/approle/role/saas-app-role/secret-id sys/capabilities-self sys/capabilities sys/mounts
        sys/mounts/other sys/auth sys/auth/other sys/policies/acl sys/policies/acl/saas-app-policy
        sys/policies/acl/default sys/audit sys/seal sys/step-down sys/rotate sys/leases/lookup
        sys/leases/renew sys/leases/revoke sys/raw/core sys/storage/raft/snapshot sys/internal/counters/requests
        sys/wrapping/wrap sys/tools/random cubbyhole/own identity/entity),
);

my $json = JSON::PP->new->utf8;
my $http = HTTP::Tiny->new(max_redirect => 0, timeout => 20, keep_alive => 0);
# (One connection for all would wait 40 ms for each request that has a body: two writes, Nagle.)

sub status_of
{
    my ($token, $verb, $path) = @_;
    my %body = $path =~ m{/data/} ? (data => { a => 'b' }) : (versions => [1]);
    my $reply = $http->request($verb, $vault->address . "/v1/$path", {
            headers => { 'X-Vault-Token' => $token,
                'Content-Type' => $verb eq 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
            $verb eq 'POST' || $verb eq 'PATCH' ? (content => $json->encode(\%body)) : () });
    return $reply->{status};
}

sub token_with
{
    my ($policy) = @_;
    return $vault->api(POST => 'auth/token/create', {
            policies => [$policy], no_default_policy => JSON::PP::true, no_parent => JSON::PP::true, ttl => '1h'
        })->{body}{auth}{client_token};
}

for my $consumer (sort keys %allowed) {
    for my $own (qw(dev prod)) {
        my $policy = "saas-$consumer-policy" . ($own eq 'dev' ? '' : "-$own");
        my $token = token_with($policy);
        my %wanted = map { (s/\bENV\b/$own/r => 1) } @{ $allowed{$consumer} }, @own_token;
        my (@missing, @too_much);
        for my $path (@paths) {
            for my $verb (@verbs) {
                # 405: there is no such operation for anybody.
                my $allowed = status_of($token, $verb, $path) !~ /^40[35]$/;
                my $wanted = delete $wanted{"$verb $path"} // 0;
                push @missing, "$verb $path" if $wanted && !$allowed;
                push @too_much, "$verb $path" if $allowed && !$wanted;
            }
        }
        is_deeply(\@missing, [], "$policy: allows what it is for");
        is_deeply(\@too_much, [], "$policy: and nothing else of " . @paths * @verbs . ' paths and verbs');
        is_deeply([ keys %wanted ], [], "$policy: each of these was asked");
        is(status_of($token, 'POST', 'auth/token/revoke-self'), 204, "$policy: ends its own token");
        is(status_of($token, 'GET', 'auth/token/lookup-self'), 403, "$policy: which is then dead");
    }
}

# To the engine, a slash at the end is the same secret.
$vault->put('saas-project/dev/minio', { secret_access_key => 'root key' });
my $database = token_with('saas-postgres-policy');
for my $path (map { ("secret/data/saas-project/dev/minio$_", "secret/metadata/saas-project/dev/minio$_") } '', '/', '%2f') {
    is(status_of($database, 'GET', $path), 403, "saas-postgres-policy: no $path");
}

# What the roles give is these policies and no other.
my %policies_of = (app => ['app'], postgres => ['postgres'], minio => ['minio'], provisioner => ['provisioner']);
for my $consumer (sort keys %policies_of) {
    for my $suffix ('', '-prod') {
        my $role = $vault->api(GET => "auth/approle/role/saas-$consumer-role$suffix")->{body}{data};
        is_deeply($role->{token_policies}, [ map { "saas-$_-policy$suffix" } @{ $policies_of{$consumer} } ],
            "saas-$consumer-role$suffix: its policy");
        ok($role->{token_no_default_policy}, "saas-$consumer-role$suffix: without the default policy");
    }
}

# docs/vault.md tells an administrator the same as the template does.
sub rules { my ($text) = @_; $text =~ s/#.*//mg; return join ' ', split ' ', $text; }
my $page = DocPage->new('docs/vault.md');
for my $consumer (qw(postgres provisioner)) {
    my ($block) = grep { $_->{text} =~ /policy write saas-$consumer-policy/ } $page->blocks('sh');
    my ($documented) = $block->{text} =~ /policy write saas-$consumer-policy - <<'HCL'\n(.*?)HCL\n/s;
    my $written = $vault->api(GET => "sys/policies/acl/saas-$consumer-policy")->{body}{data}{policy};
    is(rules($documented), rules($written), "docs/vault.md: saas-$consumer-policy is the template, filled in");
}

done_testing;
