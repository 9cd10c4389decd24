# A hot standby has a keeper, a fetcher, a cache and a login of its own.
#
#  1. it answers from Vault, by its own login, with the grants that it replicates
#  2. it answers without its primary
#  3. it is promoted: the cache and the processes go on
#  4. what would write says so
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'beta', 'gamma';
my $primary = TenantVaultNode->create(
    'primary',
    vault => $vault,
    settings => { $vault->approle('server') },
    streaming => 1);

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}
$primary->value('CREATE ROLE plain LOGIN');
$primary->value(q{SELECT tenant_vault.grant_tenant('acme', 'plain')});
$primary->backup('base');
my $standby = TenantVaultNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->{settings} = { %{ $primary->{settings} } };
my $mark = $vault->audit_mark;
$standby->start;
$primary->wait_for_catchup($standby);

### 1

is_answer($standby->ask('SELECT pg_is_in_recovery()'), 't', 'the standby is one');
is_answer($standby->ask(password('acme')), 's3cret of acme', 'a standby answers from Vault');
is($vault->logins($mark), 1, '... by a login of its own');
is_answer(
    $standby->ask(password('acme'), user => 'plain'),
    's3cret of acme',
    'a role with a grant is answered');
is($standby->ask(password('beta'), user => 'plain')->{sqlstate},
    '42501', '... and one without is not');
$primary->value(
    q{SELECT tenant_vault.grant_tenant('beta', 'plain'), tenant_vault.revoke_tenant('acme', 'plain')}
);
$primary->wait_for_catchup($standby);
is_answer(
    $standby->ask(password('beta'), user => 'plain'),
    's3cret of beta',
    'a grant given on the primary arrives');
is($standby->ask(password('acme'), user => 'plain')->{sqlstate},
    '42501', '... and so does one that was taken');

# In a session that has cached its decision already. Another grant stays, so that nothing but the
# decision itself is what changes.
$primary->value(q{SELECT tenant_vault.grant_tenant('acme', 'plain')});
$primary->wait_for_catchup($standby);
my $session =
    $standby->background_psql('postgres', on_error_stop => 0, extra_params => ['-U', 'plain']);
is($session->query(password('beta')), 's3cret of beta', 'a session is answered');
$primary->value(q{SELECT tenant_vault.revoke_tenant('beta', 'plain')});
$primary->wait_for_catchup($standby);
isnt($session->query(password('beta')),
    's3cret of beta', '... and refused in the same session once the grant is gone on the primary');
is($session->query(password('acme')), 's3cret of acme', '... which keeps its other grant');
$session->quit;

### 4

my $answer = $standby->ask(q{SELECT tenant_vault.grant_tenant('acme', 'plain')});
is($answer->{sqlstate}, '25006', 'a grant on a standby is refused as a write')
    or diag $answer->{err};
is($standby->ask(q{SELECT tenant_vault.refresh('acme')})->{exit}, 0, 'refresh works on a standby');
is($standby->ask(q{SELECT tenant_vault.flush()})->{exit}, 0, 'flush works on a standby');

### 2

$primary->stop('immediate');
is_answer(
    $standby->ask(password('gamma')),
    's3cret of gamma',
    'a standby answers without its primary');

### 3

my $before = $standby->status;
$mark = $vault->audit_mark;
$standby->promote;
is_answer($standby->ask(password('gamma')), 's3cret of gamma', 'a promoted standby answers');
my $after = $standby->status;
is($vault->tenant_reads('gamma', $mark), 0, '... from the cache it had');
is($after->{keeper_pid}, $before->{keeper_pid}, '... by the same keeper');
is($after->{fetcher_pid}, $before->{fetcher_pid}, '... and fetcher');
is($standby->ask(q{SELECT tenant_vault.grant_tenant('acme', 'plain')})->{exit},
    0, '... and takes grants');

$standby->stop;
done_testing();
