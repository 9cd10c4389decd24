# What logging in leaves behind: neither password nor verifier, in log, data folder, or (but for what
# PostgreSQL's own exchange leaves) the memory of the backend that checked it.
#
#  1. the backend's own memory, after the login that derived the verifier, one by a cached verifier,
#     and one by Vault's own scram_verifier
#  2. the server's log at its most talkative, over good, wrong and malformed ones
#  3. the data folder
use strict;
use warnings;

use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my %password = (acme => 'Pw-7f2c@71b:d0e4 3a85', beta => 'Another-61c8=e7f2', wrong => 'Wrong-0c4e88d1');
my $malformed = 'SCRAM-SHA-256$4096:malformed5b2d90aa$x:y';
my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server'), login_max_age => '10min' },
    conf => "log_min_messages = debug5\nlog_min_error_statement = debug5\nlog_error_verbosity = verbose\n"
      . "log_disconnections = on\n");
$vault->put_tenant('acme', { username => 'acme_app', password => $password{acme} });
$node->value("SET password_encryption = 'scram-sha-256'; SET log_statement = 'none'; SET log_min_error_statement = panic; "
      . "SET log_min_messages = warning; CREATE ROLE scratch PASSWORD '$password{beta}'");
my $given = $node->value(q{SELECT rolpassword FROM pg_authid WHERE rolname = 'scratch'});
$node->value('DROP ROLE scratch');
$vault->put_tenant('beta', { username => 'beta_app', scram_verifier => $given });
$vault->put_tenant('odd', { username => 'odd_app', password => $password{acme}, scram_verifier => $malformed });
$node->enroll("${_}_app", $_) for qw(acme beta odd);

# The keys of a verifier, of which each by itself is a secret.
sub keys_of { my ($verifier) = @_; my ($stored, $server) = $verifier =~ /\$([^\$:]+):([^:]+)$/; return ($stored, $server); }

# What a process alone holds: its private memory that can be written to.
sub private_memory
{
    my ($pid) = @_;
    my $memory = '';
    open my $mem, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!";
    for my $line (split /\n/, slurp_file("/proc/$pid/maps")) {
        my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw-p / or next;
        sysseek $mem, hex $from, 0;
        my $got = sysread $mem, my $part, hex($to) - hex $from;
        $memory .= $part if $got;
    }
    return $memory;
}

sub login_leaves_nothing
{
    my ($tenant, $what) = @_;
    local $ENV{PGPASSWORD} = $password{$tenant};
    my $session = $node->background_psql('postgres', extra_params => ['-U', "${tenant}_app"]);
    my $pid = $session->query('SELECT pg_backend_pid()');
    my $memory = private_memory($pid);
    cmp_ok(index($memory, "${tenant}_app"), '>=', 0, "$what: the backend's memory is read");
    my $verifier = $tenant eq 'beta' ? $given : $node->value("SELECT passwd FROM tenant_vault.pgbouncer_auth('${tenant}_app')");
    # PostgreSQL's exchange leaves its own copy of the two keys, as for a built-in password.
    my %leak = (password => $password{$tenant}, verifier => $verifier);
    is(index($memory, $leak{$_}), -1, "... and has no $_") for sort keys %leak;
    if ($tenant eq 'acme') {
        $session->query(q{SELECT set_config('x.y', password, false) FROM tenant_vault.credentials('acme')});
        cmp_ok(index(private_memory($pid), $password{acme}), '>=', 0, '... as it would have, had it asked');
    }
    $session->quit;
    return;
}

### 1

login_leaves_nothing('acme', 'the login that derived the verifier');
login_leaves_nothing('acme', 'a login by a cached verifier');
login_leaves_nothing('beta', "a login by Vault's scram_verifier");

### 2

is_locked_out($node, 'acme_app', $password{wrong}, 'a wrong password');
is_locked_out($node, 'odd_app', $password{acme}, 'a malformed verifier');
$node->change_settings(login_max_age => '0');
logs_in($node, 'acme_app', $password{acme}, 'a login that asks Vault');
my ($stored, $server) = keys_of($node->value(q{SELECT passwd FROM tenant_vault.pgbouncer_auth('acme_app')}));
my %secret = (%password, 'the malformed verifier' => 'malformed5b2d90aa', 'the derived stored key' => $stored, 'the derived server key' => $server);
@secret{ "Vault's stored key", "Vault's server key" } = keys_of($given);
my $log = $node->log_since;
like($log, qr/DEBUG/, 'the log is talkative');
is(index($log, $secret{$_}), -1, "... and has not: $_") for sort keys %secret;

### 3

$node->stop;
my @found = grep { my $name = $_; my $out = `grep -rlF -- '$secret{$name}' '@{[$node->data_dir]}' 2>/dev/null`; $out ne '' }
  grep { !/^Vault's/ } sort keys %secret; # those were this server's own for a moment
is_deeply(\@found, [], 'the data folder has none of them');

done_testing;
