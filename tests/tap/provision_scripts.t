# The psql scripts that `make install` puts into <sharedir>/tenant_vault: provision_tenant.sql,
# rotate_tenant.sql, drop_tenant.sql. Each is run as a provisioning script runs it, by psql with -v.
#
#  1. a tenant from nothing: database, owner, role, privileges; the application works in it
#  2. again: nothing changes; after a part was lost: what is missing is done
#  3. a new password
#  4. gone; again
#  5. any name is quoted
#  6. functions in other schemas are not called
#  7. a bad name, a missing variable, somebody else's database or role, a missing policy: exit status 3,
#     and nothing has happened
use strict;
use warnings;

use IPC::Run ();
use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{database_name}');
my $node = LoginNode->create('main', vault => $vault, conf => "log_statement = ddl\n", settings => { $vault->approle('server') });
$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);
chomp(my $share = `$ENV{PG_CONFIG} --sharedir`);

# Returns { exit, out, err }. What is set is what the script gets, and nothing of ~/.psqlrc.
sub run_script
{
    my ($script, %variable) = @_;
    local %ENV = $node->_get_env;
    my ($out, $err) = ('', '');
    IPC::Run::run(['psql', '-X', '-d', $node->connstr(delete $variable{-database} // 'postgres'),
            (map { ('-v', "$_=$variable{$_}") } sort keys %variable), '-f', "$share/tenant_vault/$script.sql"],
        '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(90));
    return { exit => $? >> 8, out => $out, err => $err };
}
sub done
{
    my ($script, $name, %variable) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $run = run_script($script, %variable);
    is($run->{exit}, 0, $name) or diag $run->{err};
    return $run;
}
sub password { my ($tenant) = @_; return $vault->tenant_secret($tenant)->{password}; }

# All that a script could have changed.
sub state
{
    return $node->value(q{SELECT (SELECT string_agg(rolname || coalesce(rolpassword, '-') || rolcanlogin, ',' ORDER BY rolname) FROM pg_authid),
        (SELECT string_agg(datname || datdba || coalesce(datacl::text, ''), ',' ORDER BY datname) FROM pg_database),
        (SELECT string_agg(objoid || label, ',' ORDER BY objoid) FROM pg_shseclabel)})
      . join ',', map { "$_=" . $vault->tenant_version($_) } qw(acme beta fresh odd);
}

### 1

my $begun = $node->log_mark;
my $run = done(provision_tenant => 'provision_tenant.sql with no more than a name', tenant => 'acme');
is($run->{out}, "tenant acme is provisioned: database acme, owner acme_owner, role acme_app, version 1 in Vault\n", '... says what it has done, in one line');
is($run->{err}, '', '... and nothing else');
like($node->log_since($begun), qr/CREATE DATABASE acme .*ALLOW_CONNECTIONS false.*REVOKE ALL ON DATABASE "acme" FROM PUBLIC.*ALTER DATABASE acme ALLOW_CONNECTIONS true/s,
    'nobody gets into the new database before PUBLIC is shut out');
my $first = password('acme');
logs_in($node, 'acme_app', $first, 'the application logs in to its database', dbname => 'acme');
is($node->value(q{SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'acme'}), 'acme_owner', 'the database has its owner');
is($node->value(q{SELECT rolcanlogin FROM pg_roles WHERE rolname = 'acme_owner'}), 'f', '... who cannot log in');
$node->safe_psql('acme', q{SET ROLE acme_owner; CREATE TABLE item (id int GENERATED ALWAYS AS IDENTITY, what text)});
logs_in($node, 'acme_app', $first, 'the application uses what a migration has made', dbname => 'acme', expect => '1',
    sql => q{INSERT INTO item (what) VALUES ('x') RETURNING id});
for my $forbidden ('DROP TABLE item', 'CREATE TABLE own ()', 'TRUNCATE item', 'CREATE SCHEMA own') {
    my $answer = $node->log_in('acme_app', $first, dbname => 'acme', sql => $forbidden);
    like($answer->{err}, qr/42501|permission denied|must be owner/, "... and may not: $forbidden");
}
done(provision_tenant => 'another tenant', tenant => 'beta', database => 'beta_db', owner => 'beta_dba', role => 'beta_user', host => 'h.example', port => 6432);
is_deeply([@{ $vault->tenant_secret('beta') }{qw(username host port dbname)}], [qw(beta_user h.example 6432 beta_db)], '... with names of its own');
logs_in($node, 'beta_user', password('beta'), '... logs in to its database', dbname => 'beta_db');
is_locked_out($node, 'beta_user', password('beta'), '... and to no other tenant\'s', dbname => 'acme', message => qr/permission denied for database "acme"/);

### 2

my $before = state();
$run = done(provision_tenant => 'the same once more', tenant => 'acme');
is(state(), $before, '... changes nothing');
is(password('acme'), $first, '... not the password either');
$node->value('DROP DATABASE beta_db');
done(provision_tenant => 'a lost database', tenant => 'beta', database => 'beta_db', owner => 'beta_dba', role => 'beta_user');
logs_in($node, 'beta_user', password('beta'), '... is made again', dbname => 'beta_db');
$node->value('DROP DATABASE beta_db');
$node->value('CREATE DATABASE beta_db OWNER beta_dba ALLOW_CONNECTIONS false');
done(provision_tenant => 'a run that ended in the middle', tenant => 'beta', database => 'beta_db', owner => 'beta_dba', role => 'beta_user');
logs_in($node, 'beta_user', password('beta'), '... is completed', dbname => 'beta_db');
$node->value(q{SELECT tenant_vault.drop_tenant('beta', destroy => true)});
$node->safe_psql('beta_db', 'DROP OWNED BY beta_user');
$node->value('DROP ROLE beta_user');
done(provision_tenant => 'a lost secret and role', tenant => 'beta', database => 'beta_db', owner => 'beta_dba', role => 'beta_user');
logs_in($node, 'beta_user', password('beta'), '... are made again', dbname => 'beta_db');
my @runs = map { run_script(provision_tenant => (tenant => 'acme')) } 1 .. 2;
is_deeply([map { $_->{exit} } @runs], [0, 0], 'as often as one likes');

### 3

$run = done(rotate_tenant => 'rotate_tenant.sql', tenant => 'acme');
is($run->{out}, "tenant acme has a new password: version 2 in Vault\n", '... says so');
logs_in($node, 'acme_app', password('acme'), '... the new password logs in', dbname => 'acme');
is_locked_out($node, 'acme_app', $first, '... and the old one does not', dbname => 'acme');
done(rotate_tenant => 'with the sessions ended', tenant => 'acme', terminate => 'on');

### 4

$run = run_script(drop_tenant => (tenant => 'acme'));
is($run->{exit}, 3, 'drop_tenant.sql without confirmation: exit status 3');
like($run->{err}, qr/not confirmed/, '... and why');
$run = done(drop_tenant => 'drop_tenant.sql', tenant => 'acme', confirm => 'acme');
is($run->{out}, "tenant acme is dropped, with database acme\n", '... says what it has done');
is($node->value(q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'acme%'}), '0', '... the roles are gone');
is($node->value(q{SELECT count(*) FROM pg_database WHERE datname = 'acme'}), '0', '... and the database');
is($vault->tenant_secret('acme'), undef, '... and the secret');
is($vault->tenant_version('acme'), 3, '... whose versions Vault keeps');
done(drop_tenant => 'once more: no error', tenant => 'acme', confirm => 'acme', destroy => 'on');
is($vault->tenant_version('acme'), 0, '... and they are destroyed where that was said');
done(provision_tenant => 'a dropped tenant is provisioned again', tenant => 'acme');
logs_in($node, 'acme_app', password('acme'), '... and logs in', dbname => 'acme');

### 5

my %odd = (tenant => 'odd', database => q{Odd "db" = ';\x $$ :tenant}, owner => q{o'wner "x"}, role => q{"app"; DROP ROLE acme_app; --});
done(provision_tenant => 'any name is quoted', %odd);
is($node->value(q{SELECT count(*) FROM pg_database WHERE datname = 'Odd "db" = '';\x $$ :tenant' AND has_database_privilege('"""app""; DROP ROLE acme_app; --"'::regrole, oid, 'CONNECT')}),
    '1', '... the database is there, for its role');
is($node->value(q{SELECT count(*) FROM pg_roles WHERE rolname = 'acme_app'}), '1', '... and nothing was run that was a name');
done(drop_tenant => '... and dropped', %odd, confirm => $odd{database});
is($node->value(q{SELECT count(*) FROM pg_roles WHERE rolname LIKE '%app"; DROP%' OR rolname LIKE 'o''wner%'}), '0', '... whole');

### 6

# The better match for a call of format() with one argument beside the format, if it is looked for.
$node->value(q{CREATE ROLE mallory LOGIN; GRANT CREATE ON SCHEMA public TO mallory});
my $trap = q{AS $$ BEGIN IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE mallory SUPERUSER; END IF; RETURN '%s'; END $$};
$node->value("SET ROLE mallory; CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE plpgsql $trap;"
    . "CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE plpgsql $trap;"
    . "CREATE FUNCTION public.format(text, text, text, text) RETURNS text LANGUAGE plpgsql $trap");
done(provision_tenant => "provision_tenant.sql where somebody else's functions lie about", tenant => 'trapped');
done(rotate_tenant => '... rotate_tenant.sql', tenant => 'trapped');
done(drop_tenant => '... drop_tenant.sql', tenant => 'trapped', confirm => 'trapped');
run_script(drop_tenant => (tenant => 'trapped', confirm => 'another'));
run_script(provision_tenant => (tenant => '../trapped'));
is($node->value(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', '... and they were not called');
$node->value(q{DROP OWNED BY mallory; DROP ROLE mallory});

### 7

$node->value(q{CREATE ROLE somebody LOGIN PASSWORD 'x'; CREATE ROLE plain LOGIN});
$node->value('CREATE DATABASE theirs OWNER somebody');
$before = state();
my %bad = (
    'no tenant' => [],
    'an empty one' => [tenant => ''],
    'a path' => [tenant => '../acme'],
    'upper case' => [tenant => 'Fresh'],
    'SQL' => [tenant => q{x'; DROP DATABASE acme; --}],
    'a name that is too long' => [tenant => 'x' x 64],
    'a role that would be too long' => [tenant => 'x' x 60],
    'a reserved role' => [tenant => 'fresh', role => 'pg_fresh'],
    'a database that is too long' => [tenant => 'fresh', database => 'x' x 64],
    'a control character' => [tenant => 'fresh', database => "a\nb"],
    'the database that it is run in' => [tenant => 'fresh', database => 'postgres'],
    'a template' => [tenant => 'fresh', database => 'template1'],
    'a template that is not there' => [tenant => 'fresh', template => 'nowhere'],
    'a port that is none' => [tenant => 'fresh', port => '5432x'],
    'one role for both' => [tenant => 'fresh', owner => 'fresh_app'],
    "somebody else's database" => [tenant => 'fresh', database => 'theirs'],
    "somebody else's role" => [tenant => 'fresh', role => 'somebody'],
    "another tenant's role" => [tenant => 'fresh', role => 'acme_app'],
    'an owner who logs in' => [tenant => 'fresh', owner => 'somebody'],
    'a database without the extension' => [-database => 'theirs', tenant => 'fresh'],
);
my $mark = $vault->audit_mark;
for my $what (sort keys %bad) {
    $run = run_script(provision_tenant => @{ $bad{$what} });
    is($run->{exit}, 3, "provision_tenant.sql, $what: exit status 3") or diag $run->{err};
    like($run->{err}, qr/ERROR: /, '... and why');
    is($run->{out}, '', '... and not a word of success');
}
for my $what ([tenant => '../acme', confirm => '../acme'], [tenant => 'acme', database => 'theirs', confirm => 'theirs'],
    [tenant => 'acme', database => 'postgres', confirm => 'postgres'], [tenant => 'acme', owner => 'somebody', confirm => 'acme'],
    [tenant => 'acme', role => 'somebody', confirm => 'acme'], [tenant => 'acme', role => 'beta_user', confirm => 'acme']) {
    $run = run_script(drop_tenant => @$what);
    is($run->{exit}, 3, "drop_tenant.sql, @$what: exit status 3") or diag $run->{err};
}
for my $what ([], [tenant => '..'], [tenant => 'acme', terminate => 'perhaps']) {
    is(run_script(rotate_tenant => @$what)->{exit}, 3, "rotate_tenant.sql, @$what: exit status 3");
}
is($vault->audit_count(path => qr{^secret/}, since => $mark), 0, 'Vault was not asked by any of these');
$vault->put_policy('tenant_vault', $VaultServer::TENANT_POLICY);
for my $what ([provision_tenant => (tenant => 'fresh')], [rotate_tenant => (tenant => 'acme')], [drop_tenant => (tenant => 'acme', confirm => 'acme')]) {
    $run = run_script(@$what);
    is($run->{exit}, 3, "$what->[0].sql without the policy: exit status 3");
    like($run->{err}, qr/HINT: .*path "secret/, '... and the line that is missing');
}
is(state(), $before, 'and nothing at all has happened');

$node->stop;
done_testing;
