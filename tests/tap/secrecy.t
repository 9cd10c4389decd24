# Where secrets must not show: looked for everywhere, in several spellings, after a run that used
# them in every way.
#
#  1. server log at its most talkative, with statements and plans; pg_stat_activity,
#     pg_stat_statements; EXPLAIN
#  2. arguments and environment of every process of the server's, the fetcher's too
#  3. the data directory
#  4. the core of a backend that never asked for a secret, forced by gdb by the kernel's rules for
#     a crash; a backend that did ask (named below) may hold what it asked for
#  5. no process of the server's but the fetcher maps libcurl, cJSON or libpq
use strict;
use warnings;

use AnswerChecks;
use IPC::Run;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my %secret = (
    password => 'Pw/9f2c@71b:d0e4 3a85',
    rotated => 'Rotated%61c8=e7f2',
    jwt => 'jwt-signing-key-5b2d90aa',
    malformed => 'malformed-0c4e88d1');
my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://{username}:{password}@db.example/{tenant}');
$vault->put_tenant('acme', { username => 'acme_app', password => $secret{password} });
$vault->put_tenant('odd', { username => 'u', password => 'x', sslmod => $secret{malformed} });
$vault->put('saas-project/dev/jwt', { secret_key => $secret{jwt} });

my %approle = $vault->approle('server');
# Contrib modules that see statements and plans, where there are any.
chomp(my $library_folder = qx{pg_config --pkglibdir});
my @watchers = grep { -e "$library_folder/$_.so" } 'pg_stat_statements', 'auto_explain';
diag 'left out, because this PostgreSQL has no contrib: pg_stat_statements, auto_explain'
    unless @watchers;
my $has_statements = grep { $_ eq 'pg_stat_statements' } @watchers;
my $store = PostgreSQL::Test::Utils::tempdir('store') . '/token';
my $node = TenantVaultNode->create(
    'main',
    vault => $vault,
    preload => join(', ', @watchers, 'tenant_vault'),
    start => 0,
    settings => { %approle, token_store => $store, cache_ttl => '2s' });
$node->append_conf(
    'postgresql.conf',
    join "\n",
    'log_min_messages = debug5',
    'log_statement = all',
    'log_min_error_statement = debug5',
    'log_error_verbosity = verbose',
    'log_parser_stats = off',
    'debug_print_plan = on',
    'auto_explain.log_min_duration = 0',
    'auto_explain.log_analyze = on',
    'auto_explain.log_verbose = on',
    'auto_explain.log_nested_statements = on',
    'log_connections = on',
    'log_disconnections = on',
    'track_activity_query_size = 100kB');
# What the backend that never asks has inherited: nothing, for it is older than the first question.
$node->start;
my $innocent = $node->background_psql('postgres');
my $innocent_pid = $innocent->query_safe('SELECT pg_backend_pid()');
$node->value('CREATE EXTENSION tenant_vault');
$node->value('CREATE EXTENSION pg_stat_statements') if $has_statements;

### The run

my $asker = $node->background_psql('postgres', on_error_stop => 0);
is($asker->query(q{SELECT password FROM tenant_vault.credentials('acme')}),
    $secret{password}, 'a session that asks gets the password');
my $asker_pid = $asker->query('SELECT pg_backend_pid()');
$asker->query(
    q{SELECT length(tenant_vault.conninfo('acme')), length(tenant_vault.database_url('acme'))});
$asker->query(
    q{SELECT length(tenant_vault.secret('dev/jwt')::text), length(tenant_vault.secret_value('dev/jwt', 'secret_key'))}
);
$asker->query(q{SELECT tenant_vault.conninfo('odd')});
$asker->query(q{SELECT tenant_vault.secret_value('dev/jwt', 'missing')});
$asker->query(q{EXPLAIN (ANALYZE, VERBOSE) SELECT tenant_vault.conninfo('acme')});
$asker->query(
    q{SELECT 1 / (length(tenant_vault.conninfo('acme')) - length(tenant_vault.conninfo('acme')))});
$node->ask(q{DO $$ BEGIN PERFORM tenant_vault.conninfo('acme'); RAISE EXCEPTION 'after'; END $$});
$vault->put_tenant('acme', { username => 'acme_app', password => $secret{rotated} });
$node->value(q{SELECT tenant_vault.refresh('acme')});
is($asker->query(q{SELECT password FROM tenant_vault.credentials('acme')}),
    $secret{rotated}, '... and the rotated one');
$vault->seal;
$node->ask(q{SELECT tenant_vault.secret('dev/other')});
$vault->unseal;
$node->wait_until(sub { $node->ask(q{SELECT tenant_vault.secret('dev/jwt')})->{exit} == 0 }, 15);

# What the innocent one does: everything but asking for a secret.
$innocent->query_safe('SELECT count(*) FROM tenant_vault.cached_secrets');
$innocent->query_safe('SELECT count(*) FROM tenant_vault.status');
$innocent->query_safe(q{SELECT count(*) FROM pg_stat_statements}) if $has_statements;
# A refresh gives a version: the secret itself stays where it is.
$innocent->query_safe(q{SELECT tenant_vault.refresh('acme')});
$innocent->query_safe('SELECT tenant_vault.restart_fetcher()');
$innocent->query_safe(q{SELECT 'said by the innocent one'});

chomp(my $token = PostgreSQL::Test::Utils::slurp_file($store));
chomp(my $secret_id = PostgreSQL::Test::Utils::slurp_file($approle{secret_id_file}));
like($token, qr/s\.\w{20}/, 'the token is known to this test');
($secret{token}) = $token =~ /(s\.\w+)/;
$secret{secret_id} = $secret_id;

# Each secret as it is, percent-encoded, in JSON, in base64.
my %spelling;
for my $name (sort keys %secret) {
    my $plain = $secret{$name};
    (my $percent = $plain) =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
    (my $base64 = encode_base64($plain, '')) =~ s/..?=*$//;
    $spelling{"$name"} = $plain;
    $spelling{"$name, percent-encoded"} = $percent;
    $spelling{"$name, in base64"} = $base64;
}

# The names of those that stand in the text.
sub found_in
{
    my ($text) = @_;
    return [grep { index($text, $spelling{$_}) >= 0 } sort keys %spelling];
}
is_deeply(found_in("x $secret{password} y"), ['password'], 'the search finds what is there');

### 1

my $log = $node->log_since;
cmp_ok(length $log, '>', 100_000, 'the server log was talkative');
is_deeply(found_in($log), [], 'no secret in the server log');
is_deeply(found_in($node->value('SELECT * FROM pg_stat_activity')), [], 'none in pg_stat_activity');
SKIP: {
    skip 'no pg_stat_statements here', 1 unless $has_statements;
    is_deeply(found_in($node->value('SELECT * FROM pg_stat_statements')),
        [], 'none in pg_stat_statements');
}
is_deeply(
    found_in(
        $node->value(
            q{EXPLAIN (ANALYZE, VERBOSE, SETTINGS) SELECT tenant_vault.conninfo('acme'), tenant_vault.credentials('acme')}
        )
    ),
    [],
    'none in a plan');
is_deeply(
    found_in(
              $node->value('SELECT row_to_json(s) FROM tenant_vault.status s')
            . $node->value('SELECT json_agg(c) FROM tenant_vault.cached_secrets c')
    ),
    [],
    'none in the views');
is_deeply(
    found_in(
        $node->value('SELECT * FROM pg_settings') . $node->value('SELECT * FROM pg_file_settings')
    ),
    [],
    'none in the settings');

### 2

my $postmaster = $node->postmaster_pid;
my $fetcher = $node->fetcher_pid;
my @processes = ($postmaster, $node->children_of($postmaster), $fetcher);
cmp_ok(scalar(@processes), '>=', 8, 'the processes of the server are known');
for my $file ('cmdline', 'environ') {
    my @bad;
    for my $pid (@processes) {
        my $found = found_in(read_proc($pid, $file));
        push @bad, "$pid: @$found" if @$found;
    }
    is_deeply(\@bad, [], "none in /proc/PID/$file of any process");
}
is(read_proc($fetcher, 'cmdline') =~ tr/\0//, 1, 'the fetcher has no arguments at all');

### 3

my @holders;
for my $spelling (values %spelling) {
    my ($out, $err) = ('', '');
    IPC::Run::run(['grep', '-rlaF', '-e', $spelling, $node->data_dir],
        '<', \undef, '>', \$out, '2>', \$err);
    push @holders, $out if $out;
}
is_deeply(\@holders, [], 'none in any file of the data directory');

### 4

my $core = core_of($innocent_pid);
cmp_ok(length $core, '>', 20_000_000, 'a core of a backend was written, shared buffers in it');
cmp_ok(index($core, 'said by the innocent one'), '>', 0, '... and what the backend was told');
is_deeply(found_in($core), [], 'no secret in the core of a backend that never asked for one');
note 'may hold them: backend ' . $asker_pid . ', which asked';

### 5

for my $process (
    ['the postmaster', $postmaster],
    ['a backend', $asker_pid],
    ['the keeper', $node->keeper_pid])
{
    my ($name, $pid) = @$process;
    my $maps = read_proc($pid, 'maps');
    like($maps, qr/tenant_vault\.so/, "$name maps tenant_vault.so");
    unlike(
        $maps,
        qr/libcurl|libcjson|libpq|libssl.*curl|tenant-vault-fetcher/,
        '... but no libcurl, cJSON or libpq');
}
# The fetcher is not to be looked into even by the user that it runs as.
for my $file ('maps', 'environ', 'mem') {
    ok(!open(my $handle, '<', "/proc/$fetcher/$file"),
        "the fetcher's /proc/PID/$file is closed to the server's user");
}
chomp(my $libraries = qx{ldd "$library_folder/tenant-vault-fetcher"});
like($libraries, qr/libcurl.*/, '... and it is the fetcher that links libcurl');

$asker->quit;
$innocent->quit;
$node->stop;
done_testing();

sub read_proc
{
    my ($pid, $file) = @_;
    open my $handle, '<', "/proc/$pid/$file" or return '';
    local $/ = undef;
    return <$handle> // '';
}

# The core that a crash of the process would leave, by the kernel's rules for what goes into one.
sub core_of
{
    my ($pid) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('core');
    my $output = '';
    IPC::Run::run(
        [   'gdb', '--batch', '-nx', '-p', $pid, '-ex', 'set use-coredump-filter on',
            '-ex', 'set dump-excluded-mappings off',
            '-ex', "generate-core-file $folder/core"
        ],
        '<',
        \undef,
        '>',
        \$output,
        '2>&1'
    ) or die "gdb: $output";
    my $core = PostgreSQL::Test::Utils::slurp_file("$folder/core");
    unlink "$folder/core";
    return $core;
}
