# The endpoint from which SDKs refresh by themselves: boto3 takes its credentials from it; each
# tenant's token opens that tenant alone; one fetch serves all who ask at once; what was cached
# outlives an outage of Vault, and SIGTERM ends it cleanly.
use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MinioHelper;
use S3Server;
use ScriptedHttp;
use VaultServer;

use constant WAIT_SECONDS => 20;

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $json = JSON::PP->new->utf8;
my $s3 = S3Server->new('minio');
mkdir "$dir/tokens", 0700;

$vault->put('saas-project/dev/s3', $s3->secret);
$vault->put('saas-project/dev/tenants/acme/s3', { prefix => 'acme/' });
$vault->put('saas-project/dev/tenants/globex/s3', { access_key_id => 'globex-key', secret_access_key => 'globex-s3cret' });
$s3->client($s3->platform, [ put => 'shared', 'acme/mine' ], [ put => 'shared', 'globex/theirs' ]);

# Started in the background; returns { pid, variables: tenant => { URI, token file }, log }.
my $count = 0;
sub start
{
    my ($tenants, @options) = @_;
    my $name = "$dir/serve" . $count++;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        local %ENV = %{ $helper->env };
        open STDOUT, '>', "$name.out";
        open STDERR, '>', "$name.err";
        exec $helper->program, 'serve', '--token-dir', "$dir/tokens", @options, @{$tenants} or POSIX::_exit(127);
    }
    my $deadline = time + WAIT_SECONDS;
    my @lines;
    while (time < $deadline && @lines < 2 * @{$tenants}) {
        sleep 0.05;
        @lines = split /\n/, PostgreSQL::Test::Utils::slurp_file("$name.out");
    }
    my %variables = map { my $i = $_; ($tenants->[$i] => { map { split /=/, $_, 2 } @lines[ 2 * $i, 2 * $i + 1 ] }) } 0 .. $#{$tenants};
    return { pid => $pid, variables => \%variables, log => "$name.err" };
}

sub finish
{
    my ($serve, $signal) = @_;
    my $begin = time;
    kill $signal // 'TERM', $serve->{pid};
    waitpid $serve->{pid}, 0;
    return { status => $?, seconds => time - $begin };
}

sub token { my ($file) = @_; return PostgreSQL::Test::Utils::slurp_file($file); }

# Returns (status, decoded body).
sub ask
{
    my ($uri, $token, @options) = @_;
    my ($output, $errors) = ('', '');
    IPC::Run::run([ 'curl', '--silent', '--noproxy', '*', '--max-time', 20, '--write-out', "\n%{http_code}",
            (defined $token ? ('--header', "Authorization: $token") : ()), @options, $uri ], '<', \undef, '>', \$output, '2>', \$errors);
    my ($body, $status) = $output =~ /\A(.*)\n(\d+)\z/s;
    return ($status, $body =~ /^\{/ ? $json->decode($body) : $body);
}

my $serve = start([ 'acme', 'globex' ], '--listen', '127.0.0.1:0');
my %uri = map { $_ => $serve->{variables}{$_}{AWS_CONTAINER_CREDENTIALS_FULL_URI} } qw(acme globex);
my %file = map { $_ => $serve->{variables}{$_}{AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE} } qw(acme globex);
my %token = map { $_ => token($file{$_}) } qw(acme globex);

is((stat $file{acme})[2] & 0777, 0600, 'a token file is made, closed to others');
like($token{acme}, qr/^[0-9a-f]{64}$/, 'with 32 random bytes');
isnt($token{acme}, $token{globex}, 'another one for each tenant');

subtest 'boto3 takes its credentials from it' => sub {
    my $script = 'import boto3, os; s = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], region_name="us-east-1");'
      . 'print([o["Key"] for o in s.list_objects_v2(Bucket="shared", Prefix="acme/")["Contents"]])';
    my ($out, $err) = ('', '');
    local %ENV = (PATH => $ENV{PATH}, HOME => $dir, ENDPOINT => $s3->endpoint, %{ $serve->{variables}{acme} });
    IPC::Run::run([ $helper->top . '/build/tools/s3clients/bin/python', '-c', $script ], '<', \undef, '>', \$out, '2>', \$err);
    is($out, "['acme/mine']\n", 'and lists with them') or diag $err;
};

my ($status, $acme) = ask($uri{acme}, $token{acme});
is($status, 200, 'temporary keys');
like($acme->{Expiration}, qr/^\d{4}-.*Z$/, 'with their expiration');
ok(length $acme->{Token} > 100, 'and their token');
($status, my $globex) = ask($uri{globex}, $token{globex});
is($globex->{SecretAccessKey}, 'globex-s3cret', 'static keys');
like($globex->{Expiration}, qr/^\d{4}-.*Z$/, 'with an expiration, so that they are asked for again');

subtest 'who does not know the token gets nothing' => sub {
    my @cases = (
        [ 'no token', $uri{acme}, undef ], [ 'an empty one', $uri{acme}, '' ], [ 'a wrong one', $uri{acme}, 'x' x 64 ],
        [ 'its beginning', $uri{acme}, substr $token{acme}, 0, 63 ], [ 'more than it', $uri{acme}, "$token{acme}0" ],
        [ 'it twice', $uri{acme}, $token{acme} x 2 ], [ 'it as Bearer', $uri{acme}, "Bearer $token{acme}" ],
        [ "another tenant's", $uri{acme}, $token{globex} ], [ "one's own for another tenant", $uri{globex}, $token{acme} ],
        [ 'a tenant that is not served', $uri{acme} =~ s/acme$/initech/r, $token{acme} ],
        [ 'no tenant', $uri{acme} =~ s/acme$//r, $token{acme} ], [ 'more path', "$uri{acme}/", $token{acme} ]);
    for my $case (@cases) {
        my ($got, $body) = ask($case->[1], $case->[2]);
        is($got, 401, $case->[0]);
        unlike($json->encode($body), qr/s3cret|AccessKeyId/, '... and no key');
    }
    is((ask($uri{acme}, $token{acme}, '--request', 'POST'))[0], 405, 'nor who does not GET');
};

subtest 'one fetch serves all who ask at once, and those after' => sub {
    my $cold = start([ 'globex' ], '--listen', '127.0.0.1:0');
    my $mark = $vault->audit_mark;
    my $address = $cold->{variables}{globex}{AWS_CONTAINER_CREDENTIALS_FULL_URI};
    my ($output, $errors) = ('', '');
    IPC::Run::run([ 'curl', '--silent', '--noproxy', '*', '--parallel', '--parallel-immediate', '--parallel-max', 20, '--max-time', 20,
            '--header', "Authorization: $token{globex}", map { "$address?$_" } 1 .. 20 ], '<', \undef, '>', \$output, '2>', \$errors);
    is(scalar(() = $output =~ /globex-s3cret/g), 20, '20 answers');
    is($vault->audit_count(path => qr{tenants/globex/s3$}, since => $mark), 1, 'one read');
    is(finish($cold)->{status}, 0, 'ended by SIGTERM');
};

subtest 'SIGHUP: all files are read anew, nothing that runs is lost' => sub {
    $helper->write_file("$dir/address", $vault->address);
    my %approle = $vault->approle('helper');
    my $served = do {
        local $helper->{env} = { %{ $helper->env(VAULT_ADDR => undef, VAULT_TOKEN_FILE => undef) }, VAULT_ADDR_FILE => "$dir/address",
            VAULT_ROLE_ID_FILE => $approle{role_id_file}, VAULT_SECRET_ID_FILE => $approle{secret_id_file} };
        start([ 'globex' ], '--listen', '127.0.0.1:0');
    };
    my $address = $served->{variables}{globex}{AWS_CONTAINER_CREDENTIALS_FULL_URI};
    my $read_anew = sub {
        my ($times) = @_;
        my $until = time + WAIT_SECONDS;
        sleep 0.05 while time < $until && (() = token($served->{log}) =~ /read anew/g) < $times;
        return;
    };
    is((ask($address, $token{globex}))[1]{SecretAccessKey}, 'globex-s3cret', 'before');
    $vault->put('saas-project/dev/tenants/globex/s3', { access_key_id => 'globex-key', secret_access_key => 'rotated' });
    is((ask($address, $token{globex}))[1]{SecretAccessKey}, 'globex-s3cret', 'a rotated key: the cached one');
    kill 'HUP', $served->{pid};
    $read_anew->(1);
    is((ask($address, $token{globex}))[1]{SecretAccessKey}, 'rotated', 'SIGHUP: the new one');
    $helper->write_file("$dir/tokens/globex", 'another-token-of-globex');
    kill 'HUP', $served->{pid};
    $read_anew->(2);
    is((ask($address, $token{globex}))[0], 401, 'another token in --token-dir: the old one is refused');
    is((ask($address, 'another-token-of-globex'))[0], 200, 'the new one opens');
    $helper->write_file("$dir/tokens/globex", $token{globex});
    $helper->write_file("$dir/address", 'http://127.0.0.1:1');
    kill 'HUP', $served->{pid};
    $read_anew->(3);
    $vault->put('saas-project/dev/tenants/globex/s3', { access_key_id => 'globex-key', secret_access_key => 'globex-s3cret' });
    is((ask($address, $token{globex}))[1]{SecretAccessKey}, 'rotated', 'an address where nobody answers: what is cached');
    $helper->write_file("$dir/address", 'nonsense');
    kill 'HUP', $served->{pid};
    $read_anew->(4);
    like(token($served->{log}), qr/VAULT_ADDR_FILE/, 'a wrong setting is said');
    $helper->write_file("$dir/address", $vault->address);
    kill 'HUP', $served->{pid};
    $read_anew->(5);
    is((ask($address, $token{globex}))[1]{SecretAccessKey}, 'globex-s3cret', 'the right address again');
    is(finish($served)->{status}, 0, 'and SIGTERM ends it');
    is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'its tokens are revoked');
};

subtest 'an outage of Vault does not end what is cached' => sub {
    $vault->stop;
    is((ask($uri{acme}, $token{acme}))[1]{AccessKeyId}, $acme->{AccessKeyId}, 'the same keys');
    my $cold = start([ 'acme' ], '--listen', '127.0.0.1:0');
    my ($got, $body) = ask($cold->{variables}{acme}{AWS_CONTAINER_CREDENTIALS_FULL_URI}, $token{acme});
    is($got, 503, 'nothing cached: try again');
    is($body->{code}, 'NoCredentials', 'and why');
    my $end = finish($cold);
    cmp_ok($end->{seconds}, '<', 5, 'it ends all the same');
    $vault->start;
};

subtest 'who is being answered when it is told to end, gets the answer' => sub {
    my $slow = ScriptedHttp->new(default => sub {
            sleep 2;
            $_[0]->json_text(200, '{"data":{"data":{"access_key_id":"late","secret_access_key":"answer"},"metadata":{"version":1,"created_time":"2026-01-01T00:00:00Z"}}}');
        });
    my $served = do {
        local $helper->{env} = { %{ $helper->env }, VAULT_ADDR => $slow->address };
        start([ 'globex' ], '--listen', '127.0.0.1:0');
    };
    my $address = $served->{variables}{globex}{AWS_CONTAINER_CREDENTIALS_FULL_URI};
    my $output = '';
    my $asking = IPC::Run::start([ 'curl', '--silent', '--noproxy', '*', '--max-time', 20, '--header', "Authorization: $token{globex}", $address ],
        '<', \undef, '>', \$output);
    my $until = time + WAIT_SECONDS;
    sleep 0.05 until $slow->requests > 0 || time > $until;
    kill 'TERM', $served->{pid};
    $asking->finish;
    like($output, qr/"AccessKeyId":"late"/, 'the keys');
    waitpid $served->{pid}, 0;
    is($?, 0, 'and it has ended');
    $slow->stop;
};

my $end = finish($serve, 'INT');
is($end->{status}, 0, 'SIGINT ends it with status 0');
cmp_ok($end->{seconds}, '<', 5, 'soon');
unlike(token($serve->{log}), qr/s3cret|$token{acme}/, 'nothing secret was logged');
is((ask($uri{acme}, $token{acme}))[0], '000', 'and nobody listens any more');

subtest 'on a Unix socket' => sub {
    my $unix = start([ 'globex' ], '--listen', "$dir/socket");
    is((stat "$dir/socket")[2] & 0777, 0600, 'closed to others');
    is((ask('http://localhost/credentials/globex', $token{globex}, '--unix-socket', "$dir/socket"))[1]{AccessKeyId}, 'globex-key', 'keys');
    kill 'KILL', $unix->{pid};
    waitpid $unix->{pid}, 0;
    $unix = start([ 'globex' ], '--listen', "$dir/socket");
    is((ask('http://localhost/credentials/globex', $token{globex}, '--unix-socket', "$dir/socket"))[0], 200, 'one left behind is replaced');
    finish($unix);
    ok(!-e "$dir/socket", 'and removed at the end');
};

# fails(name, status, qr/message/, arguments...)
sub fails
{
    my ($name, $want, $message, @arguments) = @_;
    my $run = $helper->run('serve', @arguments);
    is($run->{status}, $want, "$name: status $want");
    like($run->{stderr}, $message, "$name: says why");
    return;
}
my @tokens = ('--token-dir', "$dir/tokens");
fails('any address', 2, qr/on loopback only/, @tokens, '--listen', $_, 'acme') for '0.0.0.0:0', '[::]:0', '192.0.2.1:80';
fails('no address', 2, qr/no address with a port/, @tokens, '--listen', $_, 'acme') for 'localhost:80', '127.0.0.1', ':80', '127.0.0.1:x', '::1:80', '127.0.0.1:99999';
fails('no token folder', 2, qr/--token-dir/, 'acme');
fails('a folder that is not there', 2, qr/cannot make token file/, '--token-dir', '/nonexistent', 'acme');
fails('no tenant', 2, qr/missing: "TENANT/, @tokens);
fails('what is no tenant', 2, qr/tenant/, @tokens, '../acme');
$helper->write_file("$dir/tokens/weak", 'short');
chmod 0600, "$dir/tokens/weak";
fails('a short token', 2, qr/less than 16/, @tokens, 'weak');
chmod 0644, "$dir/tokens/globex";
fails('a token that others can read', 2, qr/open to others/, @tokens, 'globex');

done_testing();
