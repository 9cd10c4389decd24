# docs/production.md, Rotation: secret_ids and MinIO's root key, by the page's commands. (Certificates:
# cluster.t.)
#
#  1. a secret_id: the extension logs in with the new one, then the old one ends; no session notices
#  2. MinIO's root key: the new one is taken, the old one refused; STS sessions end, a user's own key
#     does not, and new STS credentials work
use strict;
use warnings;

use AnswerChecks;
use DocPage;
use IPC::Run ();
use MinioHelper;
use MinioServer;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $top = MinioHelper::top();
my $page = DocPage->new("$top/docs/production.md");
my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $folder = $helper->tempdir;
my %env = (
    PATH => "$top/build/helper:$top/build/tools/bin:$ENV{PATH}",
    HOME => $folder,
    BAO_ADDR => $vault->address,
    BAO_TOKEN => $vault->root_token,
    VAULT_ADDR => $vault->address,
    VAULT_ENVIRONMENT => 'dev',
    VAULT_TOKEN_FILE => $vault->credential_file('admin', $vault->root_token));

### 1

$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my $role = 'saas-postgres-role';
my %approle = $vault->approle($role, token_period => '1h');
my $pg = TenantVaultNode->create('main', vault => $vault, settings => { %approle, cache_ttl => '100ms', stale_limit => 0 });
rename $approle{role_id_file}, $approle{role_id_file} =~ s{[^/]+$}{role_id}r;
rename $approle{secret_id_file}, $approle{secret_id_file} =~ s{[^/]+$}{secret_id}r;
my $credentials = $approle{secret_id_file} =~ s{/[^/]+$}{}r;
$pg->change_settings(role_id_file => "$credentials/role_id", secret_id_file => "$credentials/secret_id");
my $old = slurp_file("$credentials/secret_id");
my ($mint, $end) = $page->section('secret_ids', 'sh');
my ($prove) = $page->section('secret_ids', 'sql');
my $load = $pg->start_sessions([ q{DO $$ BEGIN FOR i IN 1..500 LOOP
        IF (SELECT password FROM tenant_vault.credentials('acme')) IS DISTINCT FROM 's3cret of acme' THEN RAISE 'wrong'; END IF;
        PERFORM pg_sleep(0.01); END LOOP; END $$; SELECT 'all answered'} ]);
my %rotate = (%env, ROLE => $role, CREDENTIALS => $credentials);
$page->works($mint, $folder, %rotate);
my $answer = $pg->ask($prove->{text});
is($answer->{exit}, 0, 'the extension has logged in with the new secret_id') or diag $answer->{err};
$page->works($end, $folder, %rotate);
all_answer([ $pg->finish_sessions($load) ], 'all answered', 'no session notices');
isnt(slurp_file("$credentials/secret_id"), $old, 'there is another secret_id');
is($vault->api(POST => 'auth/approle/login', { role_id => $vault->role_id($role), secret_id => $old }, token => '', may_fail => 1)->{status},
    400, '... and the old one has ended');
$pg->value('SELECT tenant_vault.restart_fetcher()');
ok($pg->wait_for_status(sub { $_[0]{logged_in} && $_[0]{can_log_in_again} }, 20), 'the extension goes on logging in');
$pg->change_settings(secret_id_file => $vault->credential_file('bad', 'not-a-secret-id'));
like($pg->ask($prove->{text})->{err}, qr/the new secret_id does not work: .*invalid role or secret ID/, '... and would have said so if it had not');
$pg->stop;

### 2

my $minio = MinioServer->new($vault, $helper);
$minio->mc('mb', 'root/tenants');
$minio->add_user('platform', 'a-platform-secret', 'readwrite');
$vault->put('saas-project/dev/s3', { endpoint_url => $minio->url, region => 'us-east-1', bucket_name => 'tenants',
        access_key_id => 'platform', secret_access_key => 'a-platform-secret' });
$vault->put('saas-project/dev/tenants/acme/s3', { prefix => 'acme/' });

# As a client who was given these credentials: an alias of mc in a variable.
sub lists
{
    my ($host, $target) = @_;
    local %ENV = (%ENV, %{$host}, MC_CONFIG_DIR => "$folder/mc");
    return IPC::Run::run([ 'timeout', '30', 'mc', '--quiet', 'ls', $target ], '<', \undef, '>', \my $out, '2>', \my $err) ? 'works' : 'refused';
}

sub host_of
{
    my ($alias, @arguments) = @_;
    my $text = $helper->output('credentials', @arguments, '--format', 'mc-host', '--alias', $alias);
    my ($value) = $text =~ /MC_HOST_$alias='?([^'\n]+)'?/ or die 'no MC_HOST';
    return { "MC_HOST_$alias" => $value };
}
my $session = host_of('session', '--tenant', 'acme');
my $user = host_of('user');
is(lists($session, 'session/tenants/acme/'), 'works', 'a session of STS works');
is(lists($user, 'user/tenants'), 'works', '... and a user\'s own key');

my ($write, $restart, $check) = $page->section("MinIO's root key", 'sh');
my %minio = (%env, MINIO_CONFIG_ENV_FILE => "$minio->{dir}/env", MC_CONFIG_DIR => "$minio->{dir}/mc");
my $before = slurp_file("$minio->{dir}/env");
$page->works($write, $folder, %minio);
isnt(slurp_file("$minio->{dir}/env"), $before, 'the server\'s file has another key');
$page->works($restart, $folder, %minio);
ok(TenantVaultNode->wait_until(sub { lists($user, 'user/tenants') eq 'works' }, 60), 'MinIO is back: a user\'s own key works');
ok(TenantVaultNode->wait_until(sub { $page->run($check, $folder, %minio)->{status} == 0 }, 30), 'check --minio is content')
    or diag $page->run($check, $folder, %minio)->{output};
ok(!$minio->knows_root, 'the old root key is refused');
$minio->take_root;
ok($minio->knows_root, '... and the new one, out of Vault, is the root');
is(lists($session, 'session/tenants/acme/'), 'refused', 'the session of STS has ended');
is(lists(host_of('session', '--tenant', 'acme'), 'session/tenants/acme/'), 'works', '... and a new one works');

done_testing;
