# docs/monitoring.md and docker/monitoring: the alerts and queries, and what is really scraped.
#
#  1. promtool accepts configuration and rules; each alert has a test of its own, which passes
#  2. a real Prometheus scrapes three real OpenBao nodes and, by the real exporter, the extension;
#     the exporter's role may read nothing else
#  3. each metric that an alert or the dashboard names is among what is scraped, and each that the
#     exporter gives of the extension comes with a value
#  4. all is well: no alert
#  5. end to end: a renewal that is refused; a login that is refused; a tenant turned
#     away; Vault sealed; no leader; stale secrets
use strict;
use warnings;

use DocPage;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use LoginNode;
use PostgreSQL::Test::Utils;
use ProductionCluster;
use Test::More;
use Time::HiRes qw(sleep time);

use constant ALERT_SECONDS => 60; # a scrape and an evaluation take 1 s each; Vault's gauges 10 s

my $monitoring = "$ENV{PWD}/docker/monitoring";
my $page = DocPage->new("$ENV{PWD}/docs/monitoring.md");
my %needed = map { $_ => 1 } qw(prometheus promtool prometheus-postgres-exporter);

sub run
{
    my (@command) = @_;
    IPC::Run::run(\@command, '<', \undef, '>', \my $out, '2>&1');
    return { status => $?, output => $out };
}

sub passes
{
    my ($name, @command) = @_;
    my $run = run(@command);
    return is($run->{status}, 0, $name) || diag $run->{output};
}

### 1

my $alerts = slurp_file("$monitoring/alerts.yml");
my @alerts = $alerts =~ /^\s*- alert: (\w+)$/mg;
my $tests = slurp_file("$ENV{PWD}/tests/production/alerts_test.yml");
passes('each alert fires and stays silent as its test says', 'promtool', 'test', 'rules', 'tests/production/alerts_test.yml');
for my $alert (@alerts) {
    like($tests, qr/alertname: $alert\n\s+exp_alerts:/, "$alert has a test in which it fires");
    like($tests, qr/eval_time: \d+m, alertname: $alert\}/, '... and one in which it does not');
    like($page->text, qr/`$alert`/, '... and its place in docs/monitoring.md');
}
for my $target ($alerts =~ /^\s*runbook: "(.*)"$/mg) {
    my ($file, $anchor) = split /#/, $target;
    my %anchors = map { $_ => 1 } DocPage->new("$ENV{PWD}/$file")->anchors;
    ok(!defined $anchor || $anchors{$anchor}, "$target is there");
}

### 2

sub free_port { return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)->sockport; }

my $cluster = ProductionCluster->new('monitored');
my @nodes = $cluster->nodes;
$cluster->run_page($cluster->page, 'The secrets');
my $leader = $cluster->leader;
$leader->wait_for_kv;
$leader->put_template('postgresql://db.example/{tenant}');
$leader->put_tenant($_) for qw(acme cold);
my %good = $leader->approle('server', token_ttl => '1h');
my $pg = LoginNode->create('main', settings => {
    %good,
    address => join(',', map { $_->address } @nodes),
    ca_cert => $nodes[0]->ca_cert,
    cache_ttl => '1s', login_max_age => '1s', negative_ttl => 0, connect_timeout => '500ms', renew_check_interval => '200ms',
});
$pg->enroll("${_}_app", $_) for qw(acme cold);
ok($pg->wait_until(sub { $pg->log_in('acme_app', 's3cret of acme')->{exit} == 0 }, 20), 'an enrolled role logs in');
$pg->value($_->{text}) for $page->section('PostgreSQL', 'sql');
my $socket = $pg->host;
unlike($pg->ask('SELECT * FROM tenant_vault.cached_secrets', user => 'prometheus')->{err} || 'nothing', qr/nothing/,
    'the exporter\'s role sees no names');
my @readable = split /\n/, $pg->value(q{
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'tenant_vault' AND has_table_privilege('prometheus', c.oid, 'SELECT')
    UNION ALL SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'tenant_vault' AND has_function_privilege('prometheus', p.oid, 'EXECUTE')});
is_deeply([ sort @readable ], [qw(get_status status)], '... and may do nothing but read status');
# The documented way in is peer authentication; the test's user is not called prometheus.
$pg->write_hba('local postgres prometheus trust', $pg->hba_lines);
$pg->reload;

my $folder = PostgreSQL::Test::Utils::tempdir('prometheus');
my ($exporter, $prometheus) = map { '127.0.0.1:' . free_port() } 1 .. 2;
my $conf = slurp_file("$monitoring/prometheus.yml");
$conf =~ s/vault$_\.example\.com:8202/$nodes[$_ - 1]->metrics_address/e for 1 .. 3;
$conf =~ s/db1\.example\.com:9187/$exporter/;
$conf =~ s/: 15s/: 1s/g;
unlike($conf, qr/example/, 'every target is replaced');
append_to_file("$folder/prometheus.yml", $conf);
append_to_file("$folder/alerts.yml", $alerts);
PostgreSQL::Test::Utils::system_or_bail('cp', $nodes[0]->ca_cert, "$folder/vault-ca.crt");
symlink "$ENV{PWD}/docker", "$folder/docker";

my @processes;
END {
    my $status = $?;
    for my $pid (@processes) { kill 'KILL', $pid; waitpid $pid, 0; }
    $? = $status;
}

# A block whose last command stays: it ends with the test.
sub start_block
{
    my ($block, %env) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        @processes = ();
        setpgrp;
        chdir $folder;
        %ENV = (%ENV, %env);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$folder/processes.log";
        open STDERR, '>&', \*STDOUT;
        exec 'bash', '-ec', $block->{text} or POSIX::_exit(127);
    }
    push @processes, $pid;
    append_to_file("$folder/$pid.server.pid", "$pid\n");
    return;
}

my ($metrics) = $page->section('Vault', 'sh');
$page->works($metrics, $folder, $cluster->env($nodes[0]), METRICS => $nodes[0]->metrics_address);
my ($export) = $page->section('PostgreSQL', 'sh');
my ($scrape) = $page->section('Prometheus', 'sh');
start_block($export, EXPORTER => $exporter, PGHOST => $socket, PGPORT => $pg->port);
start_block($scrape, PROMETHEUS => $prometheus);

my $json = JSON::PP->new;

# The answer to a PromQL expression: a list of { metric, value }. Dies where there is none.
sub query
{
    my ($expression) = @_;
    my $run = run('curl', '--silent', '--noproxy', '*', '--max-time', 10, '--data-urlencode', "query=$expression",
        "http://$prometheus/api/v1/query");
    my $answer = $json->decode($run->{output});
    die "$expression: $answer->{error}" if $answer->{status} ne 'success';
    return @{ $answer->{data}{result} };
}

sub wait_for { my ($condition, $seconds) = @_; return $pg->wait_until($condition, $seconds // ALERT_SECONDS); }
sub logs { return diag slurp_file("$folder/processes.log"); }

ok(wait_for(sub { my @up = query('up == 1'); @up == 4 }), 'Prometheus scrapes three nodes and the exporter') or logs();

### 3

ok(wait_for(sub { scalar(() = query('tenant_vault_keeper_up')) }), 'the extension\'s metrics come in') or logs();
my %there = map { $_->{metric}{__name__} => 1 } query('{__name__=~".+"}');
my $dashboard = $json->decode(slurp_file("$monitoring/dashboard.json"));
my %named;
my @expressions = ($alerts =~ /^\s+expr: (.*)$/mg, map { $_->{expr} } map { @{ $_->{targets} // [] } } @{ $dashboard->{panels} });
for my $expression (@expressions) {
    ok(eval { query($expression); 1 }, "Prometheus understands: $expression") or diag $@;
    $named{$_} = 1 for $expression =~ /\b((?:vault|tenant_vault|pg)_\w+|up)\b(?!["])/g;
}
cmp_ok(scalar keys %named, '>', 25, 'alerts and dashboard name metrics');
ok($there{$_}, "$_ is really scraped") for sort keys %named;
my %described = map { $_ => 1 } slurp_file("$monitoring/queries.yml") =~ /^\s+- (\w+): \{usage/mg;
for my $metric (sort keys %described) {
    my ($found) = query("tenant_vault_$metric");
    ok($found && $found->{value}[1] ne 'NaN', "the exporter gives tenant_vault_$metric");
}
is($_->{type} eq 'row' || @{ $_->{targets} } > 0, 1, "panel \"$_->{title}\" shows something") for @{ $dashboard->{panels} };

### 4

# Pending or firing: the expression is true.
sub raised { return map { $_->{metric}{alertname} => 1 } query('ALERTS'); }

my %raised;
ok(wait_for(sub { %raised = raised(); !%raised }), 'all is well: no alert') or diag join ' ', sort keys %raised;

sub raises
{
    my ($what, @expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $alert (@expected) {
        ok(wait_for(sub { my %now = raised(); $now{$alert} }), "$what: $alert") or diag join ' ', sort keys %{ { raised() } };
    }
    return;
}

### 5

$leader->put_policy('may-not-renew', $VaultServer::TENANT_POLICY . 'path "auth/token/renew-self" { capabilities = ["deny"] }');
$leader->approle('denied', token_policies => 'may-not-renew', token_ttl => '6s');
$pg->change_settings(role_id_file => $leader->role_id_file('denied'), secret_id_file => $leader->secret_id_file('denied'));
raises('a refused renewal', 'TenantVaultRenewalsFail');
$pg->change_settings(%good);

my $bad = $leader->credential_file('bad', 'not-a-secret-id');
$pg->change_settings(secret_id_file => $bad);
raises('a refused login', qw(TenantVaultLoginFailures TenantVaultTokenNotObtainable TenantVaultNotLoggedIn));
$pg->change_settings(%good);
ok($pg->wait_for_status(sub { $_[0]{logged_in} && $_[0]{can_log_in_again} }, 30), 'the good credential again');
ok(wait_for(sub { my %now = raised(); !$now{TenantVaultNotLoggedIn} && !$now{TenantVaultTokenNotObtainable} }), '... ends those of the token');
ok($pg->wait_until(sub { $pg->log_in('acme_app', 's3cret of acme')->{exit} == 0 }, 20), 'an enrolled role logs in');

$leader->seal;
raises('the leader sealed', 'VaultSealed');
is((query('max by (instance) (vault_core_unsealed{job="vault"}) == 0'))[0]{metric}{instance}, $leader->metrics_address,
    '... of that node, and no other');
my ($other) = grep { $_ != $leader } @nodes;
$other->stop;
raises('two of three nodes lost', qw(VaultNodeDown VaultNoLeader));
$_->stop for grep { $_ != $leader && $_ != $other } @nodes;
ok($pg->wait_until(sub { $pg->log_in('acme_app', 's3cret of acme')->{exit} == 0 }, 20), 'a tenant logs in from the cache');
isnt($pg->log_in('cold_app', 's3cret of cold')->{exit}, 0, 'one that is not cached is turned away');
raises('the whole cluster lost', qw(TenantVaultStaleSecrets TenantVaultLoginsUnchecked));

$pg->stop;
raises('PostgreSQL lost', 'TenantVaultNotMeasured');

done_testing;
