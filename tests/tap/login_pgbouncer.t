# Through PgBouncer, with the pgbouncer.ini of docs/login.md: clients and server connections both
# prove the password in Vault by SCRAM.
#
#  1. an enrolled role logs in through PgBouncer; a wrong password does not
#  2. after a rotation the new password is taken, when PgBouncer has asked anew
#  3. a tenant created and rotated by the server's own functions: at once, and with the pool emptied
#  4. all across a restart of PostgreSQL, and a switch to the standby
use strict;
use warnings;

use Cwd ();
use DocPage;
use IO::Socket::INET;
use IPC::Run ();
use LoginNode;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use VaultServer;

my ($pgbouncer) = grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';
plan skip_all => 'PgBouncer is not installed' unless $pgbouncer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my $primary = LoginNode->create('primary', vault => $vault, settings => { $vault->approle('server') }, streaming => 1);
$primary->enroll('acme_app', 'acme');
my $page = DocPage->new("$ENV{PWD}/docs/login.md");
my ($statements) = grep { $_->{text} =~ /pgbouncer_auth/ } $page->blocks('sql');
$primary->value($statements->{text});
$primary->backup('base');
my $standby = LoginNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->{settings} = { %{ $primary->{settings} } };
$standby->write_hba($standby->hba_lines);
$standby->start;
$primary->wait_for_catchup($standby);

### PgBouncer, by the documented configuration with this test's places filled in

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)->sockport;
my ($documented) = map { $_->{text} } $page->blocks('pgbouncer');

sub configure
{
    my ($node) = @_;
    my $text = $documented;
    my %place = ('/run/postgresql' => $node->host, 5432 => $node->port, 6432 => $port, '/etc/pgbouncer/userlist.txt' => "$dir/userlist.txt");
    $text =~ s/^\* = .*$/sprintf '* = host=%s port=%d', $node->host, $node->port/me;
    $text =~ s/^listen_port = .*$/listen_port = $port/m;
    $text =~ s/^auth_file = .*$/auth_file = $dir\/userlist.txt/m;
    $text =~ s/^client_tls.*\n//mg;
    $text .= "unix_socket_dir = $dir\nlogfile = $dir/log\npidfile = $dir/pid\nadmin_users = pgbouncer\n";
    open my $ini, '>', "$dir/pgbouncer.ini" or die $!;
    print {$ini} $text;
    close $ini;
    return;
}
my ($password) = $statements->{text} =~ /CREATE ROLE pgbouncer LOGIN PASSWORD '([^']*)'/;
append_to_file("$dir/userlist.txt", qq{"pgbouncer" "$password"\n});
configure($primary);
system_or_bail($pgbouncer, '-d', '-q', "$dir/pgbouncer.ini");

sub pooler_pid { return 0 + slurp_file("$dir/pid"); }
sub pooled { my ($user, $secret) = @_; return $primary->log_in($user, $secret, host => '127.0.0.1', conninfo => "port=$port"); }
sub admin
{
    my ($command) = @_;
    local $ENV{PGPASSWORD} = $password;
    my ($out, $err);
    IPC::Run::run(['psql', '-XAtq', '-h', $dir, '-p', $port, '-U', 'pgbouncer', 'pgbouncer', '-c', $command], '>', \$out, '2>', \$err)
      or diag $err;
    return;
}
sub pooled_in
{
    my ($secret, $name, $user) = @_;
    my $answer;
    $user //= 'acme_app';
    my $good = $primary->wait_until(sub { $answer = pooled($user, $secret); $answer->{exit} == 0 && $answer->{out} eq $user }, 15);
    return ok($good, $name) || diag $answer->{err};
}

### 1

pooled_in('s3cret of acme', 'an enrolled role logs in through PgBouncer');
isnt(pooled('acme_app', 'wrong')->{exit}, 0, '... and not with a wrong password');
isnt(pooled('nobody', 'x')->{exit}, 0, '... nor an unknown role');
is($primary->value(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'acme_app'}), '1', '... by one connection to the server');

### 2

$vault->put_tenant('acme', { username => 'acme_app', password => 'rotated' });
$primary->value(q{SELECT tenant_vault.refresh('acme')});
admin('RECONNECT');
pooled_in('rotated', 'after a rotation the new password is taken');
isnt(pooled('acme_app', 's3cret of acme')->{exit}, 0, '... and the old one refused');

### 3

$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);
$primary->value(q{SELECT tenant_vault.create_tenant('made')});
sub made { return $vault->tenant_secret('made')->{password}; }
sub made_in { my ($name) = @_; my $made = made(); return pooled_in($made, $name, 'made_app'); }
made_in('a tenant that was just created logs in through PgBouncer');
my $before = made();
$primary->value(q{SELECT tenant_vault.rotate_password('made', terminate => true)});
admin('RECONNECT');
made_in('... and by the rotated password');
isnt(pooled('made_app', $before)->{exit}, 0, '... and no longer by the one before');
my $verifier = q{SELECT passwd FROM tenant_vault.pgbouncer_auth('made_app')};
my $pooled_verifier = $primary->value($verifier);
is($pooled_verifier, $vault->tenant_secret('made')->{scram_verifier}, '... by the verifier that was written beside it');

### 4

$primary->restart;
pooled_in('rotated', 'PostgreSQL restarted: the role logs in through PgBouncer again');
made_in('... the created one too');
is($primary->value($verifier), $pooled_verifier, '... by the same verifier');
$primary->wait_for_catchup($standby);
$primary->stop;
configure($standby);
admin('RELOAD');
admin('RECONNECT');
pooled_in('rotated', 'PgBouncer pointed to the standby: the role logs in there');
made_in('... the created one too');
is($standby->value($verifier), $pooled_verifier, '... by the same verifier');
$standby->promote;
$standby->value(q{SELECT tenant_vault.rotate_password('made', terminate => true)});
admin('RECONNECT');
made_in('the standby promoted: it rotates, and the new password logs in through PgBouncer');
is((split /[:\$]/, $standby->value($verifier))[2], (split /[:\$]/, $pooled_verifier)[2], '... with the salt that there always was');

kill 'INT', pooler_pid();
$standby->stop;
done_testing;
