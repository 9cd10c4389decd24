# docker/entrypoint, on processes: waits for a login, migrates where asked, and becomes the
# application, which gets its secrets and SIGTERM.
use strict;
use warnings;

use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep time);

use BackgroundRun;
use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $entrypoint = $helper->top . '/docker/entrypoint';
my $bin = "$dir/bin";
mkdir $bin;
symlink MinioHelper::program(), "$bin/minio-helper" or die $!;

$vault->put('saas-project/dev/database', { main_url => 'postgresql://app@db.example/app' });
$vault->put('saas-project/dev/jwt', { secret_key => 'signing-key' });
my %approle = $vault->approle('app');
my %login = (VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID_FILE => $approle{role_id_file}, VAULT_SECRET_ID_FILE => $approle{secret_id_file},
    USE_VAULT => 'true', PATH => "$bin:$ENV{PATH}");
my %down = (VAULT_ADDR => 'http://127.0.0.1:1', VAULT_WAIT_ATTEMPTS => 2, VAULT_WAIT_INTERVAL => 1);

sub enter { my ($env, @command) = @_; return $helper->run(@command, { program => $entrypoint, env => { %login, %{$env} } }); }
sub start { my ($env, @command) = @_; return BackgroundRun->new($helper, @command, { program => $entrypoint, env => { %login, %{$env} } }); }

my $run = enter({}, 'sh', '-c', 'echo "$SECRET_KEY $DATABASE_URL"; exit 9');
is($run->{stdout}, "signing-key postgresql://app\@db.example/app\n", 'the application has its secrets');
is($run->{status}, 9, 'and its exit status comes back');
like($run->{stderr}, qr/wait: look 1: logged in to Vault/, 'after a login was waited for');
is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'no token is left behind');
is(enter({})->{status}, 2, 'without a command: 2, and how it is used');
is(enter({}, '/nonexistent')->{status}, 127, 'a command that is not there: 127');
is(enter({}, 'sh', '-c', 'printf "%s|" "$@"', 'sh', 'a b', '*', '')->{stdout}, 'a b|*||', 'arguments stay as they are');

for my $signal (qw(TERM INT)) {
    my $job = start({}, 'sh', '-c', "trap 'echo got it; exit 42' $signal; echo ready; i=0; while [ \$i -lt 600 ]; do i=\$((i+1)); sleep 0.05; done");
    $job->says(qr/^ready/m);
    kill $signal, $job->pid;
    my ($status, $took) = $job->finish;
    is($status, 42, "SIG$signal reaches the application");
    cmp_ok($took, '<', 3, 'at once');
}

# Vault is not there
$run = enter(\%down, 'echo', 'started');
is("$run->{status} [$run->{stdout}]", '3 []', 'no Vault: 3 after the wait, and nothing is started');
like($run->{stderr}, qr/look 2: cannot reach Vault/, 'each look is told');
$run = enter({ %down, VAULT_FALLBACK_ENV => 'true', SECRET_KEY => 'own' }, 'sh', '-c', 'echo "$SECRET_KEY"');
is("$run->{status} $run->{stdout}", "0 own\n", 'VAULT_FALLBACK_ENV=true: with the environment\'s values');
like($run->{stderr}, qr/WARNING/, 'loudly');
$run = enter({ %down, USE_VAULT => 'false', SECRET_KEY => 'own' }, 'sh', '-c', 'echo "$SECRET_KEY"');
is("$run->{status} $run->{stdout}", "0 own\n", 'USE_VAULT=false: Vault is not waited for');
is($run->{stderr}, '', 'and nothing is said');
is(enter({ USE_VAULT => 'maybe' }, 'true')->{status}, 2, 'USE_VAULT is true or false');
my $job = start({ %down, VAULT_WAIT_ATTEMPTS => 60 }, 'echo', 'started');
$job->says(qr/look 1/);
kill 'TERM', $job->pid;
my ($status, $took) = $job->finish;
is($status, 143, 'SIGTERM while it waits ends it');
cmp_ok($took, '<', 1.5, 'at once');

SKIP: {
    skip 'no strace here', 2 if system('strace -o /dev/null true 2>/dev/null') != 0;
    $job = BackgroundRun->new($helper, '-o', '/dev/null', '-e', 'inject=clone,clone3,fork,vfork:signal=SIGTERM:when=1',
        $entrypoint, 'echo', 'started', { program => 'strace', env => { %login, %down, VAULT_WAIT_ATTEMPTS => 60 } });
    ($status, $took) = $job->finish;
    is($status, 143, 'SIGTERM in the moment in which the wait is started ends it');
    cmp_ok($took, '<', 5, 'at once');
}

# Migrations
my $log = "$dir/migrations";
$helper->write_file("$bin/flask", "#!/bin/sh\necho \"\$@ \$DATABASE_URL\" >>$log\n");
chmod 0755, "$bin/flask";
sub migrations { my $text = -e $log ? PostgreSQL::Test::Utils::slurp_file($log) : ''; unlink $log; return $text; }
enter({ FLASK_APP_TYPE => 'api' }, 'true');
is(migrations(), "db upgrade postgresql://app\@db.example/app\n", 'FLASK_APP_TYPE=api: flask db upgrade, with the secrets');
enter({ FLASK_APP_TYPE => 'worker' }, 'true');
is(migrations(), '', 'another type: none');
enter({ FLASK_APP_TYPE => 'api', MIGRATION_COMMAND => "echo \"mine \$SECRET_KEY\" >>$log" }, 'sh', '-c', "echo app >>$log");
is(migrations(), "mine signing-key\napp\n", 'MIGRATION_COMMAND: that instead, before the application');
$run = enter({ MIGRATION_COMMAND => 'exit 5' }, 'echo', 'started');
is("$run->{status} [$run->{stdout}]", '5 []', 'a migration that fails ends the start with its status');
$job = start({ MIGRATION_COMMAND => 'echo migrating; exec sleep 60' }, 'echo', 'started');
$job->says(qr/migrating/);
kill 'TERM', $job->pid;
($status, $took) = $job->finish;
is($status, 143, 'SIGTERM ends a migration, and the start');
cmp_ok($took, '<', 3, 'at once');
unlike($job->out, qr/^started/m, 'the application is not started then');

# One login for all three, with a secret_id that is good for one.
my $cache = "/dev/shm/entrypoint_test.$$";
my $mark = $vault->audit_mark;
my %single = (%login, VAULT_SECRET_ID_FILE => $vault->credential_file('single', $vault->mint_secret_id('app', num_uses => 1)));
$run = enter({ %single, VAULT_TOKEN_CACHE => $cache, MIGRATION_COMMAND => 'true' }, 'sh', '-c', 'echo "$SECRET_KEY"');
is("$run->{status} $run->{stdout}", "0 signing-key\n", 'VAULT_TOKEN_CACHE: a secret_id of one use is enough');
is($vault->logins($mark), 1, 'for one login');
unlink $cache;
is(enter({ EXEC_OPTIONS => '--tenant' }, 'true')->{status}, 2, 'EXEC_OPTIONS are given to exec');

SKIP: {
    skip 'no namespaces here', 2 if system('unshare --fork --pid --mount-proc true 2>/dev/null') != 0;
    $job = BackgroundRun->new($helper, '--fork', '--pid', '--mount-proc', $entrypoint, 'true',
        { program => 'unshare', env => { %login, %down, VAULT_WAIT_ATTEMPTS => 60 } });
    ok($job->says(qr/look 1/), 'as PID 1 it waits');
    chomp(my $inner = `pgrep -P @{[ $job->pid ]}`);
    kill 'TERM', $inner;
    is(scalar($job->finish), 143, 'and SIGTERM ends it');
}

done_testing();
