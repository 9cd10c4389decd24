# 30,000 enrolled roles: more than the server's lock table has room for in one transaction.
#
#  1. a role among them logs in
#  2. hba_findings answers, with them and when they are enrolled no more
#  3. unenroll_all() unenrolls them, in one transaction that holds no lock for each
use strict;
use warnings;

use LoginNode;
use Test::More;
use VaultServer;

use constant {
    ROLES => 30_000,
    FIRST => 10_000_000, # an OID beyond those in use
    SECONDS => 40, # what is quadratic takes minutes, what is not a second or two
};

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for 'acme', 'many7';
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') });
$node->enroll('app0', 'acme');

# Copies of that role's rows, instead of minutes of CREATE ROLE.
for my $catalog (
    ['pg_authid', 'oid', "'oid', @{[FIRST]} + i, 'rolname', 'many' || i"],
    ['pg_auth_members', 'member', "'oid', 2 * @{[FIRST]} + i, 'member', @{[FIRST]} + i"],
    ['pg_shseclabel', 'objoid', "'objoid', @{[FIRST]} + i, 'label', 'many' || i"])
{
    my ($name, $column, $changes) = @$catalog;
    $node->value("SET allow_system_table_mods = on; INSERT INTO $name SELECT (jsonb_populate_record(c, jsonb_build_object($changes))).* "
          . "FROM $name AS c, generate_series(1, @{[ROLES]}) AS i WHERE c.$column = 'app0'::regrole; VACUUM ANALYZE $name");
}

sub answers_in_time
{
    my ($sql, $expected, $name) = @_;
    my $answer = $node->ask($sql, seconds => SECONDS);
    is($answer->{out}, $expected, $name) or diag "$answer->{seconds} s: $answer->{err}";
    return;
}

logs_in($node, 'many7', 's3cret of many7', 'one role of many logs in');
is_locked_out($node, 'many8', 's3cret of many7', '... by its own password alone');
my $findings = q{SELECT count(*) FROM tenant_vault.hba_findings WHERE finding ~ 'role|member'};
answers_in_time($findings, '0', 'hba_findings finds nothing wrong with any of them');
answers_in_time('BEGIN; SELECT tenant_vault.unenroll_all(); SELECT count(*) < 100 FROM pg_locks; COMMIT', ROLES + 1 . "\nt",
    'unenroll_all() unenrolls all, and locks none');
answers_in_time(q{SELECT count(*) FROM pg_shseclabel}, '0', '... no label is left');
answers_in_time(q{SELECT count(*) FROM pg_auth_members WHERE roleid = 'tenant_vault_login'::regrole}, '0', '... and no member');
is_locked_out($node, 'many7', 's3cret of many7', '... and none logs in by Vault');
$node->value('GRANT tenant_vault_login TO many7');
answers_in_time($findings, '1', 'hba_findings finds the one that is a member again');

$node->stop;
done_testing;
