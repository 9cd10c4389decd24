# docker/bootstrap, as a process against real Vaults: what it makes, that a second run changes
# nothing, that two at once agree, that one which was interrupted is finished by the next, what each
# option does, and how it ends where Vault is sealed, not initialised, a standby or not there.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Bootstrap;
use VaultServer;

my @consumers = qw(app worker postgres minio provisioner);
my $vault = VaultServer->new('vault', mounted => 0);
my $bootstrap = Bootstrap->new($vault);
my $folder = $bootstrap->dir . '/credentials';

sub role { my ($name) = @_; return $vault->api(GET => "auth/approle/role/$name")->{body}{data}; }
sub secret { my ($path) = @_; return $vault->api(GET => "secret/data/saas-project/dev/$path")->{body}{data}; }
sub secret_ids { my ($role) = @_; return $vault->api(LIST => "auth/approle/role/$role/secret-id", undef, may_fail => 1)->{body}{data}{keys} // []; }
sub env_file { return PostgreSQL::Test::Utils::slurp_file($bootstrap->dir . '/env.vault'); }
sub looked_up
{
    my ($role, $consumer) = @_;
    return $vault->api(POST => "auth/approle/role/$role/secret-id-accessor/lookup",
        { secret_id_accessor => $bootstrap->file($consumer, 'secret_id_accessor') })->{body}{data};
}

### An empty Vault

my $run = $bootstrap->run;
is($run->{status}, 0, 'an empty Vault is made ready') or BAIL_OUT($run->{stderr});
is($run->{stderr}, '', 'without a word of complaint');
is($vault->api(GET => 'sys/mounts')->{body}{data}{'secret/'}{options}{version}, '2', 'secret/ is KV version 2');
is(role('saas-app-role')->{token_ttl}, 3600, 'saas-app-role: tokens of 1 h');
is(role('saas-app-role')->{token_max_ttl}, 4 * 3600, 'and of 4 h at most');
is(role('saas-postgres-role')->{token_period}, 3600, 'saas-postgres-role: a periodic token');
is_deeply(role('saas-postgres-role')->{secret_id_bound_cidrs}, ['127.0.0.1/32'], 'its secret_id is bound to addresses');
is_deeply(role('saas-postgres-role')->{token_bound_cidrs}, ['127.0.0.1'], 'and its tokens');
is(role("saas-$_-role")->{secret_id_num_uses}, 0, "saas-$_-role: a secret_id of many uses") for qw(app postgres minio provisioner);
ok($vault->api(GET => 'sys/auth/approle/tune')->{body}{data}{user_lockout_disable}, 'no lock-out: the documented choice');

for my $consumer (@consumers) {
    is($bootstrap->login($vault, $consumer)->{status}, 200, "$consumer: its files log in");
    for my $name (qw(role_id secret_id secret_id_accessor)) {
        is((stat "$folder/$consumer/$name")[2] & 07777, 0400, "$consumer/$name: for its reader only");
    }
}
isnt($bootstrap->file('app', 'secret_id'), $bootstrap->file('worker', 'secret_id'), 'each has a secret_id of its own');
is((stat $bootstrap->dir . '/env.vault')[2] & 07777, 0600, '.env.vault: for its owner only');
like(env_file(), qr/^VAULT_ROLE_ID=\S+$/m, '.env.vault: the role_id');
like(env_file(), qr/^VAULT_SECRET_ID=\S+$/m, '.env.vault: the secret_id');

my $main_url = secret('database')->{data}{main_url};
my $password = secret('tenants/platform/database')->{data}{password};
like($main_url, qr/^postgresql:\/\/platform:\Q$password\E@/, 'the platform user has one password');
my %seeded = map { $_ => secret($_) } qw(database jwt s3 minio tenants/platform/database);
my @values = map { @{$_}{ grep { /password|secret/ } keys %{$_} } } map { $_->{data} } values %seeded;
is(scalar @values, 4, 'the seeded passwords and keys');
ok((!grep { length $_ < 32 } @values), 'are long');
my %different = map { $_ => 1 } @values;
is(scalar keys %different, 4, 'and different');

sub unwanted_in
{
    my ($text) = @_;
    my @secret = (@values, $vault->root_token, map { $bootstrap->file($_, 'secret_id') } @consumers);
    return grep { index($text, $_) >= 0 } @secret;
}
is(scalar unwanted_in($run->{stdout} . $run->{stderr}), 0, 'it says no secret');
# A test login's secret_id is spent: what is left are those that were handed out.
is(scalar @{ secret_ids('saas-app-role') }, 3, 'saas-app-role: secret_ids of app, worker and people');
is(scalar @{ secret_ids('saas-minio-role') }, 1, 'saas-minio-role: that of minio');

### Again

my %before = map { $_ => join ' ', map { $_ // 'none' } $bootstrap->file($_, 'role_id'), $bootstrap->file($_, 'secret_id') } @consumers;
my $env_before = env_file();
my $counted = @{ secret_ids('saas-app-role') };
$run = $bootstrap->run;
is($run->{status}, 0, 'a second run') or diag $run->{stderr};
for my $consumer (@consumers) {
    is(join(' ', $bootstrap->file($consumer, 'role_id'), $bootstrap->file($consumer, 'secret_id')), $before{$consumer},
        "$consumer: keeps its credentials");
}
is(env_file(), $env_before, '.env.vault: stays');
is(scalar @{ secret_ids('saas-app-role') }, $counted, 'no secret_id more');
is_deeply(secret($_)->{metadata}{version}, 1, "$_: is not written again") for sort keys %seeded;

$vault->put('saas-project/dev/jwt', { secret_key => 'chosen by hand', access_token_expires => '60' });
$vault->delete_version('saas-project/dev/s3');
$run = $bootstrap->run;
is($run->{status}, 0, 'a run over a changed and a deleted secret') or diag $run->{stderr};
is(secret('jwt')->{data}{secret_key}, 'chosen by hand', 'what somebody wrote stays');
is($vault->api(GET => 'secret/data/saas-project/dev/s3', undef, may_fail => 1)->{status}, 404, 'what somebody deleted stays so');

### A secret_id that is gone

my $mark = $vault->audit_mark;
$vault->api(POST => 'auth/approle/role/saas-app-role/secret-id-accessor/destroy',
    { secret_id_accessor => $bootstrap->file('app', 'secret_id_accessor') });
$run = $bootstrap->run;
is($run->{status}, 0, 'a run after a secret_id was destroyed') or diag $run->{stderr};
is($bootstrap->login($vault, 'app')->{status}, 200, 'app: has a new one');
is($bootstrap->file('worker', 'secret_id'), (split ' ', $before{worker})[1], 'worker: keeps its own');
# Each role's test login is one, and ours above is another: no secret_id was tried.
is($vault->audit_count(path => 'auth/approle/login', since => $mark), 5, 'it was looked up, not tried');

# Killed between the secret_id and its accessor.
my $write = 'import sys; sys.path.insert(0, sys.argv[1]); from vault_bootstrap import credentials as c; real = c.write_whole
c.write_whole = lambda path, *rest: real(path, *rest) if not path.endswith("accessor") else sys.exit(9)
c.ConsumerFolder(sys.argv[2], "app", None).write(dict(role_id="r", secret_id="s", secret_id_accessor="a", wrapped=False), None)';
IPC::Run::run([ 'python3', '-B', '-c', $write, $Bootstrap::PROGRAM =~ s{/bootstrap$}{}r, $folder ]);
is($bootstrap->file('app', 'secret_id'), 's', 'a write that ends after the secret_id');
is($bootstrap->file('app', 'secret_id_accessor'), undef, 'leaves no accessor, not the one before');
is($bootstrap->run->{status}, 0, 'a run after it');
is($bootstrap->login($vault, 'app')->{status}, 200, 'app: has a new secret_id');
is(looked_up('saas-app-role', 'app')->{secret_id_num_uses}, 0, 'whose accessor is known');

SKIP: {
    skip 'only root gives files away', 2 if $> != 0;
    my $other = getpwnam('nobody');
    unlink "$folder/app/secret_id";
    is($bootstrap->run('--consumer', "app=$other:$other", '--consumer', 'worker')->{status}, 0, 'an owner is given');
    is((stat "$folder/app/$_")[4], $other, "app/$_: belongs to it") for qw(secret_id);
}
symlink '/etc/hostname', "$folder/worker/link";
unlink "$folder/worker/secret_id_accessor";
symlink '/etc/hostname', "$folder/worker/secret_id_accessor";
$run = $bootstrap->run;
is($run->{status}, 2, 'a link in place of a file is refused, not followed');
unlink "$folder/worker/secret_id_accessor", "$folder/worker/link";
IPC::Run::run([ 'mkfifo', "$folder/worker/secret_id_accessor" ]);
unlink "$folder/postgres/secret_id";
refuses('a pipe in place of a file', 2, qr{worker/secret_id_accessor: is no file}, $bootstrap);
is($bootstrap->login($vault, 'postgres')->{status}, 200, '... which does not keep the others from theirs');
unlink "$folder/worker/secret_id_accessor";
IPC::Run::run([ 'truncate', '--size=1G', "$folder/worker/secret_id_accessor" ]);
refuses('a file without end', 2, qr/more than 65536 bytes/, $bootstrap);
unlink "$folder/worker/secret_id_accessor";
is($bootstrap->run->{status}, 0, 'and without it all is well');

### Options

my $many_uses = $bootstrap->file('app', 'secret_id_accessor');
is($bootstrap->run('--single-use')->{status}, 0, '--single-use');
is(looked_up('saas-app-role', 'app')->{secret_id_num_uses}, 1, 'app: its secret_id of many uses is replaced');
ok(!(grep { $_ eq $many_uses } @{ secret_ids('saas-app-role') }), 'and ended');
is(role('saas-app-role')->{secret_id_num_uses}, 1, 'a secret_id of the application is good for one login');
is(role('saas-postgres-role')->{secret_id_num_uses}, 0, 'but a database must be able to restart');
is($bootstrap->login($vault, 'app')->{status}, 200, 'app: logs in once');
is($bootstrap->login($vault, 'app')->{status}, 400, 'and not again');
is($bootstrap->run('--single-use')->{status}, 0, 'the next run finds the spent secret_id gone');
is($bootstrap->login($vault, 'app')->{status}, 200, 'and has minted another');
is($bootstrap->run->{status}, 0, 'back to many uses');
is(role('saas-app-role')->{secret_id_num_uses}, 0, 'as the role says');
is(looked_up('saas-app-role', 'app')->{secret_id_num_uses}, 0, 'and as app has it');

is($bootstrap->run('--lockout', 'on')->{status}, 0, '--lockout on');
ok(!$vault->api(GET => 'sys/auth/approle/tune')->{body}{data}{user_lockout_disable}, 'leaves Vault its lock-out');
is($bootstrap->run('--provisioning')->{status}, 0, '--provisioning');
is_deeply(role('saas-postgres-role')->{token_policies}, [ 'saas-postgres-policy', 'saas-provisioner-policy' ],
    'lets the database write tenants');
is($bootstrap->run({ env => { SAAS_BOOTSTRAP_OPTIONS => '--provisioning --lockout=off' } })->{status}, 0,
    'options from the environment');
is(scalar @{ role('saas-postgres-role')->{token_policies} }, 2, 'count as well');

unlink "$folder/app/secret_id";
is($bootstrap->run('--wrap')->{status}, 0, '--wrap');
my $wrapped = $bootstrap->file('app', 'secret_id');
my $seen = $vault->api(POST => 'sys/wrapping/lookup', { token => $wrapped }, token => '')->{body}{data};
is($seen->{creation_path}, 'auth/approle/role/saas-app-role/secret-id', 'app: a wrapping token of its own path');
like(env_file(), qr/^VAULT_SECRET_ID_WRAPPED=true$/m, '.env.vault: says that it is one');
is($bootstrap->run('--wrap')->{status}, 0, 'a second run');
is($bootstrap->file('app', 'secret_id'), $wrapped, 'leaves one that nobody has opened yet');
my $opened = $vault->api(POST => 'sys/wrapping/unwrap', undef, token => $wrapped)->{body}{data};
is("$opened->{secret_id_accessor} wrapped", $bootstrap->file('app', 'secret_id_accessor'), 'opened: the secret_id whose accessor is kept');
is($bootstrap->run('--wrap')->{status}, 0, 'a run after it was opened');
isnt($bootstrap->file('app', 'secret_id'), $wrapped, 'has made another');
is($bootstrap->run->{status}, 0, 'a run without --wrap');
is($bootstrap->login($vault, 'app')->{status}, 200, 'gives a secret_id again');
unlike(env_file(), qr/WRAPPED/, 'and .env.vault is plain again');

is($bootstrap->run({ env => { VAULT_ENVIRONMENT => 'staging' } })->{status}, 0, 'another environment, by any name');
is(role('saas-app-role-staging')->{token_policies}[0], 'saas-app-policy-staging', 'has roles of its own');
is($vault->api(GET => 'secret/data/saas-project/staging/jwt', undef, may_fail => 1)->{status}, 404, 'and nothing is seeded there');

### With a token that may hand out credentials, and nothing else

$vault->put_policy('hand-out', join '', map { qq{path "auth/approle/role/saas-app-role$_->[0]" { capabilities = ["$_->[1]"] }\n} }
      [ '', 'read' ], [ '/role-id', 'read' ], map { [ $_, 'update' ] } '/secret-id', '/secret-id-accessor/lookup', '/secret-id-accessor/destroy');
my %lesser = (env => { VAULT_TOKEN_FILE => $vault->credential_file('hand_out', $vault->mint_token(policies => ['hand-out'])) });
unlink "$folder/app/secret_id";
is($bootstrap->run('--hand-out-only', '--consumer', 'app', '--no-env-file', \%lesser)->{status}, 0, '--hand-out-only');
is($bootstrap->login($vault, 'app')->{status}, 200, 'app: has a new secret_id');
is($bootstrap->run('--hand-out-only', '--consumer', 'postgres', '--no-env-file', \%lesser)->{status}, 4, 'of another role it hands out none');
is($bootstrap->run('--consumer', 'app', '--no-env-file', \%lesser)->{status}, 4, 'and more than that takes an administrator');

### Where the database's logins may come from

my $cidrs = sub { role('saas-postgres-role')->{secret_id_bound_cidrs} };
is($bootstrap->run({ env => { SAAS_POSTGRES_CIDRS => '127.0.0.1/32,10.20.0.0/16' } })->{status}, 0, 'SAAS_POSTGRES_CIDRS');
is_deeply($cidrs->(), [ '127.0.0.1/32', '10.20.0.0/16' ], 'is what its secret_ids are bound to');
is($bootstrap->run('--consumer', 'app')->{status}, 0, 'a run for another consumer, which does not say it');
is_deeply($cidrs->(), [ '127.0.0.1/32', '10.20.0.0/16' ], 'leaves it so');

### Production

my %endless = map { $_ => $bootstrap->file($_, 'secret_id_accessor') } qw(app worker);
is($bootstrap->run('--production')->{status}, 0, '--production, with an audit device');
is(role('saas-app-role')->{secret_id_ttl}, 24 * 3600, 'secret_ids live for 24 h');
for my $consumer (qw(app worker)) {
    is(looked_up('saas-app-role', $consumer)->{secret_id_ttl}, 24 * 3600, "$consumer: its secret_id does");
    ok(!(grep { $_ eq $endless{$consumer} } @{ secret_ids('saas-app-role') }), "$consumer: the one before, without end, is ended");
}
$run = $bootstrap->run('--production');
like($run->{stdout}, qr{credentials/app: its secret_id of saas-app-role is good}, 'which the next run leaves');
$vault->api(POST => 'auth/approle/role/saas-app-role', { secret_id_ttl => '4s' });
unlink "$folder/app/secret_id";
my $short = $vault->mint_secret_id('saas-app-role', ttl => '4s');
$vault->api(POST => 'auth/approle/role/saas-app-role', { secret_id_ttl => '24h' });
my $accessor = $vault->api(POST => 'auth/approle/role/saas-app-role/secret-id/lookup', { secret_id => $short })->{body}{data}{secret_id_accessor};
for my $pair ([ secret_id => $short ], [ secret_id_accessor => $accessor ]) {
    unlink "$folder/app/$pair->[0]";
    open my $out, '>', "$folder/app/$pair->[0]" or die "$pair->[0]: $!";
    print {$out} $pair->[1];
    close $out;
}
sleep 2.2;    # over half of its life
is($bootstrap->run('--production')->{status}, 0, 'a run while a secret_id is in the second half of its life');
isnt($bootstrap->file('app', 'secret_id'), $short, 'replaces it before it ends');

# Vault writes times in its own zone: half a life early or late would be an outage, or none at all.
for my $zone (qw(Z +13:00 -11:00)) {
    my $python = 'import sys; sys.path.insert(0, sys.argv[1]); from vault_bootstrap.credentials import seconds; print(int(seconds(sys.argv[2])))';
    my %text = (Z => '2026-11-27T23:20:40.200333781Z', '+13:00' => '2026-11-28T12:20:40.2+13:00', '-11:00' => '2026-11-27T12:20:40-11:00');
    IPC::Run::run([ 'python3', '-B', '-c', $python, $Bootstrap::PROGRAM =~ s{/bootstrap$}{}r, $text{$zone} ], '>', \my $found);
    is($found, "1795821640\n", "the end of a secret_id, from a server whose time zone is $zone");
}

# HashiCorp's Vault takes the device by its API.
my $silent = VaultServer->new('silent', mounted => 0, audit => 0);
my ($stdin, $port) = ('', '');
my $front = IPC::Run::start([ 'python3', $Bootstrap::PROGRAM =~ s{docker/bootstrap$}{tests/docker/lib/audit_front.py}r,
        $silent->address ], '<', \$stdin, '>', \$port, IPC::Run::timeout(120));
$front->pump until $port =~ /\n/;
chomp $port;
my $hashicorp = Bootstrap->new($vault, VAULT_ADDR => "http://127.0.0.1:$port",
    VAULT_TOKEN_FILE => $silent->credential_file('token', $silent->root_token));
$run = $hashicorp->run('--production', '--audit-file', '/var/log/vault.log');
is($run->{status}, 0, '--production on a server that takes an audit device by its API') or diag $run->{stderr};
like($run->{stdout}, qr{^audit: file/$}m, 'switches one on');
is($hashicorp->run('--production')->{status}, 0, 'and is content with it the next time');
$front->kill_kill;

### Two at once, and one that is interrupted

sub agree
{
    my ($what, $server, @bootstraps) = @_;
    my @runs = map { $_->start } @bootstraps;
    my @ended = map { $bootstraps[$_]->finish($runs[$_]) } 0 .. $#runs;
    is($ended[$_]{status}, 0, "$what: run $_") or diag $ended[$_]{stderr} for 0 .. $#ended;
    for my $one (@bootstraps) {
        is($one->login($server, $_)->{status}, 200, "$what: $_ logs in") for @consumers;
    }
    return;
}
my $fresh = VaultServer->new('fresh', mounted => 0);
my @three = map { Bootstrap->new($fresh) } 1 .. 3;
agree('three at once on an empty Vault, each with its own folder', $fresh, @three);
my $url = $fresh->api(GET => 'secret/data/saas-project/dev/database')->{body}{data}{data}{main_url};
my $seeded = $fresh->api(GET => 'secret/data/saas-project/dev/tenants/platform/database')->{body}{data}{data}{password};
like($url, qr/:\Q$seeded\E@/, 'and the two places of the password agree');
my $shared = Bootstrap->new($fresh);
agree('two at once with the same folder', $fresh, $shared, $shared);
is(scalar @{ $fresh->api(LIST => 'auth/approle/role/saas-minio-role/secret-id')->{body}{data}{keys} }, 4,
    'which have made one secret_id for each consumer, not two');

my $torn = VaultServer->new('torn', mounted => 0);
my $interrupted = Bootstrap->new($torn);
my %ended;
for my $signal (qw(TERM KILL INT KILL TERM KILL KILL TERM)) {
    my $one = $interrupted->start;
    sleep 0.12 + 0.09 * keys %ended;
    $one->{harness}->signal($signal);
    $ended{ keys(%ended) . $signal } = $interrupted->finish($one)->{status};
}
ok((grep { $_ >= 128 } values %ended) >= 2, 'runs ended by signals at different moments: ' . join ' ', map { "$_ $ended{$_}" } sort keys %ended);
agree('the next one finishes', $torn, $interrupted);
opendir my $listing, $interrupted->dir . '/credentials/app' or die $!;
is_deeply([ sort grep { !/^\./ } readdir $listing ], [qw(role_id secret_id secret_id_accessor)], 'with whole files');

my $deterministic = VaultServer->new('first', mounted => 0, audit => 0);
my $again = VaultServer->new('second', mounted => 0, audit => 0);
is(Bootstrap->new($_, SAAS_DEV_SEED => 'a seed')->run->{status}, 0, 'a dev server with a seed') for $deterministic, $again;
is_deeply($deterministic->api(GET => "secret/data/saas-project/dev/$_")->{body}{data}{data},
    $again->api(GET => "secret/data/saas-project/dev/$_")->{body}{data}{data}, "$_: the same after all was forgotten")
  for qw(database jwt s3 minio);

### What it refuses

sub refuses
{
    my ($what, $status, $words, $who, @arguments) = @_;
    my $refused = $who->run(@arguments);
    is($refused->{status}, $status, "$what: exit status $status") or diag $refused->{stdout};
    like($refused->{stderr}, qr/\Abootstrap: .*$words|$words/s, "$what: says why");
    return;
}
refuses('a wrong option', 2, qr/unrecognized arguments/, $bootstrap, '--nonsense');
refuses('an unknown consumer', 2, qr/app, worker/, $bootstrap, '--consumer', 'stranger');
refuses('no token', 2, qr/VAULT_TOKEN or VAULT_TOKEN_FILE/, $bootstrap, { env => { VAULT_TOKEN_FILE => undef } });
refuses('a token file that is not there', 2, qr/No such file/, $bootstrap, { env => { VAULT_TOKEN_FILE => '/nowhere' } });
for my $token ("hvs.secretword\nhvs.other", "hvs.secretword other", "hvs.secretword\r\n") {
    my $told = $bootstrap->run({ env => { VAULT_TOKEN_FILE => undef, VAULT_TOKEN => $token } });
    is($told->{status}, 2, 'a token that is none: refused');
    unlike($told->{stderr}, qr/secretword/, 'and not quoted');
}
refuses('a port that is none', 2, qr/VAULT_ADDR/, $bootstrap, { env => { VAULT_ADDR => 'http://127.0.0.1:99999' } });
refuses('an authority that is not there', 2, qr/VAULT_CACERT/, $bootstrap, { env => { VAULT_CACERT => '/nowhere' } });
refuses('options with an open quote', 2, qr/SAAS_BOOTSTRAP_OPTIONS/, $bootstrap, { env => { SAAS_BOOTSTRAP_OPTIONS => "'" } });
refuses('an environment that is a path', 2, qr/VAULT_ENVIRONMENT/, $bootstrap, { env => { VAULT_ENVIRONMENT => '../prod' } });
refuses('a prefix that breaks out of the policy', 2, qr/VAULT_SECRET_PREFIX/, $bootstrap, { env => { VAULT_SECRET_PREFIX => 'a" {}' } });
refuses('an address with a password', 2, qr/VAULT_ADDR/, $bootstrap, { env => { VAULT_ADDR => 'http://me:secretword@h' } });
my $weak = $vault->mint_token;
refuses('a token that may not', 4, qr/403/, $bootstrap, { env => { VAULT_TOKEN_FILE => $vault->credential_file('weak', $weak) } });
refuses('a Vault that is not there', 3, qr/not reachable/, $bootstrap, '--wait', '0.2', { env => { VAULT_ADDR => 'http://127.0.0.1:1' } });
refuses('--production over plain HTTP', 2, qr/https/, $bootstrap, '--production', { env => { VAULT_ADDR => 'http://192.0.2.1:8200' } });
refuses('--production over plain HTTP, in capitals', 2, qr/https/, $bootstrap, '--production', { env => { VAULT_ADDR => 'HTTP://192.0.2.1:8200' } });
refuses('--production without audit on a server that takes none by its API', 2, qr/audit "file"/, Bootstrap->new($again), '--production');

my $old = VaultServer->new('old', mounted => 0, audit => 0);
$old->api(POST => 'sys/mounts/secret', { type => 'kv', options => { version => '1' } });
refuses('secret/ of KV version 1', 2, qr/version 2/, Bootstrap->new($old));

my $bare = VaultServer->new('bare', bare => 1, audit => 0);
refuses('a Vault that is not initialised', 3, qr/not initialised/, Bootstrap->new($bare));
$old->seal;
refuses('a sealed Vault', 3, qr/sealed/, Bootstrap->new($old));

### A cluster: what is written goes to its leader

my $leader = VaultServer->new('leader', tls => 1, mounted => 0);
my $standby = VaultServer->new('standby', join => $leader, tls => 1);
my $by_standby = Bootstrap->new($standby, VAULT_TOKEN_FILE => $leader->credential_file('t', $leader->root_token));
$run = $by_standby->run;
is($run->{status}, 0, 'a standby over TLS: it goes to the leader which that one names') or diag $run->{stderr};
is($by_standby->login($leader, 'app')->{status}, 200, 'where the credentials are good');
is($by_standby->run({ env => { VAULT_ADDR => join ',', $standby->address, $leader->address } })->{status}, 0,
    'several addresses: the leader among them');

my $plain_leader = VaultServer->new('plain_leader', mounted => 0);
my $plain_standby = VaultServer->new('plain_standby', join => $plain_leader);
my $plain = Bootstrap->new($plain_standby, VAULT_TOKEN_FILE => $plain_leader->credential_file('t', $plain_leader->root_token));
refuses('a standby over plain HTTP, with a leader that nobody listed', 3, qr/VAULT_ADDR does not list/, $plain, '--wait', '0.2');
is($plain->run({ env => { VAULT_ADDR => join ',', $plain_standby->address, $plain_leader->address } })->{status}, 0,
    'listed, it is gone to');
$plain_leader->kill9;
refuses('a standby whose leader is gone', 3, qr/leader/, $plain, '--wait', '0.5',
    { env => { VAULT_ADDR => join ',', $plain_standby->address, $plain_leader->address } });

### Nobody reads a secret off the process

my $watched = Bootstrap->new($vault);
my $under_way = $watched->start({ env => { SAAS_DEV_SEED => 'an-unguessable-seed' } });
my $shown = '';
for (1 .. 40) {
    $shown .= `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '`;
    sleep 0.01;
}
$watched->finish($under_way);
is((grep { index($shown, $_) >= 0 } $vault->root_token, 'an-unguessable-seed'), 0, 'no secret in a command line');

done_testing;
