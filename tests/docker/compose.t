# The Compose bundle, built and run by a real Docker engine, driven from outside by psql, curl's
# kind of requests and boto3.
#
#  1. first use: ./bootstrap, then up; the application's page says where its secrets came from
#  2. what each can do with what is in Vault; what nobody can
#  3. credentials are files of their user's; images and containers hold no secret
#  4. each service is killed and comes back with its data
#  5. Vault forgets everything, and `up bootstrap` mends that
#  6. the same with Compose v2
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use ComposeProject;
use DocPage;

my @blocks = DocPage->new('docs/docker.md')->blocks('sh');
my $project = ComposeProject->new or do {
    plan skip_all => $ComposeProject::reason;
};

### 1

$project->build;
my $early = $project->run('docker-compose', 'up', '-d', 'vault');
isnt($early->{status}, 0, 'up before ./bootstrap fails');
like($early->{stderr}, qr/run \.\/bootstrap first/, 'and says what is to be done');

sub follow_page
{
    my ($what) = @_;
    my $block = shift @blocks;
    my $done = $project->run_block($block);
    is($done->{status}, 0, "docs/docker.md:$block->{line}: $what") or diag $done->{stdout}, $done->{stderr};
    return $done->{status} == 0;
}
follow_page('first use') or BAIL_OUT('the bundle does not start');
is((stat $project->dir . "/$_")[2] & 07777, 0600, "$_: for its owner only") for qw(.env .env.vault);
my $page = $project->healthy;
is($page->{status}, 200, 'docker compose up: the application is well') or diag $page->{text};
is($page->{body}{database}, 'ok', 'it reaches its database');
is($page->{body}{s3}, 'ok', 'and its bucket');
is_deeply($page->{body}{secrets}{DATABASE_URL}, { source => 'vault', secret => 'database', field => 'main_url' },
    'the page says where DATABASE_URL came from');
is_deeply([ grep { $page->{body}{secrets}{$_}{source} ne 'vault' } keys %{ $page->{body}{secrets} } ], [],
    'every one of ' . keys(%{ $page->{body}{secrets} }) . ' variables came from Vault');

my %secret = map { $_ => $project->secret($_) } qw(database jwt s3 minio tenants/platform/database);
my $root = $project->setting('VAULT_DEV_ROOT_TOKEN_ID');
my @secret_ids = map { $project->docker('run', '--rm', '--entrypoint', 'cat', '--user', '0', '--volume',
        $project->inspect($project->container($_))->{Name} =~ s{^/([^_-]+).*}{$1_$_-credentials}r . ':/v:ro',
        $project->image('bootstrap'), '/v/secret_id') } qw(app worker postgres minio);
my @values = (@secret_ids, $project->setting('SAAS_DEV_SEED'), $secret{jwt}{secret_key}, $secret{s3}{secret_access_key},
    $secret{minio}{secret_access_key}, $secret{'tenants/platform/database'}{password});
is(scalar(grep { length($_ // '') >= 32 } @values), 9, 'nine secrets that nobody else may see');
sub shown { my ($text) = @_; return scalar grep { index($text, $_) >= 0 } @values, $root; }
is(shown($page->{text}), 0, 'the page shows no value');

is($project->run($project->dir . '/bootstrap')->{status}, 0, './bootstrap again, while all is running');
is($project->run('docker-compose', 'run', '--rm', '-T', 'bootstrap')->{status}, 0, 'and the service again');

### 2

my $platform = $secret{'tenants/platform/database'};
my $run = $project->psql('platform', $platform->{password}, 'platform', 'SELECT count(*) FROM jobs');
is($run->{stdout}, "0\n", 'psql logs in with the password that is in Vault, to the migrated database') or diag $run->{stderr};
like($project->psql('platform', 'postgres', 'platform', 'SELECT 1')->{stderr}, qr/password authentication failed/, 'and with no other');
like($project->psql('postgres', 'postgres', 'postgres', 'SELECT 1')->{stderr}, qr/password authentication failed/, 'postgres:postgres is nobody');
is($project->admin_sql(q{SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL}), 0, 'no password is in the catalog');
is($project->admin_sql('SELECT finding FROM tenant_vault.hba_findings'), '', 'hba_findings has nothing to say');

is($project->admin_sql(q{SELECT tenant_vault.create_tenant('acme')}), 1, 'the database creates a tenant');
is($project->admin_sql(q{CREATE DATABASE acme}), 'CREATE DATABASE', 'and its database');
my $acme = $project->secret('tenants/acme/database');
my $username = $acme->{username};
follow_page('a tenant and a job');
is($project->psql($username, $acme->{password}, 'acme', 'SELECT current_user')->{stdout}, "$username\n", 'who logs in with its password');

sub put_job
{
    my ($text) = @_;
    my $job = $project->app(POST => '/jobs', $text);
    return $job->{status} == 201 ? $job->{body}{id} : $job->{text};
}
# What the bucket holds of a job, once the worker has seen to it.
sub stored
{
    my ($id) = @_;
    my $until = time + 60;
    my $found;
    while (time < $until) {
        ($found) = $project->s3($secret{s3}, [ get => $secret{s3}{bucket_name}, "jobs/$id" ]);
        last if $found ne 'NoSuchKey';
        sleep 0.5;
    }
    return $found;
}
my $job = put_job('the first job');
is(stored($job), 'the first job', 'the worker has put a job into the bucket, where boto3 finds it');
is(($project->s3({ access_key_id => 'minioadmin', secret_access_key => 'minioadmin' }, ['buckets']))[0], 'InvalidAccessKeyId',
    'minioadmin is nobody');
is_deeply([ $project->s3($secret{minio}, ['buckets']) ], [ [ $secret{s3}{bucket_name} ] ], 'the root key is the one in Vault');

### 3

my %user = (app => 10001, worker => 10002, postgres => 10003, minio => 10004);
for my $service (sort keys %user) {
    my $id = $project->container($service);
    chomp(my $who = $project->docker('exec', $id, 'id', '-u'));
    is($who, $user{$service}, "$service: runs as a user of its own");
    my $files = $project->docker('exec', $id, 'stat', '-c', '%a %u %n', '/run/vault', '/run/vault/role_id', '/run/vault/secret_id');
    is($files, "700 $who /run/vault\n400 $who /run/vault/role_id\n400 $who /run/vault/secret_id\n", "$service: its credentials are its own");
    isnt($project->run('docker', 'exec', $id, 'touch', '/run/vault/x')->{status}, 0, "$service: and read-only");
    my $all = $project->docker('inspect', $id);
    is(shown($all), 0, "$service: docker inspect shows no secret");
    is(shown($project->docker('exec', $id, 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')), 0, "$service: nor does a command line");
    is(shown($project->docker('logs', $id)), 0, "$service: nor its log");
    is($project->wait_for_state($service, 'healthy'), 'healthy', "$service: its health check");
}
like($project->inspect($project->container('vault'))->{HostConfig}{CapAdd}[0], qr/^(CAP_)?IPC_LOCK$/, 'vault: IPC_LOCK');
is_deeply($project->inspect($project->container('vault'))->{HostConfig}{PortBindings}{'8200/tcp'}[0]{HostIp}, '127.0.0.1', 'vault: loopback only');
for my $name (qw(bootstrap postgres minio app)) {
    my $image = $project->image($name);
    my $about = $project->docker('image', 'inspect', $image) . $project->docker('history', '--no-trunc', $image);
    is(shown($about), 0, "image $name: no secret in inspect and history");
    unlike($about, qr/postgres:postgres|minioadmin/, "image $name: nor one that everybody knows");
    next if $name eq 'bootstrap';
    my $config = $project->inspect($image)->{Config};
    isnt($config->{User}, '', "image $name: runs as " . $config->{User});
    ok($config->{Healthcheck}, "image $name: has a health check");
}
# The layers themselves: every file of every image, as one stream of text.
for my $name (qw(bootstrap postgres minio app)) {
    chomp(my $id = $project->docker('create', $project->image($name)));
    my $found = $project->run({ stdin => join("\n", @values, $root) . "\n", seconds => 300 }, 'sh', '-c',
        'patterns=$(mktemp); cat >"$patterns"; docker export ' . $id . ' | grep -a -c -F -f "$patterns"; rm -f "$patterns"');
    is($found->{stdout}, "0\n", "image $name: no secret in any file");
    $project->docker('rm', $id);
}
my ($compose_file) = PostgreSQL::Test::Utils::slurp_file($project->dir . '/docker-compose.yml');
unlike($compose_file, qr/env_file/, 'no env_file');

### 4

for my $service (qw(worker app minio postgres)) {
    $project->docker('kill', $project->container($service));
    $project->compose('up', '-d');
    is($project->wait_for_state($service, 'healthy'), 'healthy', "$service: killed, and back");
    is($project->healthy->{status}, 200, "$service: and the application is well");
    is(stored($job), 'the first job', "$service: nothing is lost in the bucket");
    is($project->psql('platform', $platform->{password}, 'platform', "SELECT text FROM jobs WHERE id = $job")->{stdout},
        "the first job\n", "$service: nor in the database");
    is(stored(put_job("after $service")), "after $service", "$service: and work goes on");
}

### 5

follow_page('Vault is restarted, and made ready again');
is($project->vault(GET => 'secret/data/saas-project/dev/tenants/acme/database')->{status}, 404, 'it has forgotten what is not seeded');
is_deeply($project->secret('database'), $secret{database}, 'up bootstrap: the secrets are what the services still use');
is($project->healthy->{status}, 200, 'the application is well');
is(stored(put_job('after vault')), 'after vault', 'and the worker works');
# Long enough for every cached value and token to be found wanting, if it is.
$project->compose('restart', 'postgres', 'minio', 'app', 'worker');
is($project->wait_for_state($_, 'healthy'), 'healthy', "$_: restarted, logs in with the credentials that it was given anew")
  for qw(postgres minio app worker);
is($project->healthy->{status}, 200, 'and all is as before');
is($project->psql('platform', $platform->{password}, 'platform', "SELECT text FROM jobs WHERE id = $job")->{stdout},
    "the first job\n", 'with its data');

$project->write_home('.vault-token', $root);
follow_page('bootstrap on a Vault of your own');
is_deeply(\@blocks, [], 'every command of the page was run');

### 6

$project->use_compose(ComposeProject::compose_v2());
$project->compose('down', '--timeout', '5');
is($project->run($project->dir . '/bootstrap')->{status}, 0, 'Compose v2: ./bootstrap');
$project->compose('up', '-d');
is($project->healthy->{status}, 200, 'Compose v2: up, and the application is well');
is(stored($job), 'the first job', 'Compose v2: the volumes are the same');

done_testing;
