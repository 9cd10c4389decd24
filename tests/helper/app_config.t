# app-config and exec --app: an application's variables out of the platform's three secrets; which
# environment; USE_VAULT; and nothing started where Vault fails.
use strict;
use warnings;

use IPC::Run ();
use Test::More;

use BackgroundRun;
use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my %down = (VAULT_ADDR => 'http://127.0.0.1:1');

my %database = (main_url => 'postgresql://app:pw%40@db.example/app', tenant_url_template => 'postgresql://app:pw@db.example/{database_name}');
my %jwt = (secret_key => "it's a \"key\"\nwith two lines", access_token_expires => '3600');
my %s3 = (endpoint_url => 'http://s3.example:9000', access_key_id => 'platform', secret_access_key => 'platform$secret',
    bucket_name => 'shared', region => 'eu-west-1');
my %variable = (
    DATABASE_URL => $database{main_url}, TENANT_DATABASE_URL_TEMPLATE => $database{tenant_url_template},
    JWT_SECRET_KEY => $jwt{secret_key}, SECRET_KEY => $jwt{secret_key}, JWT_ACCESS_TOKEN_EXPIRES => '3600',
    S3_ENDPOINT_URL => $s3{endpoint_url}, S3_ACCESS_KEY_ID => 'platform', S3_SECRET_ACCESS_KEY => 'platform$secret',
    S3_BUCKET_NAME => 'shared', S3_REGION => 'eu-west-1');
sub put_all
{
    my ($environment) = @_;
    $vault->put("saas-project/$environment/database", \%database);
    $vault->put("saas-project/$environment/jwt", \%jwt);
    $vault->put("saas-project/$environment/s3", \%s3);
    return;
}
put_all('dev');

# The variables among the names above that a command sees, as text to compare.
my $show = 'for n in ' . join(' ', sort keys %variable) . '; do eval "printf \"%s=<%s>\\n\" $n \"\$$n\""; done';
sub shown { my (%is) = @_; return join '', map { "$_=<" . ($is{$_} // '') . ">\n" } sort keys %variable; }
sub run_app { my ($script, @more) = @_; my $option = @more && ref $more[-1] ? pop @more : {}; return $helper->run('exec', '--app', @more, '--', 'sh', '-c', $script, $option); }

### app-config

my $text = $helper->output('app-config');
is($helper->output('-c', '. "$1"; ' . $show, 'sh', $helper->write_file("$dir/env", $text), { program => 'sh' }), shown(%variable),
    'app-config: a shell reads each variable as the secrets have it');
is(scalar(() = $text =~ /^export \w+=/mg), 10, 'all ten of them, exported');
is($helper->output('app-config', '--output', "$dir/out"), '', '--output: nothing on standard output');
is(PostgreSQL::Test::Utils::slurp_file("$dir/out"), $text, 'but in the file');
is($helper->run('app-config', '--format', 'compose')->{status}, 6, 'a value that the format cannot carry is refused: 6');
is($helper->run('app-config', '--format', $_)->{status}, 2, "$_ is no format of variables: 2") for qw(rclone minio yaml systemd-credentials);

$vault->put('saas-project/dev/jwt', { %jwt, app_secret_key => 'another' });
like($helper->output('app-config'), qr/^export SECRET_KEY='another'$/m, 'SECRET_KEY may be a key of its own');
$vault->put('saas-project/dev/jwt', { %jwt, access_token_expires => 900 });
like($helper->output('app-config'), qr/^export JWT_ACCESS_TOKEN_EXPIRES='900'$/m, 'the number of seconds may be a number in Vault');
for my $wrong ('an hour', '1.5', '-1', '0', '', '99999999999', '0x10', 1.5, undef, [1]) {
    $vault->put('saas-project/dev/jwt', { %jwt, access_token_expires => $wrong });
    my $run = $helper->run('app-config');
    my $name = !defined $wrong ? 'null' : ref $wrong ? 'a list' : "\"$wrong\"";
    is($run->{status}, 6, "access_token_expires $name is refused: 6");
    like($run->{stderr}, qr{saas-project/dev/jwt.*access_token_expires.*JWT_ACCESS_TOKEN_EXPIRES}, "$name: path, field and variable are named");
    is($run->{stdout}, '', "$name: and nothing is printed");
}
$vault->put('saas-project/dev/jwt', \%jwt);
for my $wrong ([ main_url => '' ], [ main_url => "x\n" ], [ main_url => 5 ]) {
    $vault->put('saas-project/dev/database', { %database, @{$wrong} });
    is($helper->run('app-config')->{status}, 6, 'a value that is empty, ends in a newline or is a number: 6');
}
$vault->put('saas-project/dev/database', \%database);

### Which environment

put_all('prod');
$vault->put('saas-project/prod/database', { %database, main_url => 'postgresql://prod.example/app' });
$vault->put('saas-project/staging-2/database', { main_url => 'postgresql://staging.example/app' });
sub database_url_of { my ($environment) = @_; return run_app('echo "$DATABASE_URL"', { env => { VAULT_ENVIRONMENT => $environment } }); }
is(database_url_of('prod')->{stdout}, "postgresql://prod.example/app\n", 'VAULT_ENVIRONMENT=prod');
my $run = database_url_of('staging-2');
is($run->{stdout}, "postgresql://staging.example/app\n", 'or any other name');
like($run->{stderr}, qr{there is no secret "saas-project/staging-2/jwt"}, 'a secret that is not there is named');
$run = database_url_of('nowhere');
is($run->{status}, 5, 'an environment that does not exist: 5');
like($run->{stderr}, qr/environment "nowhere" has no secrets/, 'and is named');
is($run->{stdout}, '', 'and nothing is started');
is(database_url_of($_)->{status}, 2, "\"$_\" is no environment: 2") for '../dev', 'DEV', 'a/b', 'x' x 33;

my $dev_only = $vault->credential_file('dev.token', do {
        $vault->put_policy('dev-only', 'path "secret/data/saas-project/dev/*" { capabilities = ["read"] }');
        $vault->mint_token(policies => ['dev-only']);
    });
is($helper->run('app-config', { env => { VAULT_TOKEN_FILE => $dev_only } })->{status}, 0, 'a token for dev reads dev');
$run = $helper->run('app-config', { env => { VAULT_TOKEN_FILE => $dev_only, VAULT_ENVIRONMENT => 'prod' } });
is($run->{status}, 4, 'and not prod: 4');
like($run->{stderr}, qr{secret/data/saas-project/prod/database}, 'the path is named');

### exec --app

is(run_app($show)->{stdout}, shown(%variable), 'exec --app: the same variables, in the environment');
is(run_app('echo "[$SECRET_KEY_FILE$JWT_SECRET_KEY_FILE]"', { env => { SECRET_KEY_FILE => '/old' } })->{stdout}, "[]\n",
    'what stood there for a value in a file goes');
$vault->put('saas-project/part/jwt', { secret_key => 'k' });
is(run_app('echo "[$DATABASE_URL$JWT_ACCESS_TOKEN_EXPIRES] $SECRET_KEY"', {
            env => { VAULT_ENVIRONMENT => 'part', DATABASE_URL => 'old', JWT_ACCESS_TOKEN_EXPIRES => '5' } })->{stdout}, "[] k\n",
    'what Vault does not have is not left over from the environment');
is(run_app('echo "[$AWS_ACCESS_KEY_ID]"')->{stdout}, "[]\n", 'S3 credentials under other names are not among them');
$vault->put('saas-project/dev/tenants/acme/s3', { access_key_id => 'acme-key', secret_access_key => 'acme-secret', bucket_name => 'acme' });
is(run_app('echo "$S3_ACCESS_KEY_ID $AWS_ACCESS_KEY_ID"', '--tenant', 'acme')->{stdout}, "platform acme-key\n", 'unless a tenant is given');
is(run_app('echo "$S3_ACCESS_KEY_ID $S3_BUCKET_NAME"', '--tenant', 'acme', '--names', 'app')->{stdout}, "acme-key acme\n", 'whose keys may stand in the place of the platform\'s');

my $folder = "/dev/shm/minio_helper_app_test.$$";
is(run_app('cat "$S3_SECRET_ACCESS_KEY_FILE"; stat -c " %a" "$DATABASE_URL_FILE"; echo "[$S3_SECRET_ACCESS_KEY]"', '--files', $folder)->{stdout},
    "platform\$secret 600\n[]\n", '--files: in files, not in variables');
is(join(' ', glob "$folder/*"), '', 'which are gone afterwards');
rmdir $folder;

### USE_VAULT

my $mark = $vault->audit_mark;
my %own = (DATABASE_URL => 'postgresql://own', JWT_ACCESS_TOKEN_EXPIRES => 'whatever');
is(run_app($show, { env => { USE_VAULT => 'false', %own } })->{stdout}, shown(%own), 'USE_VAULT=false: the environment as it is');
is(run_app('echo "$VAULT_TOKEN_FILE"', { env => { USE_VAULT => 'false', VAULT_TOKEN_FILE => 'kept' } })->{stdout}, "kept\n", 'all of it');
is($helper->output('app-config', { env => { USE_VAULT => '0', VAULT_ADDR => undef, %own } }),
    "export DATABASE_URL='postgresql://own'\nexport JWT_ACCESS_TOKEN_EXPIRES='whatever'\n", 'app-config, too');
is($vault->audit_count(since => $mark), 0, 'and Vault is not asked anything');
for my $word ('perhaps', 'no', 'yes', 'TRUEx', ' true') {
    is(run_app('echo started', { env => { USE_VAULT => $word } })->{status}, 2, "USE_VAULT=$word is neither: 2");
    is($helper->run('app-config', { env => { USE_VAULT => $word } })->{status}, 2, "and so it is for app-config");
}
is(run_app('echo "$SECRET_KEY"', { env => { USE_VAULT => $_, SECRET_KEY => 'old' } })->{stdout}, "$jwt{secret_key}\n", "USE_VAULT=$_: from Vault") for 'true', 'TRUE', '1', '';

$run = run_app('echo started', { env => { USE_VAULT => 'true', %down } });
is("$run->{status} [$run->{stdout}]", '3 []', 'USE_VAULT=true and no Vault: 3, and nothing is started');
like($run->{stderr}, qr/cannot reach Vault/, 'a sentence says why');
like($run->{stderr}, qr/"sh" was not started/, 'and what did not happen');
$run = run_app('echo "$SECRET_KEY"', '--fallback-env', { env => { USE_VAULT => 'true', SECRET_KEY => 'own', %down } });
is("$run->{status} $run->{stdout}", "0 own\n", '--fallback-env: the values of the environment');
like($run->{stderr}, qr/WARNING.*environment's own values/, 'loudly');
is(run_app('true', { env => { VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID => 'x' } })->{status}, 2, 'VAULT_ROLE_ID without VAULT_SECRET_ID: 2');
$vault->seal;
$run = run_app('echo started');
is("$run->{status} [$run->{stdout}]", '3 []', 'Vault sealed: 3');
like($run->{stderr}, qr/sealed/i, 'and says so');
$vault->unseal;

### Changes

my $job = BackgroundRun->new($helper, 'exec', '--app', '--interval', '1', '--on-change', 'restart', '--', 'sh', '-c', 'echo "key $SECRET_KEY"; exec sleep 60');
ok($job->says(qr/^key it's/m), 'started');
$vault->put('saas-project/dev/jwt', { %jwt, secret_key => 'rotated' });
ok($job->says(qr/^key rotated/m), '--on-change: any of the three secrets restarts the application');
$vault->delete_metadata('saas-project/dev/database');
$vault->put('saas-project/dev/jwt', { %jwt, secret_key => 'once more' });
ok($job->says(qr{new credentials cannot be had: secret "saas-project/dev/database" was there, and is gone}), 'not where it would lose a secret by that');
unlike($job->out, qr/^key once more/m, 'it goes on as it is');
$vault->put('saas-project/dev/database', \%database);
ok($job->says(qr/^key once more/m), 'until the secret is there again');
kill 'TERM', $job->pid;
$job->finish;

done_testing();
