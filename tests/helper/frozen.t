# exec and serve, whose SDKs refresh temporary keys by themselves, while Vault or STS does not answer:
# signals get through, nothing spins, and a reload counts for what was being fetched, too.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use BackgroundRun;
use MinioHelper;
use S3Server;
use ScriptedHttp;
use VaultServer;

use constant AT_ONCE => 2;    # seconds, on a busy machine; an unanswered request takes 10 or more

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $s3 = S3Server->new('minio');
mkdir "$dir/tokens", 0700;
$vault->put('saas-project/dev/s3', $s3->secret);
$vault->put('saas-project/dev/tenants/acme/s3', { prefix => 'acme/' });

sub freeze_sts { return kill 'STOP', $s3->pid; }
sub thaw_sts { return kill 'CONT', $s3->pid; }

# Of a process and its threads, in seconds.
sub processor_time
{
    my ($pid) = @_;
    my @field = split ' ', PostgreSQL::Test::Utils::slurp_file("/proc/$pid/stat") =~ s/\A.*\) //sr;
    return ($field[11] + $field[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

my $ask = 'curl -s -m 60 -o /dev/null -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"';
my %frozen = (
    Vault => [ sub { $vault->freeze }, sub { $vault->thaw } ],
    STS => [ \&freeze_sts, \&thaw_sts ],);

for my $who (sort keys %frozen) {
    my ($freeze, $thaw) = @{ $frozen{$who} };
    my $job = BackgroundRun->new($helper, 'exec', '--tenant', 'acme', '--', 'sh', '-c',
        "trap 'kill \$!; exit 43' TERM; echo ready; while ! [ -e $dir/$who ]; do sleep 0.1; done; $ask & echo asks; wait");
    ok($job->says(qr/ready/), "$who: exec's command has an endpoint");
    $freeze->();
    PostgreSQL::Test::Utils::append_to_file("$dir/$who", '');
    $job->says(qr/asks/);
    sleep 1;
    my $before = processor_time($job->pid);
    sleep 2;
    cmp_ok(processor_time($job->pid) - $before, '<', 0.3, "$who does not answer an SDK: exec waits without spinning");
    kill 'TERM', $job->pid;
    my ($status, $took) = $job->finish;
    $thaw->();
    is($status, 43, "$who does not answer an SDK: SIGTERM reaches the command");
    cmp_ok($took, '<', AT_ONCE, 'and exec ends with it');
}

# Before the command is there, and while its keys are got anew.
freeze_sts();
my $job = BackgroundRun->new($helper, 'exec', '--tenant', 'acme', '--', 'echo', 'started');
sleep 1;
kill 'TERM', $job->pid;
my ($status, $took) = $job->finish;
thaw_sts();
is($status . $job->out, 143, 'STS does not answer at the start: SIGTERM ends it, and nothing is started');
cmp_ok($took, '<', AT_ONCE, 'at once');

$job = BackgroundRun->new($helper, 'exec', '--tenant', 'acme', '--names', 'app', '--interval', '1', '--on-change', 'restart', '--', 'sh', '-c', 'echo ready; exec sleep 60');
$job->says(qr/ready/);
freeze_sts();
$vault->put('saas-project/dev/tenants/acme/s3', { prefix => 'acme/more/' });
sleep 3;
kill 'TERM', $job->pid;
($status, $took) = $job->finish;
thaw_sts();
is($status, 143, 'STS does not answer for a change: SIGTERM ends the command');
cmp_ok($took, '<', AT_ONCE, 'at once');

### serve

sub serve
{
    my ($env) = @_;
    my $serve = BackgroundRun->new($helper, 'serve', '--listen', '127.0.0.1:0', '--token-dir', "$dir/tokens", 'acme', { env => $env // {} });
    $serve->says(qr/TOKEN_FILE=/);
    return $serve;
}

sub ask
{
    my ($serve) = @_;
    my ($uri) = $serve->out =~ /FULL_URI=(\S+)/;
    my $pid = fork // die "fork: $!";
    exec 'curl', '-s', '-m', '60', '-o', "$dir/answer", '-H', 'Authorization: ' . PostgreSQL::Test::Utils::slurp_file("$dir/tokens/acme"), $uri if $pid == 0;
    return $pid;
}

for my $who (sort keys %frozen) {
    my ($freeze, $thaw) = @{ $frozen{$who} };
    my $serve = serve();
    $freeze->();
    my $client = ask($serve);
    sleep 1;
    kill 'HUP', $serve->pid;
    my $before = processor_time($serve->pid);
    sleep 1;
    cmp_ok(processor_time($serve->pid) - $before, '<', 0.3, "$who does not answer: serve waits without spinning");
    kill 'TERM', $serve->pid;
    ($status, $took) = $serve->finish;
    $thaw->();
    waitpid $client, 0;
    is($status, 0, "$who does not answer: SIGTERM ends serve, after SIGHUP as well");
    cmp_ok($took, '<', 5 + AT_ONCE, 'when who is being answered has had 5 s');
}

# A fetch that began before the SIGHUP ends after it: its keys are for those who asked before.
my $serve = serve();
freeze_sts();
my $client = ask($serve);
sleep 1;
$vault->put('saas-project/dev/tenants/acme/s3', { access_key_id => 'rotated-key', secret_access_key => 'rotated-s3cret' });
kill 'HUP', $serve->pid;
thaw_sts();
waitpid $client, 0;
like(PostgreSQL::Test::Utils::slurp_file("$dir/answer"), qr/"Token":"\w/, 'what was asked for before SIGHUP is answered');
ok($serve->says(qr/read anew/), 'then all is read anew');
waitpid ask($serve), 0;
like(PostgreSQL::Test::Utils::slurp_file("$dir/answer"), qr/rotated-key/, 'and who asks after it gets the new keys');
kill 'TERM', $serve->pid;
is(scalar($serve->finish), 0, 'serve ends');

done_testing();
