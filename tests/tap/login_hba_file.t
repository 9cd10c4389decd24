# The HBA file is there only while the library is.
#
#  1. library gone from shared_preload_libraries, line still there: the server refuses to start, and
#     names the file
#  2. with include_if_exists (16 and later) these roles alone stay out: sessions, both kinds of
#     walsender, roles granted a tenant's role, PGOPTIONS
#  3. the postmaster killed with -9, or every process of the server at once: the file is gone nonetheless
#  4. a second server with the same file does not start, and leaves the first one's alone
#  5. tenant_vault.hba_file: a place of its own, none, a folder that others could put something into,
#     a place that something else has taken
#  6. login_group: another name, with a blank in it
#  7. hba_findings is empty on the documented lines, and explains each trouble
use strict;
use warnings;

use LoginNode;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my %settings = $vault->approle('server');
my $node = LoginNode->create('main', vault => $vault, settings => \%settings, streaming => 1);
$node->enroll('acme_app', 'acme');
$node->value('CREATE ROLE granted LOGIN IN ROLE acme_app');
my $file = $node->hba_file;

sub library { my ($libraries) = @_; $node->append_conf('postgresql.conf', "shared_preload_libraries = '$libraries'"); return; }
sub findings { my ($filter) = @_; return $node->value(
        q{SELECT coalesce(string_agg(finding, ',' ORDER BY finding), '') FROM tenant_vault.hba_findings WHERE } . ($filter // 'true')); }

### 7

is((stat $file)[2] & 07777, 0400, 'the file is closed to others');
ok(!open(my $written, '+<', $file) && !truncate($file, 0), '... and nobody changes it');
# host, not hostssl: without TLS the latter is an error in the eyes of pg_hba_file_rules.
my @documented = ('local all postgres peer', "host all \@$file all trust", 'host all all all scram-sha-256');
sub findings_with { my (@lines) = @_; $node->write_hba(@lines); my $found = findings();
    $node->write_hba($node->hba_lines); return $found; }
$node->value('DROP ROLE granted');
is(findings_with(@documented), '', 'hba_findings is empty on the documented lines');
is(findings_with(@documented[0, 2]), 'no line for the login group', '... names a missing line');
is(findings_with(@documented[0, 1]), 'no scram line below', '... a missing scram line below');
is(findings_with(@documented[1, 2]), 'no local way in', '... a missing local way in');
is(findings_with($documented[0], 'host all +tenant_vault_login all trust', $documented[2]), 'hand-written line', '... a hand-written line');
is(findings_with(@documented, 'local all all trust'), 'trust line', '... a trust line for others');
is(findings_with($documented[0], "host all \@$file all md5", @documented[1, 2]), 'wrong method', '... a line with another method');
is(findings_with(@documented, 'host nonsense'), 'error in pg_hba.conf', '... a line that is none');
$node->value(q{CREATE ROLE granted LOGIN IN ROLE acme_app});
is(findings_with(@documented), 'enrolled role with members,member without label', '... members');
$node->value('CREATE ROLE admin SUPERUSER LOGIN; CREATE ROLE below LOGIN IN ROLE granted; GRANT tenant_vault_login TO admin');
is($node->value(q{SELECT string_agg(subject, ',' ORDER BY subject) FROM tenant_vault.hba_findings WHERE finding = 'member without label'}),
    'admin,below,granted', '... of any depth, a superuser too that is made one');
$node->value('DROP ROLE admin, below');
$node->value(q{UPDATE pg_authid SET rolpassword = 'md5x' WHERE rolname = 'acme_app'; ALTER ROLE acme_app REPLICATION});
is(findings(q{finding ~ 'with (a password|authority)'}), 'enrolled role with a password,enrolled role with authority',
    '... an enrolled role with a password, or with REPLICATION');
$node->value(q{ALTER ROLE acme_app PASSWORD NULL NOREPLICATION; REVOKE tenant_vault_login FROM acme_app});
is(findings(q{finding ~ 'outside'}), 'enrolled role outside the group', '... an enrolled role that is not in the group');
$node->value(q{GRANT tenant_vault_login TO acme_app});
is($node->value(q{SELECT count(*) FROM tenant_vault.hba_findings WHERE explanation !~ '^[A-Z].*[.]$' AND explanation !~ '@'}), '0',
    'each explanation is a sentence');

### 3

my $pid = $node->postmaster_pid;
kill 'KILL', $pid;
ok($node->wait_until(sub { !-l $file }, 5), 'the postmaster killed: the file is gone nonetheless');
sub forget_killed
{
    my ($killed) = @_;
    $node->{_pid} = undef;
    # Its number is free when whoever inherited it has reaped it.
    $node->wait_until(sub { !kill 0, $killed }, 20);
    return;
}
forget_killed($pid);
$node->start;
logs_in($node, 'acme_app', 's3cret of acme', '... and the next start works');

$pid = $node->postmaster_pid;
kill 'KILL', $pid, $node->children_of($pid);
ok($node->wait_until(sub { !-e $file }, 5), 'every process killed at once, nobody is left to remove it: the file is gone nonetheless');
forget_killed($pid);
library('');
my $mark = $node->log_mark;
ok(!$node->start(fail_ok => 1), '... so that without the library the server refuses to start');
like($node->log_since($mark), qr/\Q$file\E/, '... and names it');
library('tenant_vault');
$node->start;
logs_in($node, 'acme_app', 's3cret of acme', '... and with it starts as ever');

### 4

my $second = LoginNode->create('second', vault => $vault, settings => { %settings, hba_file => $file }, start => 0);
$second->start(fail_ok => 1);
like($second->log_since, qr/"\Q$file\E" belongs to another server that is running/, 'a second server with the same file does not start');
ok(-e $file, '... and leaves the file alone');
logs_in($node, 'acme_app', 's3cret of acme', '... and the first one goes on');

### 1

$node->stop;
library('');
ok(!$node->start(fail_ok => 1), 'without the library, with the line: the server refuses to start');
like($node->log_since, qr/\Q$file\E/, '... and names the file');

### 2

SKIP: {
    skip 'include_if_exists is there from PostgreSQL 16 on', 1 if $node->pg_version < 16;
    library('tenant_vault');
    $node->write_hba('local all postgres trust', 'local replication postgres trust', "include_if_exists $file.conf",
        'local all all scram-sha-256', 'local replication all scram-sha-256');
    $node->start;
    logs_in($node, 'acme_app', 's3cret of acme', 'include_if_exists lets enrolled roles in');
    is_locked_out($node, 'acme_app', 'wrong', '... by their password');
    is(findings(q{finding = 'hand-written line'}), '', '... and is no hand-written line');
    $node->stop;
    library('');
    $node->start;
    for my $attempt (['a session', 'acme_app'], ['a physical walsender', 'acme_app', conninfo => 'replication=true', sql => 'IDENTIFY_SYSTEM'],
        ['a logical walsender', 'acme_app', conninfo => 'replication=database', sql => 'IDENTIFY_SYSTEM'],
        ["a role granted a tenant's role", 'granted'],
        ['a session with PGOPTIONS', 'acme_app', env => { PGOPTIONS => '-c tenant_vault.login_group=x' }])
    {
        my ($what, $user, %option) = @$attempt;
        is_locked_out($node, $user, 's3cret of acme', "with include_if_exists $what stays out", %option);
    }
    $node->stop;
}

### 5, 6

library('tenant_vault');
$node->write_hba('local all postgres trust');
$node->write_settings(hba_file => 'none');
$node->start;
ok(!-e $file, 'hba_file none: there is no file');
is($node->value(q{SELECT path IS NULL FROM tenant_vault.get_hba_file()}), 't', '... and get_hba_file says so');
like(findings(), qr/no HBA file/, '... and hba_findings too');
$node->stop;

my $open = PostgreSQL::Test::Utils::tempdir('open');

sub writes_no_file
{
    my ($place, $what) = @_;
    my $mark = $node->log_mark;
    $node->write_settings(hba_file => "$place/file");
    $node->start;
    ok(!-e "$place/file", "$what: there is no file");
    like($node->log_since($mark), qr/writes no HBA file into "\Q$place\E"/, '... and the log says why');
    $node->stop;
    return;
}
chmod 0777, $open;
writes_no_file($open, 'a folder open to others');
mkdir "$open/below", 0700;
writes_no_file("$open/below", 'a folder that others could put another in the place of');
my $closed = PostgreSQL::Test::Utils::tempdir('closed');
symlink "$open/below", "$closed/link";
writes_no_file("$closed/link", 'the same by a symbolic link');
rmdir "$open/below";
writes_no_file("$open/below", 'a folder that is not there');
SKIP: {
    my ($own, @others) = split ' ', $);
    my ($other) = grep { $_ != $own } @others;
    skip "this user is in one group only", 2 unless defined $other;
    chown -1, $other, $open;
    chmod 0770, $open;
    writes_no_file($open, 'a folder open to another group');
    chown -1, $own, $open;
}

sub refuses_place
{
    my ($place, $what) = @_;
    my $mark = $node->log_mark;
    $node->write_settings(hba_file => $place);
    ok(!$node->start(fail_ok => 1), "$what: the server refuses to start");
    like($node->log_since($mark), qr/"\Q$place\E" is there already, and no file of tenant_vault's/, '... and says why');
    return;
}
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
refuses_place($node->data_dir . '/pg_hba.conf', 'a place that another file has, pg_hba.conf itself at that');
is(slurp_file($node->data_dir . '/pg_hba.conf'), $hba, '... and leaves it as it is');
append_to_file("$closed/target", "all\n");
symlink "$closed/target", "$closed/planted";
refuses_place("$closed/planted", 'a place that has a symbolic link to another file');
is(slurp_file("$closed/target"), "all\n", '... and leaves that as it is');
POSIX::mkfifo("$closed/fifo", 0600);
refuses_place("$closed/fifo", 'a place that has a FIFO');
symlink '/proc/1/fd/999999', "$closed/stale";
$node->write_settings(hba_file => "$closed/stale");
ok($node->start(fail_ok => 1), 'a link that a killed server has left is no hindrance');
ok(-e "$closed/stale", '... and leads to the file again');
$node->stop;

chmod 0700, $open;
$node->write_settings(hba_file => "$open/file", login_group => 'log in');
$node->write_hba('local all postgres trust', "local all \@$open/file trust", 'local all all scram-sha-256');
$node->start;
$node->value('DROP ROLE granted');
$node->value(q{SELECT tenant_vault.enroll('acme_app', 'acme')});
logs_in($node, 'acme_app', 's3cret of acme', 'a file in a place of its own, a group with a blank in its name');
is_locked_out($node, 'acme_app', 'wrong', '... which checks the password');
$node->stop;
ok(!-e "$open/file", '... and is gone with the server');

done_testing;
