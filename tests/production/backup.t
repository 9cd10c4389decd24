# docs/backup.md: its commands, on the cluster of docs/production.md.
#
#  1. a snapshot is taken by a token that may do nothing else
#  2. restore-test restores it into a server of its own; it fails where the key, the snapshot, the
#     token or a path is not what it must be, and leaves no process
#  3. restored into the same cluster: versions go backwards, the extension notices; the same version
#     number of another time is another secret
#  4. all nodes are lost: a new cluster takes the snapshot, and the extension goes on with the
#     credential that it had
use strict;
use warnings;

use AnswerChecks;
use DocPage;
use PostgreSQL::Test::Utils;
use ProductionCluster;
use TenantVaultNode;
use Test::More;

my $cluster = ProductionCluster->new('backed_up');
my @nodes = $cluster->nodes;
my $page = DocPage->new("$ENV{PWD}/docs/backup.md");
$cluster->run_page($cluster->page, 'The secrets');
my $leader = $cluster->leader;
$leader->wait_for_kv;
$leader->put_template('postgresql://db.example/{tenant}');

sub put { my ($password) = @_; return $cluster->leader->put_tenant('acme', { username => 'a', password => $password }); }
put($_) for 'first', 'second';

my $pg = TenantVaultNode->create('main', settings => {
    $leader->approle('server', token_period => '1h'),
    address => join(',', map { $_->address } @nodes),
    ca_cert => $nodes[0]->ca_cert,
    cache_ttl => '300ms', connect_timeout => '500ms', request_timeout => '10s', negative_ttl => 0,
});

sub becomes
{
    my ($password, $version, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer;
    return ok($pg->wait_until(sub {
                $answer = $pg->ask(q{SELECT password, version FROM tenant_vault.credentials('acme')});
                $answer->{out} eq "$password|$version" }, 30), $name)
      || diag "$answer->{out} $answer->{err}";
}
becomes('second', 2, 'the extension reads version 2');

### 1

my ($policy, $take) = $page->section('Taking one', 'sh');
my $admin = $cluster->admin_folder;
my %env = $cluster->env($nodes[1]);
$page->works($policy, $admin, %env);
my $backup = $leader->api(POST => 'auth/token/create', { policies => ['saas-backup-policy'], no_parent => JSON::PP::true })->{body}{auth}{client_token};
$page->works($take, $admin, %env, BAO_TOKEN => $backup);
my ($snapshot) = glob "$admin/vault-*.snap";
ok(-s $snapshot, 'there is a snapshot, though a standby was asked');
is((stat $snapshot)[2] & 0777, 0600, '... for its owner alone');
unlike(slurp_file($snapshot), qr/second/, '... with no secret to be read in it');
is($leader->api(GET => 'secret/data/' . $leader->tenant_path('acme'), undef, token => $backup, may_fail => 1)->{status}, 403,
    '... and who takes it may read no secret');

### 2

my ($test) = $page->section('Testing that it can be restored', 'sh');
my $run = $page->works($test, $admin, %env);
like($run->{output}, qr{^secret/saas-project/dev/database: version 1, of 20\S+$}m, 'restore-test shows what is in the snapshot');
like($run->{output}, qr/^restored: vault-/m, '... and says that it was restored');

sub restore_test
{
    my ($arguments, %more) = @_;
    my $tried = $page->run({ text => "docker/production/restore-test $arguments" }, $admin, %env, %more);
    return ($tried->{status} != 0 ? 'fails' : 'works') . ": $tried->{output}";
}
my $path = 'secret/saas-project/dev/database';
like(restore_test(qq{--etc "\$ETC" '$snapshot' secret/nowhere}), qr/^fails: .*secret\/nowhere/s, 'a path that is missing fails the test');
like(restore_test(qq{--etc "\$ETC" --wait 10 '$snapshot' $path}, BAO_TOKEN => 'unknown'), qr/^fails: .*token was not valid/s, '... and a token of another time');
append_to_file("$admin/broken.snap", 'no snapshot');
like(restore_test(qq{--etc "\$ETC" broken.snap $path}), qr/^fails: .*broken\.snap is not taken/s, '... and a file that is none');
mkdir "$admin/etc";
my $conf = slurp_file($nodes[0]->etc . '/vault.hcl');
$conf =~ s{file://\S+/unseal\.key}{file://$admin/etc/other.key};
append_to_file("$admin/etc/vault.hcl", $conf);
PostgreSQL::Test::Utils::system_or_bail('openssl', 'rand', '-out', "$admin/etc/other.key", '32');
like(restore_test(qq{--etc etc --wait 10 '$snapshot' $path}), qr/^fails: /, '... and another seal key');
is(`pgrep -f '[s]erver -config=$ENV{TMPDIR}/tmp\\.' || true`, '', 'no server is left');

### 3

is(put('third'), 3, 'a third version is written');
becomes('third', 3, '... and read');
my ($same) = $page->section('Into the same cluster', 'sh');
$page->works($same, $admin, %env, SNAPSHOT => $snapshot);
$cluster->wait_for_members;
becomes('second', 2, 'restored: the extension notices that the version went backwards');
my $created = $pg->cached->{acme}{created_time};
is(put('another third'), 3, 'the next write takes the number that was there before');
becomes('another third', 3, '... and the extension notices that');
isnt($pg->cached->{acme}{created_time}, $created, '... by its time of creation');
$page->works($same, $admin, %env, SNAPSHOT => $snapshot);
$cluster->wait_for_members;
for my $block (DocPage->new("$ENV{PWD}/docs/runbooks.md")->section('An older snapshot is restored', 'sql')) {
    ok($pg->wait_until(sub { $pg->ask($block->{text})->{exit} == 0 }, 20), "docs/runbooks.md:$block->{line}: the statements work");
}
becomes('second', 2, 'restored once more');

### 4

for my $node (@nodes) {
    $node->kill9;
    PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $node->data);
    mkdir $node->data;
    PostgreSQL::Test::Utils::system_or_bail('mv', $node->dir . '/root_token.header', $node->dir . '/old.header');
}
my $old_root = $cluster->root_token;
$_->launch for @nodes;
rename "$admin/init.json", "$admin/init.old";
$cluster->initialise;
my ($new) = $page->section('Into a new cluster', 'sh');
$page->works($new, $admin, $cluster->env($cluster->leader), SNAPSHOT => $snapshot);
$_->take_root_token($old_root) for @nodes;
ok($pg->wait_until(sub { $nodes[0]->api(GET => 'sys/auth', undef, may_fail => 1)->{status} == 200 }, 60),
    'a new cluster has taken the snapshot: the old token works') or diag `tail -n 20 '@{[$nodes[0]->dir]}/server.log'`;
$cluster->wait_for_members;
$pg->value($_->{text}) for $page->section('Into a new cluster', 'sql');
becomes('second', 2, 'the extension goes on with the credential that it had');
ok($pg->wait_until(sub { $pg->value('SELECT tenant_vault.restart_fetcher()'); $pg->wait_for_status(sub { $_[0]{logged_in} }, 10) }, 30),
    '... and logs in with it');

$pg->stop;
done_testing;
