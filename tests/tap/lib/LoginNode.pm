# LoginNode.pm - a cluster that tenants log in to: TenantVaultNode with the documented lines in
# pg_hba.conf, and attempts to log in.
#
#   my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') });
#   $node->enroll('acme_app', 'acme');
#   my $answer = $node->log_in('acme_app', 's3cret of acme');        # as TenantVaultNode::ask's
package LoginNode;

use strict;
use warnings;

use parent -norequire, 'TenantVaultNode';

use IPC::Run ();
use PostgreSQL::Test::Utils ();
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(time);

use constant PSQL_SECONDS => 90; # longest life of one attempt

our @EXPORT = qw(logs_in is_locked_out python_logs_in);
use Exporter 'import';

# More options than TenantVaultNode's: hba (the lines; default: hba_lines), tls (certificates).
sub create
{
    my ($class, $name, %option) = @_;
    my $start = delete $option{start} // 1;
    my $lines = delete $option{hba};
    my $conf = delete $option{conf};
    my $self = $class->SUPER::create($name, %option, start => 0);
    $self->append_conf('postgresql.conf',
        "listen_addresses = '127.0.0.1'\nlog_connections = on\n" . ($conf // ''));
    $self->write_hba(@{ $lines // [$self->hba_lines] });
    if ($start) {
        $self->start;
        $self->safe_psql('postgres', 'CREATE EXTENSION tenant_vault');
    }
    return $self;
}

sub hba_file { my ($self) = @_; return $self->host . '/tenant_vault.' . $self->port; }

# As the documentation has them, beside the superuser's own way in.
sub hba_lines
{
    my ($self) = @_;
    my $file = $self->hba_file;
    return ('local all postgres trust', 'local replication postgres trust',
        "local all \@$file trust", "local replication \@$file trust",
        "host all \@$file 127.0.0.1/32 trust",
        'local all all scram-sha-256', 'host all all 127.0.0.1/32 scram-sha-256');
}

sub write_hba
{
    my ($self, @lines) = @_;
    my $path = $self->data_dir . '/pg_hba.conf';
    unlink $path;
    PostgreSQL::Test::Utils::append_to_file($path, join '', map { "$_\n" } @lines);
    return;
}

sub enroll
{
    my ($self, $role, $tenant, $attributes) = @_;
    $self->value(sprintf 'CREATE ROLE %s LOGIN %s', $role, $attributes // '');
    $self->value(qq{SELECT tenant_vault.enroll('$role', '$tenant')});
    return;
}

# One attempt by psql; password undef: none is given. Options: host, dbname, sql, conninfo (more of
# it), env.
sub log_in
{
    my ($self, $user, $password, %option) = @_;
    my $conninfo = sprintf q{host='%s' port=%d dbname=%s user='%s' %s}, $option{host} // $self->host, $self->port,
        $option{dbname} // 'postgres', $user, $option{conninfo} // '';
    local %ENV = $self->_get_env(%{ $option{env} // {} });
    delete $ENV{PGPASSWORD};
    $ENV{PGPASSWORD} = $password if defined $password;
    $ENV{PGPASSFILE} = '/nowhere/pgpass';
    my ($out, $err) = ('', '');
    my $started = time;
    IPC::Run::run([$self->installed_command('psql'), '-XAtqw', '-v', 'VERBOSITY=verbose', '-d', $conninfo, '-c',
            $option{sql} // 'SELECT current_user'],
        '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(PSQL_SECONDS));
    my %answer = (exit => $? >> 8, seconds => time - $started, out => $out, err => $err);
    chomp $answer{$_} for 'out', 'err';
    # What libpq prints of a refusal has no SQLSTATE: the server's log has it.
    ($answer{message}) = $answer{err} =~ /(?:FATAL|ERROR):  (.*)/;
    $answer{message} //= $answer{err};
    return \%answer;
}

sub logs_in
{
    my ($node, $user, $password, $name, %option) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = $node->log_in($user, $password, %option);
    return ok($answer->{exit} == 0 && $answer->{out} eq ($option{expect} // $user), $name)
      || diag "exit $answer->{exit}, out \"$answer->{out}\", err \"$answer->{err}\"";
}

# How a Python driver connects, by libpq's environment variables, and prints current_user.
my %python = (
    psycopg => 'import psycopg; print(psycopg.connect("").execute("select current_user").fetchone()[0])',
    asyncpg => <<'CODE');
import asyncio, asyncpg
async def f():
    connection = await asyncpg.connect()
    print(await connection.fetchval("select current_user"))
    await connection.close()
asyncio.run(f())
CODE

# Options: error (what it says instead of logging in); all else is environment.
sub python_logs_in
{
    my ($node, $driver, $user, $password, $name, %option) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $error = delete $option{error};
    local %ENV = $node->_get_env(PGUSER => $user, PGPASSWORD => $password, PGDATABASE => 'postgres', PGHOST => '127.0.0.1',
        PGCLIENTENCODING => 'UTF8', %option);
    my $output = `$ENV{PWD}/build/tools/venv/bin/python -c '$python{$driver}' 2>&1`;
    return like($output, $error, $name) if $error;
    return is($output, "$user\n", $name);
}

# Refused as for a wrong password, in PostgreSQL's own words.
sub is_locked_out
{
    my ($node, $user, $password, $name, %option) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = $node->log_in($user, $password, %option);
    my $message = $option{message} // qr/^password authentication failed for user "\Q$user\E"$/;
    return ok($answer->{exit} == 2 && $answer->{message} =~ $message, $name)
      || diag "exit $answer->{exit}, out \"$answer->{out}\", err \"$answer->{err}\"";
}

1;
