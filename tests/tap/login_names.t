# Roles of any name, in any database, with any settings: what binds a role is its label, and nothing
# that a client or the role itself can set changes what it must prove.
#
#  1. names with capitals, quotes, blanks, 63 bytes, not ASCII, and those that pg_hba.conf has a use for
#  2. a name longer than a name can be
#  3. a role renamed while enrolled; two roles of one tenant; one that has become a superuser
#  4. settings of role and database, PGOPTIONS, ALTER SYSTEM
#  5. the extension dropped and created again; another database
#  6. scram_iterations (16 and later), db_user_namespace (15 and 16)
use strict;
use warnings;
use utf8;

use LoginNode;
use RawClient;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for qw(acme beta);
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') });

sub bytes { my ($text) = @_; utf8::encode($text); return $text; }
sub quoted { my ($name) = @_; return '"' . $name =~ s/"/""/gr . '"'; }
# In a conninfo's '...' a backslash goes before these.
sub as_user { my ($name) = @_; return bytes($name =~ s/([\\'])/\\$1/gr); }

sub opens_by_vault_alone
{
    my ($name, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %how = (env => { PGCLIENTENCODING => 'UTF8' });
    logs_in($node, as_user($name), 's3cret of acme', "$what logs in", %how, expect => bytes($name));
    is_locked_out($node, as_user($name), 's3cret of beta', '... by no other password', %how, message => qr/^password authentication failed/);
    return;
}

### 1

for my $name ('Acme App', "it's", 'say "no"', 'back\\slash', 'semi;colon --', 'a,b', '#hash', 'all', 'Replication', '+tenant_vault_login',
    '@file', '/regex', 'Tenant_Vault_Login', 'n=x,r=y', 'x' x 63, 'ä' x 31 . 'b', 'Ǆurđa 🐘')
{
    my $role = quoted($name);
    $node->value("CREATE ROLE $role LOGIN");
    (my $literal = $role) =~ s/'/''/g;
    $node->value("SELECT tenant_vault.enroll('$literal', 'acme')");
    opens_by_vault_alone($name, 'a role named ' . $name =~ s/[^ -~]/?/gr);
}

### 2

my $long = 'y' x 63;
$node->enroll($long, 'acme');
for my $more (1, 7, 200) {
    my $answer = $node->log_in($long . 'z' x $more, 's3cret of beta');
    is($answer->{exit}, 2, "a name that is $more too long is let in by no password but the role's");
}

### 3

$node->enroll('old_name', 'acme');
$node->value('ALTER ROLE old_name RENAME TO new_name');
opens_by_vault_alone('new_name', 'a renamed role');
is_locked_out($node, 'old_name', 's3cret of acme', '... and not by its old name');
$node->value('CREATE ROLE old_name LOGIN IN ROLE tenant_vault_login');
is_locked_out($node, 'old_name', 's3cret of acme', '... nor does who has that now');
$node->value('ALTER ROLE new_name SUPERUSER');
opens_by_vault_alone('new_name', 'a role that was made a superuser when it was enrolled');
is($node->value(q{SELECT subject FROM tenant_vault.hba_findings WHERE finding = 'enrolled role with authority'}), 'new_name',
    '... of which hba_findings warns');

### 4

$node->enroll('acme_app', 'acme');
$node->value('CREATE DATABASE other');
for my $statement ('ALTER ROLE acme_app SET %s = %s', 'ALTER DATABASE other SET %s = %s', 'ALTER ROLE acme_app IN DATABASE other SET %s = %s',
    'SET %s = %s')
{
    for my $setting (['tenant_vault.login_group', "'x'"], ['tenant_vault.login_max_age', '0'], ['tenant_vault.address', "'http://127.0.0.1:1'"]) {
        my $sql = sprintf $statement, @$setting;
        is($node->ask($sql)->{sqlstate}, '55P02', "$sql: refused") or diag $node->ask($sql)->{err};
    }
}
for my $options ('-c tenant_vault.login_group=x', '-c tenant_vault.address=http://127.0.0.1:1', '-c session_preload_libraries=x',
    '-c shared_preload_libraries=', '-c password_encryption=md5')
{
    my $answer = $node->log_in('acme_app', 's3cret of beta', env => { PGOPTIONS => $options });
    like($answer->{message}, qr/^password authentication failed/, "PGOPTIONS=$options: no way around the password");
}
is($node->ask(q{ALTER SYSTEM SET tenant_vault.login_group = 'x'}, user => 'postgres')->{exit}, 0, 'a superuser changes the group');
$node->reload;
opens_by_vault_alone('acme_app', 'until the restart that it takes, the group is what it was: a role');
$node->value('ALTER SYSTEM RESET tenant_vault.login_group');
$node->reload;

### 5

logs_in($node, 'acme_app', 's3cret of acme', 'a role logs in to a database without the extension', dbname => 'other');
$node->value('DROP EXTENSION tenant_vault');
opens_by_vault_alone('acme_app', 'the extension dropped: an enrolled role');
$node->value('CREATE EXTENSION tenant_vault');
opens_by_vault_alone('acme_app', '... and created again: it');
$node->value(q{SELECT tenant_vault.unenroll('acme_app')});
is_locked_out($node, 'acme_app', 's3cret of acme', '... which unenrolls it as ever');
$node->value(q{SELECT tenant_vault.enroll('acme_app', 'acme')});

### 6

sub iterations_of
{
    my ($user) = @_;
    my $client = RawClient->connect($node);
    $client->startup($user);
    return $client->begin_scram->{iterations};
}
sub pooled_iterations
{
    my ($before) = @_;
    return $node->value(($before // '') . q{SELECT split_part(split_part(passwd, '$', 2), ':', 1) FROM tenant_vault.pgbouncer_auth('acme_app')});
}
SKIP: {
    skip 'scram_iterations is there from PostgreSQL 16 on', 12 if $node->pg_version < 16;
    for my $iterations (8192, 5000, 4096) {
        $node->append_conf('postgresql.conf', "scram_iterations = $iterations");
        $node->reload;
        $node->wait_until(sub { $node->value('SHOW scram_iterations') == $iterations });
        logs_in($node, 'acme_app', 's3cret of acme', "scram_iterations changed to $iterations: an enrolled role logs in");
        is(iterations_of('acme_app'), iterations_of('unknown_role'), '... with the iterations of a role that is not there');
        $node->wait_until(sub { pooled_iterations() == iterations_of('acme_app') });
        is(pooled_iterations(), iterations_of('acme_app'), '... as PgBouncer is given them');
        is(pooled_iterations('SET scram_iterations = 1;'), iterations_of('acme_app'), '... whatever its session says');
    }
}
SKIP: {
    skip 'db_user_namespace is gone from PostgreSQL 17 on', 2 if $node->pg_version >= 17;
    $node->value('CREATE ROLE "acme_app@postgres" LOGIN');
    $node->value(q{SELECT tenant_vault.enroll('"acme_app@postgres"', 'beta')});
    $node->append_conf('postgresql.conf', 'db_user_namespace = on');
    $node->restart;
    logs_in($node, 'acme_app', 's3cret of beta', 'with db_user_namespace the name has its database', expect => 'acme_app@postgres');
    is_locked_out($node, 'acme_app', 's3cret of acme', '... and the role without it is another', message => qr/^password authentication failed/);
}

$node->stop;
done_testing;
