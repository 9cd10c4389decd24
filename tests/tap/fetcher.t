# tenant-vault-fetcher by itself: the test is its keeper and speaks the frames.
#
#  1. answers: a tenant, a secret, a version, the list; names are refused without a request
#  2. the platform's template: read once for all, missing is remembered, renewed when asked for
#  3. settings: wrong ones are every fetch's answer; another scope is told apart
#  4. ping, cancel, deadline; a status that changes with what happens
#  5. a keeper that does not read
#  6. the process: environment, descriptors, core limit, nothing secret on standard error
#  7. writes: outcome and version, never a value; what is no write ends it
#  8. the end: end of file, SIGTERM, malformed frames, started by hand
use strict;
use warnings;

use FetcherProcess;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VaultServer;

# enum vc_code
use constant { OK => 0, CANCELLED => 3, BAD_NAME => 10, BAD_SETTING => 11, TIMEOUT => 21, NOT_FOUND => 51,
    VERSION_DELETED => 52, BAD_SECRET => 70, BAD_TEMPLATE => 71 };

my $vault = VaultServer->new('vault');
my %login = (address => $vault->address, $vault->approle('server'));
my $platform = 'secret/data/saas-project/dev/database';

sub start { return FetcherProcess->new->configure(%login, @_); }
sub requests { my ($mark) = @_; return $vault->audit_count(path => qr{^secret/}, since => $mark); }
sub platform_reads { my ($mark) = @_; return $vault->audit_count(path => $platform, since => $mark); }

$vault->put_template('postgresql://{username}:{password}@db.example:5433/{database_name}?sslmode=require');
$vault->put_tenant($_, { username => "${_}_app", password => "p\@ss of $_" }) for 'acme', map { "t$_" } 1 .. 50;

### 1

my $fetcher = start();
my $answer = $fetcher->ask(tenant => 'acme');
is($answer->{outcome}, OK, 'a tenant is answered') or diag explain $answer;
is($answer->{url}, 'postgresql://acme_app:p%40ss%20of%20acme@db.example:5433/acme?sslmode=require', 'with its URL');
is($answer->{conninfo}, "host=db.example port=5433 dbname=acme user=acme_app password='p\@ss of acme' sslmode=require",
    'its keyword string');
is_deeply([@$answer{qw(host port dbname username password sslmode)}],
    ['db.example', '5433', 'acme', 'acme_app', 'p@ss of acme', 'require'], 'each of its parts');
is($answer->{version}, 1, 'its version');
like($answer->{created_time}, qr/^\d{4}-\d\d-\d\dT/, 'when that was written');
like($answer->{request_id}, qr/^[0-9a-f-]{36}$/, "and Vault's request_id");

my $mark = $vault->audit_mark;
is($fetcher->ask(tenant => 't1')->{outcome}, OK, 'a cold tenant, the template known');
is(requests($mark), 1, 'costs one request');

$vault->put('saas-project/dev/jwt', { secret_key => 'one' });
$vault->put('saas-project/dev/jwt', { secret_key => 'two', nested => { a => [1, 'x'] } });
$answer = $fetcher->ask(secret => 'dev/jwt');
is_deeply(decode_json($answer->{data}), { secret_key => 'two', nested => { a => [1, 'x'] } }, "a secret's data");
is($answer->{version}, 2, 'of the newest version');
is(decode_json($fetcher->ask(secret => 'dev/jwt', version => 1)->{data})->{secret_key}, 'one', 'an older version');
is($fetcher->ask(secret => 'dev/nothing')->{outcome}, NOT_FOUND, 'a path where nothing is');
$vault->put('saas-project/dev/gone', { a => 'b' });
$vault->delete_version('saas-project/dev/gone');
is($fetcher->ask(secret => 'dev/gone')->{outcome}, VERSION_DELETED, 'a deleted version is told apart');

my %names = map { s{/$}{}r => 1 } @{ decode_json($fetcher->ask(list => '')->{data}) };
ok($names{acme} && $names{t50} && keys %names == 51, 'the list of tenants');

$mark = $vault->audit_mark;
for my $name ('../acme', 'Acme', '', 'a/b', '%2e%2e', "a\nb", "a\0b", 'x' x 64) {
    $answer = $fetcher->ask(tenant => $name);
    is($answer->{outcome}, BAD_NAME, 'refused as a tenant: ' . ($name =~ s/[^ -~]/?/gr));
}
is($fetcher->ask(secret => $_)->{outcome}, BAD_NAME, "refused as a path: $_") for '../x', '/x', 'a//b', 'a%2fb', 'x' x 513;
is($fetcher->ask(list => 'x')->{outcome}, BAD_NAME, 'a list with a name');
is(requests($mark), 0, 'without a request');

$answer = $fetcher->ask(tenant => 'nobody');
is($answer->{outcome}, NOT_FOUND, 'a tenant without the secret that the template needs');
like($answer->{message}, qr/"nobody"/, 'is named');
$vault->put_tenant('broken', { username => 'b', password => 12345678 });
$answer = $fetcher->ask(tenant => 'broken');
is($answer->{outcome}, BAD_SECRET, 'a password that is a number');
like($answer->{message}, qr/"password".*number/, 'is named by field and type');
unlike($answer->{message}, qr/12345678/, 'without its value');
$vault->put_tenant('dynamic', { credentials_path => 'database/creds/app' });
is($fetcher->ask(tenant => 'dynamic')->{outcome}, BAD_SECRET, 'dynamic credentials are refused as yet');
# Vault keeps 1 MiB, in which each of these is six bytes.
$vault->put('saas-project/dev/big', { a => "\x01" x 170_000 });
is(decode_json($fetcher->ask(secret => 'dev/big')->{data})->{a}, "\x01" x 170_000, 'the largest secret that Vault keeps');
is($vault->logins, 1, 'and all of it took one login');

### 2

$fetcher = start();
$mark = $vault->audit_mark;
my @ids = map { $fetcher->fetch(tenant => "t$_") } 1 .. 50;
is(scalar(grep { $fetcher->answer($_)->{outcome} == OK } @ids), 50, '50 first fetches at once');
is(platform_reads($mark), 1, 'share one read of the template');

$vault->put_template('postgresql://{username}:{password}@moved.example/{database_name}');
is($fetcher->ask(tenant => 'acme')->{host}, 'db.example', 'a template is kept');
is($fetcher->ask(tenant => 'acme', max_age => 0)->{host}, 'moved.example', 'unless the fetch wants it new');
is($fetcher->ask(tenant => 'acme')->{host}, 'moved.example', 'which serves the next as well');
$vault->put_template('postgresql://{username}:{password}@again.example/{database_name}');
$fetcher->configure(%login);
is($fetcher->ask(tenant => 'acme')->{host}, 'again.example', 'and settings make it new');

$fetcher->configure(%login, -cache_ttl => 300);
$fetcher->ask(tenant => 'acme');
$vault->put_template('postgresql://{username}:{password}@later.example/{database_name}');
sleep 0.4;
is($fetcher->ask(tenant => 'acme')->{host}, 'later.example', 'after cache_ttl it is read again');

$vault->delete_metadata('saas-project/dev/database');
$vault->put_tenant('alone', { username => 'a', password => 'b', host => 'own.example' });
$vault->put_tenant('url', { url => 'postgresql://u:p@own.example/x' });
$fetcher->configure(%login, -negative_ttl => 300);
$mark = $vault->audit_mark;
is($fetcher->ask(tenant => 'alone')->{host}, 'own.example', 'a tenant that needs no template') for 1 .. 3;
is(platform_reads($mark), 1, 'that it is missing is remembered');
sleep 0.4;
$fetcher->ask(tenant => 'alone');
is(platform_reads($mark), 2, 'for negative_ttl');
is($fetcher->ask(tenant => 'url')->{dbname}, 'x', 'a tenant with a url of its own');
$vault->put_template('postgresql://{user}@h/');
is($fetcher->ask(tenant => 'alone', max_age => 0)->{outcome}, BAD_TEMPLATE, 'a malformed template is said to be one');
$vault->put_template('postgresql://{username}:{password}@db.example:5433/{database_name}?sslmode=require');

### 3

$fetcher = FetcherProcess->new;
is($fetcher->ask(tenant => 'acme')->{outcome}, CANCELLED, 'a fetch before any settings');
$fetcher->configure(%login, nonsense => 'x');
$answer = $fetcher->ask(tenant => 'acme');
is($answer->{outcome}, BAD_SETTING, 'an unknown setting is the answer to a fetch');
like($answer->{message}, qr/nonsense/, 'by its name');
is($fetcher->wait_for_status(sub { $_[0]{error_code} })->{error_code}, BAD_SETTING, 'and stands in the status');
$fetcher->configure(address => '', auth_method => 'approle');
is($fetcher->ask(tenant => 'acme')->{outcome}, BAD_SETTING, 'settings that lack something');
$fetcher->configure(%login);
is($fetcher->ask(tenant => 'acme')->{outcome}, OK, 'once they are mended all is well');
$fetcher->wait_for_status(sub { !$_[0]{error_code} });
is($fetcher->status->{error_code}, undef, 'and the status says so');
is($fetcher->ask(tenant => 'acme', scope => 'other')->{outcome}, CANCELLED, 'a fetch of another scope');
$vault->freeze;
@ids = map { $fetcher->fetch(tenant => "t$_") } 1 .. 3;
$fetcher->ping;
$fetcher->configure(%login, -scope => 'new', environment => 'prod');
is($fetcher->answer($_)->{outcome}, CANCELLED, 'what was under way when the scope changed') for @ids;
$vault->thaw;
is($fetcher->ask(tenant => 'acme')->{outcome}, NOT_FOUND, 'the new environment has no such tenant');

### 4

$fetcher = start();
ok($fetcher->ping, 'a ping is answered');
$fetcher->ask(tenant => 'acme');
my $status = $fetcher->wait_for_status(sub { $_[0]{logged_in} });
is($status->{health}, 'active', "Vault's health");
is($status->{address}, $vault->address, 'its address');
ok($status->{token_ttl} > 3_500_000 && $status->{token_ttl} <= 3_600_000, "the token's time to live");
is($status->{logins}, 1, 'one login');
ok(grep(/logged in/, $fetcher->logs), 'is logged');
$vault->freeze;
my $began = time;
my $cancelled = $fetcher->fetch(tenant => 't1', timeout => 500);
my $waiting = $fetcher->fetch(tenant => 't2', timeout => 500, max_age => 0);
$fetcher->cancel($cancelled);
is($fetcher->answer($waiting)->{outcome}, TIMEOUT, 'a fetch whose time is up');
my $took = time - $began;
ok($took > 0.4 && $took < 1.5, "is answered then ($took s)");
$vault->thaw;
is($fetcher->ask(tenant => 't1', max_age => 0)->{outcome}, OK, 'and the next one is answered');
ok(!$fetcher->{answers}{$cancelled}, 'a fetch that was cancelled is not');
$vault->seal;
isnt($fetcher->ask(tenant => 't1')->{outcome}, OK, 'a sealed Vault');
is($fetcher->wait_for_status(sub { $_[0]{health} eq 'sealed' })->{health}, 'sealed', 'is told');
$vault->unseal;

### 5

sub resident_kb { my ($pid) = @_; return slurp_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0; }

$vault->put('saas-project/dev/large', { a => 'x' x 900_000 });
$fetcher = start();
$fetcher->ask(secret => 'dev/large');
@ids = $fetcher->fetch_times(200, secret => 'dev/large', timeout => 60_000);
sleep 2;
my $resident = resident_kb($fetcher->pid);
ok($resident < 100_000, "while nobody reads 180 MB of answers the fetcher stays small ($resident kB)");
is(scalar(grep { $fetcher->answer($_)->{outcome} == OK } @ids), 200, 'and all of them come once somebody does');

### 6

$fetcher = FetcherProcess->new(environment => { HTTP_PROXY => 'http://127.0.0.1:1', http_proxy => 'http://127.0.0.1:1',
    ALL_PROXY => 'http://127.0.0.1:1', PGPASSWORD => 'leaked', PGHOST => 'leaked', PGSERVICE => 'leaked', VAULT_TOKEN => 'leaked' });
$fetcher->configure(%login);
is($fetcher->ask(tenant => 'acme')->{host}, 'db.example', "the environment's proxy and libpq settings have no effect");
my $proc = '/proc/' . $fetcher->pid;
SKIP: {
    skip 'a process that cannot be inspected', 2 unless $> == 0;
    unlike(slurp_file("$proc/environ"), qr/[^\0]/, 'and are wiped');
    my $keeper = readlink "$proc/fd/3";
    is(scalar(grep { readlink eq $keeper } glob "$proc/fd/*"), 1, "descriptors of the parent's are closed");
}
like(slurp_file("$proc/limits"), qr/^Max core file size\s+0\s+0\s/m, 'no core is written');
isnt((stat "$proc/environ")[4], $>, 'nobody but root may look into it') unless $> == 0;
is($fetcher->standard_error, '', 'nothing on standard error');

### 7

$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);
$fetcher = start();
my $values = qr/password|scram_verifier|username|conninfo|url|data/;
my %written = map { $_ => $fetcher->answer($fetcher->write_tenant($_, 'made', username => 'made_app', host => 'h')) } 'create', 'rotate';
is_deeply($written{create}, { outcome => OK, version => 1, existed => 0 }, 'created: outcome and version, and nothing else');
is_deeply($written{rotate}, { outcome => OK, version => 2, existed => 0 }, 'rotated: the same');
is_deeply($fetcher->answer($fetcher->write_tenant(create => 'made', username => 'made_app')),
    { outcome => OK, version => 2, existed => 1 }, 'created again: it was there');
is($vault->tenant_secret('made')->{host}, 'h', '... with its fields');
$answer = $fetcher->answer($fetcher->write_tenant(create => 'made', username => 'another'));
is($answer->{outcome}, BAD_SECRET, 'created for somebody else: refused');
ok(!(grep { /$values/ } keys %$answer), '... without a value of what is there');
is($fetcher->answer($fetcher->write_tenant(rotate => 'never'))->{outcome}, NOT_FOUND, 'rotating what is not there');
is_deeply($fetcher->answer($fetcher->write_tenant(delete => 'made')), { outcome => OK, version => 2, existed => 0 }, 'deleted');
is_deeply($fetcher->answer($fetcher->write_tenant(delete => 'made')), { outcome => OK, existed => 0 }, 'deleted again: nothing was there');
is_deeply($fetcher->answer($fetcher->write_tenant(destroy => 'made')), { outcome => OK, existed => 0 }, 'destroyed');
is($vault->tenant_version('made'), 0, '... with all versions');
is($fetcher->answer($fetcher->write_tenant(create => 'x', username => 'x', scope => 'elsewhere'))->{outcome}, CANCELLED, 'another scope: nothing is written');
$mark = $vault->audit_mark;
is($fetcher->answer($fetcher->write_tenant(create => $_, username => 'x'))->{outcome}, BAD_NAME, "refused as a tenant: $_") for '../x', '', 'X';
is(requests($mark), 0, 'without a request');
$answer = $fetcher->answer($fetcher->write_tenant(create => 'many', username => 'x', iterations => 100_001));
is($answer->{outcome}, 59, 'more iterations than there may be: refused');
is($vault->tenant_version('many'), 0, '... and nothing is written');
is(scalar(grep { $_->{outcome} == OK } map { $fetcher->answer($_) } map { $fetcher->write_tenant(create => "w$_", username => "w$_") } 1 .. 100), 100,
    'a hundred writes at once, more than are taken on together');
my $change = $fetcher->write_tenant(rotate => 'w1');
$vault->freeze;
$change = $fetcher->write_tenant(rotate => 'w2', timeout => 500);
$answer = $fetcher->answer($change);
is($answer->{outcome}, TIMEOUT, 'a Vault that does not answer: the write ends in time');
$vault->thaw;
for my $bad ([write => 'no operation' => FetcherProcess::text(NAME => 'x')], [write => 'an operation that is none' => FetcherProcess::number(OPERATION => 1) . FetcherProcess::text(NAME => 'x')],
    [write => 'no name' => FetcherProcess::number(OPERATION => ord 'r')], [write => 'a creation without a user' => FetcherProcess::number(OPERATION => ord 'c') . FetcherProcess::text(NAME => 'x')],
    [write => 'a user with a NUL' => FetcherProcess::number(OPERATION => ord 'c') . FetcherProcess::text(NAME => 'x') . FetcherProcess::text(USERNAME => "a\0b")],
    [write => 'a salt that is too long' => FetcherProcess::number(OPERATION => ord 'r') . FetcherProcess::text(NAME => 'x') . FetcherProcess::text(SALT => 's' x 65)]) {
    my ($type, $what, $payload) = @$bad;
    $fetcher = start();
    $fetcher->send_bytes(FetcherProcess::frame($FetcherProcess::TYPE{$type}, 1, FetcherProcess::text(SCOPE => 'scope') . $payload));
    is($fetcher->wait_for_end, 2, "a write with $what: exit status 2");
}
$vault->put_policy('tenant_vault');

### 8

sub own_tokens { return scalar(my @tokens = $vault->accessors_by_login('auth/approle/login')); }

undef $fetcher;
my $before = own_tokens();
$fetcher = start();
$fetcher->ask(tenant => 'acme');
is(own_tokens(), $before + 1, 'a token lives');
$began = time;
is($fetcher->close, 0, 'end of the socket: exit status 0');
ok(time - $began < 1, 'within a second');
is(own_tokens(), $before, 'and the token is revoked');

$fetcher = start();
$fetcher->ask(tenant => 'acme');
kill 'TERM', $fetcher->pid;
is($fetcher->wait_for_end, 0, 'SIGTERM: exit status 0');
is(own_tokens(), $before, 'and the token is revoked');

$fetcher = start();
$fetcher->ask(tenant => 'acme');
kill $_, $fetcher->pid for qw(HUP INT PIPE USR1);
ok($fetcher->ping, 'other signals change nothing');
$vault->freeze;
$fetcher->fetch(tenant => 't9');
$began = time;
is($fetcher->close, 0, 'end of the socket while Vault does not answer: exit status 0');
ok(time - $began < 1.2, 'within a second as well');
$vault->thaw;

my %malformed = (
    'a version that is not ours' => pack('L C C S Q', 0, 4, 2, 0, 1),
    'a length beyond the bound' => pack('L C C S Q', (2 << 20) + 1, 4, 1, 0, 1),
    'a frame that only a fetcher sends' => FetcherProcess::frame(16, 1, ''),
    'a frame of an unknown type' => FetcherProcess::frame(99, 1, ''),
    'a field beyond its payload' => FetcherProcess::frame(4, 1, pack('C L', 3, 100) . 'abc'),
    'a fetch without a kind' => FetcherProcess::frame(2, 1, FetcherProcess::text(SCOPE => 'scope') . FetcherProcess::text(NAME => 'x')),
    'settings without a scope' => FetcherProcess::frame(1, 1, ''),
    'a setting without a value' => FetcherProcess::frame(1, 1,
        FetcherProcess::text(SCOPE => 'x') . FetcherProcess::text(SETTING_NAME => 'address')),
);
for my $what (sort keys %malformed) {
    $fetcher = start();
    $fetcher->send_bytes($malformed{$what});
    is($fetcher->wait_for_end, 2, "$what: exit status 2");
    like($fetcher->standard_error, qr/malformed frame/, 'and a line that says so');
}

my $output = `@{[FetcherProcess::program()]} 3</dev/null 2>&1`;
is($? >> 8, 2, 'started by hand: exit status 2');
like($output, qr/not by hand/, 'and a line that says so');

done_testing();
