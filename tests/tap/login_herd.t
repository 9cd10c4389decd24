# 500 clients that come at once, on a cold cache: everyone is let in, and Vault is asked once for each
# tenant, as its audit log has it.
#
#  1. 500 clients of one tenant
#  2. 500 clients of 500 tenants, each with a password of its own
#  3. ... once more, when all is cached: nobody is asked
use strict;
use warnings;

use LoginNode;
use Test::More;
use Time::HiRes qw(time);
use VaultServer;

use constant {
    HERD => 500,
    SECONDS => 240, # for all of them: psql starts slowly on a busy machine
};

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
my @tenants = map { "herd$_" } 1 .. HERD;
$vault->put_tenant($_) for @tenants;
my $node = LoginNode->create('main', vault => $vault,
    # Nothing is refreshed while slow clients still come.
    settings => { $vault->approle('server'), login_max_age => '10min', cache_ttl => '10min' },
    conf => "max_connections = @{[HERD + 20]}\nauthentication_timeout = '5min'\n");
$node->value(join ';', map { "CREATE ROLE ${_}_app LOGIN" } @tenants);
$node->value(join ';', map { "SELECT tenant_vault.enroll('${_}_app', '$_')" } @tenants);

sub reads
{
    my ($mark) = @_;
    my %reads;
    $reads{ $_->{request}{path} }++
      for $vault->audit_entries(path => qr{/tenants/[^/]+/database$}, operation => 'read', since => $mark);
    return \%reads;
}

# All at once, each as the tenant in its place; gives how often Vault was asked for which.
sub herd_logs_in
{
    my ($who, $name) = @_;
    my $mark = $vault->audit_mark;
    my $begun = time;
    my @running = map {
        local $ENV{PGPASSWORD} = "s3cret of $_";
        @{ $node->start_sessions(['SELECT current_user'], user => "${_}_app") };
    } @$who;
    my @answers = $node->finish_sessions(\@running, seconds => SECONDS);
    my @wrong = grep { $answers[$_]{out} ne "$who->[$_]_app" } 0 .. $#$who;
    is(scalar @wrong, 0, "$name: everyone is let in, as the right role") or diag $answers[ $wrong[0] ]{err};
    note sprintf '%s: %.1f s', $name, time - $begun;
    return reads($mark);
}

### 1

my $reads = herd_logs_in([('herd1') x HERD], HERD . ' clients of one tenant');
is_deeply($reads, { 'secret/data/' . $vault->tenant_path('herd1') => 1 }, '... by one request');

### 2

$node->value('SELECT tenant_vault.flush()');
$reads = herd_logs_in(\@tenants, HERD . ' clients of as many tenants');
is_deeply($reads, { map { 'secret/data/' . $vault->tenant_path($_) => 1 } @tenants }, '... by one request for each');

### 3

$reads = herd_logs_in(\@tenants, 'all of them once more');
is_deeply($reads, {}, '... by none');
is($node->log_count(qr/out of memory|cannot be checked|terminated by signal/), 0, 'nobody was turned away, and nothing broke');

$node->stop;
done_testing;
