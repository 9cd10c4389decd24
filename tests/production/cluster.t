# The cluster that docs/production.md sets up with docker/production, on real servers.
#
#  1. the page's commands make three nodes: TLS, raft, two audit devices, unsealed by themselves
#  2. each node has a certificate from Vault's own PKI engine; it is renewed without a token and
#     without a restart; a client that trusts the first authority follows
#  3. the leader is killed: the others go on, for the extension too; it comes back by itself
#  4. nothing that is secret stands in a log, or in a file that others can read
#  5. the configuration is refused where it would make no cluster; the seal "transit" unseals a node
#  6. the audit log is rotated; the root token ends
use strict;
use warnings;

use AnswerChecks;
use DocPage;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use ProductionCluster;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep time);

use constant ELECTION_SECONDS => 30; # it takes 2 to 10 s

### 1

my $cluster = ProductionCluster->new('production');
my @nodes = $cluster->nodes;
my $page = $cluster->page;
for my $node (@nodes) {
    my $seal = $node->api(GET => 'sys/seal-status', undef, token => '')->{body};
    ok(!$seal->{sealed} && $seal->{type} eq 'static' && $seal->{storage_type} eq 'raft',
        "$node->{name} has unsealed itself, with raft storage");
    my $plain = `curl --silent --max-time 5 http://localhost:@{[$node->port]}/v1/sys/health`;
    like($plain, qr/HTTP request to an HTTPS server/, '... and speaks TLS alone');
}
my $audit = $cluster->leader->api(GET => 'sys/audit')->{body}{data};
is_deeply([ sort keys %{$audit} ], [ 'file/', 'journal/' ], 'two audit devices are declared');

### 2

sub issuer
{
    my ($node) = @_;
    IPC::Run::run(['openssl', 's_client', '-connect', 'localhost:' . $node->port, '-servername', 'localhost'],
        '<', \undef, '>', \my $shown, '2>', \my $noise);
    return $shown =~ /^issuer=(.*)$/m ? $1 : '';
}

sub reload { my ($node) = @_; kill 'HUP', $node->pid; return; }

sub wait_for { my ($condition, $seconds) = @_; return TenantVaultNode->wait_until($condition, $seconds); }

my $first_ca = "$cluster->{dir}/first_ca.crt";
PostgreSQL::Test::Utils::system_or_bail('cp', $nodes[0]->ca_cert, $first_ca);
for my $node (@nodes) {
    like(issuer($node), qr/first start/, "$node->{name} begins with a certificate of the first start");
    $cluster->run_page($page, 'The first certificate of each node', $node);
    reload($node);
    ok(wait_for(sub { issuer($node) =~ /Tenant Vault CA/ }, 20), '... and shows one of the PKI engine without a restart');
}
my ($node) = @nodes;
my $mode = (stat $node->etc . '/tls/server.key')[2] & 07777;
is($mode, 0600, 'its key is its owner\'s alone');
my $before = readlink $node->etc . '/tls';
$cluster->run_page($page, 'The first certificate of each node', $node, BAO_TOKEN => undef);
isnt(readlink $node->etc . '/tls', $before, 'it is renewed without a token: its certificate is what it logs in by');
ok(!-e $node->etc . "/$before", '... and the old key is gone');
my @trusted = slurp_file($node->ca_cert) =~ /BEGIN CERTIFICATE/g;
is(scalar @trusted, 2, '... and both authorities are trusted, each once');
my ($run) = $page->run({ text => 'docker/production/renew-certificate --etc "$ETC" --drop-old-ca cluster.conf "$NAME"' },
    $cluster->admin_folder, $cluster->env($node));
is($run->{status}, 0, 'the authority of the first start is dropped') or diag $run->{output};
@trusted = slurp_file($node->ca_cert) =~ /BEGIN CERTIFICATE/g;
is(scalar @trusted, 1, '... from what is trusted');
reload($node);
my $refused = $page->run({ text => 'bao write -f pki/issue/vault-server common_name=elsewhere.example' },
    $cluster->admin_folder, $cluster->env($node));
like($refused->{output}, qr/not allowed by this role/, 'no certificate is issued for another name');

### 3

my ($standby) = grep { $_ != $cluster->leader } @nodes;
$cluster->run_page($page, 'The secrets', $standby);
pass('bootstrap was told a standby, and has talked to the leader');
my $credentials = $cluster->admin_folder . '/credentials/postgres';
my $leader = $cluster->leader;
$leader->put('saas-project/prod/database', { tenant_url_template => 'postgresql://db.example/{tenant}' });
$leader->put("saas-project/prod/tenants/$_/database", { username => "${_}_app", password => "s3cret of $_" }) for qw(acme globex);
my $pg = TenantVaultNode->create('main', settings => {
    role_id_file => "$credentials/role_id",
    secret_id_file => "$credentials/secret_id",
    environment => 'prod',
    address => join(',', map { $_->address } @nodes),
    ca_cert => $nodes[1]->ca_cert,
    cache_ttl => '500ms', connect_timeout => '500ms', request_timeout => '10s', negative_ttl => 0,
});
my $password = q{SELECT password FROM tenant_vault.credentials('%s')};
ok($pg->wait_until(sub { $pg->ask(sprintf $password, 'acme')->{out} eq 's3cret of acme' }, 20), 'the extension reads from the cluster')
    or diag $pg->ask(sprintf $password, 'acme')->{err};
my $load = $pg->start_sessions([ q{DO $$ BEGIN FOR i IN 1..800 LOOP
        IF (SELECT password FROM tenant_vault.credentials('acme')) IS DISTINCT FROM 's3cret of acme' THEN RAISE 'wrong'; END IF;
        PERFORM pg_sleep(0.01); END LOOP; END $$; SELECT 'all answered'} ]);
$leader->kill9;
my @rest = grep { $_ != $leader } @nodes;
my $killed = time;
my $next = VaultServer->wait_for_leader(@rest);
cmp_ok(time - $killed, '<', ELECTION_SECONDS, 'the leader is killed: another leads');
all_answer([ $pg->finish_sessions($load) ], 'all answered', '... and the extension has answered all the while');
ok($pg->wait_until(sub { $pg->ask(sprintf $password, 'globex')->{out} eq 's3cret of globex' }, 20), '... new questions too');
$next->put('saas-project/prod/written-since', { a => 'b' });
$leader->start;
ok(wait_for(sub { $leader->api(GET => 'sys/health', undef, token => '', may_fail => 1)->{status} == 429 }, 30),
    'the killed node comes back, unsealed by itself, as a standby');
ok(wait_for(sub { $leader->api(GET => 'secret/data/saas-project/prod/written-since')->{status} == 200 }, 20),
    '... and has what was written meanwhile');

### 4

my $log = slurp_file($cluster->audit_log);
like($log, qr/"type":"response"/, 'every request is in the audit log');
my @secrets = ($cluster->root_token, 's3cret of acme', slurp_file("$credentials/secret_id"));
ok(!(grep { length($_) < 10 } @secrets), 'there are secrets to look for');
my $key = slurp_file($node->etc . '/tls/server.key');
for my $file ($cluster->audit_log, map { "$_->{dir}/server.log" } @nodes) {
    my $text = slurp_file($file);
    ok(!(grep { index($text, $_) >= 0 } @secrets), "no secret in $file =~ s{.*/}{}r");
}
my $open = `find '$cluster->{dir}' -type f -perm /077 \\( -name '*.key' -o -name 'init.json' -o -name audit.log -o -name vault.hcl -o -name answer \\)`;
is($open, '', 'keys, audit log and configuration are closed to others');

### 5

our $program = "$ENV{PWD}/docker/production/configure";
sub configure
{
    my ($lines, @arguments) = @_;
    my $conf = PostgreSQL::Test::Utils::tempdir('conf') . '/cluster.conf';
    append_to_file($conf, $lines);
    IPC::Run::run([$program, @arguments, $conf, 'a'], '<', \undef, '>', \my $out, '2>', \my $err);
    return $? == 0 ? $out : $err;
}
my @three = map { "$_ $_.example:8200 $_.example:8201 $_.example:8202\n" } qw(a b c);
like(configure(join '', @three), qr/leader_api_addr = "https:\/\/c\.example:8200"/, 'three nodes are a cluster');
unlike(configure(join '', @three), qr/@/, '... with nothing left to fill in');
like(configure(join '', @three[0, 1]), qr/2 nodes; three or five/, 'two are none');
like(configure(join '', @three[1, 2], 'd d.example:8200 d.example:8201 d.example:8202'), qr/has no node a/, 'a node that is not listed is refused');
like(configure(join '', @three, qq{d d.example:8200" d.example:8201 d.example:8202\n}), qr/not host:port/, 'an address that ends a string is refused');
like(configure(join('', @three), '--etc', '/x"y'), qr/not usable/, '... and a path');
like(configure(join('', @three), '--seal', 'none'), qr/no such seal/, '... and a seal that there is not');
unlike(configure(join('', @three), '--server', 'vault', '--seal', 'awskms'), qr/^audit/m, 'for HashiCorp Vault no audit device is declared');
like(configure(join('', @three), '--server', 'vault'), qr/no static seal/, '... and the static seal, which it has not, refused');
is(configure(join('', @three) =~ s/\n\z//r), configure(join '', @three), 'a last line without its end counts');
{
    my $copy = PostgreSQL::Test::Utils::tempdir('copy');
    PostgreSQL::Test::Utils::system_or_bail('cp', '-r', 'docker/production', $copy);
    local $program = "$copy/production/configure";
    append_to_file("$copy/production/seal/awskms.hcl", "# R&D\n");
    like(configure(join('', @three), '--seal', 'awskms'), qr/^# R&D$/m, 'what somebody put into a seal stays as it is');
}
my $bao = "$ENV{PWD}/build/tools/bin/bao";
for my $seal (map { s{.*/(.*)\.hcl}{$1}r } glob 'docker/production/seal/*.hcl') {
    my $folder = PostgreSQL::Test::Utils::tempdir("seal_$seal");
    append_to_file("$folder/vault.hcl", configure(join('', @three), '--seal', $seal, '--listen', '127.0.0.1',
            '--etc', $folder, '--data', $folder, '--log', $folder));
    my $said = `timeout 20 '$bao' operator diagnose -config='$folder/vault.hcl' -skip=listener 2>&1`;
    like($said, qr/success.*Parse Configuration$/m, "seal $seal: the configuration can be read")
        or diag $said;
}

# Another Vault holds the key.
my $holder = VaultServer->new('holder', tls => 1, audit => 0, mounted => 0);
$holder->api(POST => 'sys/mounts/transit', { type => 'transit' });
$holder->api(POST => 'transit/keys/unseal');
$holder->put_policy('unseal', join '', map { qq{path "transit/$_/unseal" { capabilities = ["update"] }\n} } qw(encrypt decrypt));
my $sealed = ProductionNode->new({ dir => PostgreSQL::Test::Utils::tempdir('transit') }, 'a');
my $text = configure($sealed->cluster_line =~ s/^\w+/a/r . join('', @three[1, 2]), '--seal', 'transit', '--listen', '127.0.0.1',
    '--etc', $sealed->etc, '--data', $sealed->data, '--log', $sealed->dir);
$text =~ s{https://seal-vault\.example\.com:8200}{$holder->address}e;
append_to_file($sealed->etc . '/vault.hcl', $text);
PostgreSQL::Test::Utils::system_or_bail('cp', $holder->ca_cert, $sealed->etc . '/seal-ca.crt');
PostgreSQL::Test::Utils::system_or_bail('cp', '-r', $nodes[1]->etc . '/' . readlink($nodes[1]->etc . '/tls'), $sealed->etc . '/tls');
{
    local $ENV{VAULT_TOKEN} = $holder->mint_token(policies => ['unseal'], period => '1h');
    $sealed->launch;
    $sealed->take_root_token($sealed->api(PUT => 'sys/init', { recovery_shares => 1, recovery_threshold => 1 }, token => '')->{body}{root_token});
    ok(wait_for(sub { $sealed->api(GET => 'sys/health', undef, token => '', may_fail => 1)->{status} == 200 }, 30),
        'a node is unsealed by a key that another Vault holds');
    $sealed->restart;
}
is($sealed->api(GET => 'sys/seal-status', undef, token => '')->{body}{sealed}, JSON::PP::false, '... and again when it is restarted');
$sealed->stop;

### 6

my ($rotate) = $page->section('The audit log', 'sh');
$page->works($rotate, $cluster->admin_folder, $cluster->env($nodes[0]));
reload($_) for @nodes;
ok(wait_for(sub { $nodes[0]->api(GET => 'sys/auth'); -s $cluster->audit_log }, 20), 'a reload opens a new audit log');
$cluster->run_page($page, 'The end of the root token');
is($nodes[0]->api(GET => 'sys/auth', undef, may_fail => 1)->{status}, 403, 'the root token is no more');

$pg->stop;
done_testing;
