# TenantVaultNode.pm - a PostgreSQL cluster with tenant_vault preloaded, for one test.
#
# A PostgreSQL::Test::Cluster whose tenant_vault settings lie in a file of their own, so that a
# test can change them as an administrator would (rewrite, reload). Every wait is bounded.
#
#   my $node = TenantVaultNode->create('main', vault => $vault,
#       settings => { $vault->approle('server'), cache_ttl => '2s' });
#   my $answer = $node->ask(q{SELECT tenant_vault.conninfo('acme')});
#   # { out, err, exit, seconds, sqlstate, message, detail, hint }
package TenantVaultNode;

use strict;
use warnings;

use parent -norequire, 'PostgreSQL::Test::Cluster';

use Carp;
use JSON::PP ();
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use constant {
    WAIT_SECONDS => 30,    # longest wait for a state; most come within a second
    SESSION_SECONDS => 60,    # longest life of a session that a test starts
    POLL => 0.05,
    # PostgreSQL::Test's own clusters allow 10 connections; the tests start up to 100 at once.
    MAX_CONNECTIONS => 120, };

my $json = JSON::PP->new->allow_nonref;

# Options: vault (its address and CA become settings), settings (of tenant_vault, without the
# prefix), preload (default 'tenant_vault'; '' for none), streaming (may have standbys), extension
# (default 1: created in database postgres), start (default 1), install_path (as
# PostgreSQL::Test::Cluster's).
sub create
{
    my ($class, $name, %option) = @_;
    my $node =
        $class->new($name, $option{install_path} ? (install_path => $option{install_path}) : ());
    $node->init(allows_streaming => $option{streaming});
    $node->append_conf(
        'postgresql.conf', join "\n",
        'max_connections = ' . MAX_CONNECTIONS,
        # As on a real server: one process that crashes does not end the cluster for good.
        'restart_after_crash = on',
        # Statements of the tests hold tenants' names, never a secret.
        'log_statement = none',
        "include_if_exists = 'tenant_vault.conf'",
        'shared_preload_libraries = ' . _quoted($option{preload} // 'tenant_vault'));
    $node->{settings} = {};
    $node->write_settings(($option{vault} ? _address_of($option{vault}) : ()),
        %{ $option{settings} // {} });
    if ($option{start} // 1) {
        $node->start;
        $node->safe_psql('postgres', 'CREATE EXTENSION tenant_vault') if $option{extension} // 1;
    }
    return $node;
}

sub _quoted { my ($value) = @_; $value =~ s/'/''/g; return "'$value'"; }

sub _address_of
{
    my ($vault) = @_;
    my $address = $vault->address;
    return (address => $address, $address =~ /^https/ ? (ca_cert => $vault->ca_cert) : ());
}

# Adds to the settings, or replaces some (undef removes one); takes effect at reload or start.
sub write_settings
{
    my ($self, %settings) = @_;
    my $all = $self->{settings};
    for my $name (keys %settings) {
        if (defined $settings{$name}) { $all->{$name} = $settings{$name}; }
        else { delete $all->{$name}; }
    }
    my $path = $self->data_dir . '/tenant_vault.conf';
    open my $file, '>', "$path.new" or croak "$path.new: $!";
    for my $name (sort keys %$all) {
        print {$file} "tenant_vault.$name = " . _quoted($all->{$name}) . "\n";
    }
    close $file or croak "$path.new: $!";
    rename "$path.new", $path or croak "$path: $!";
    return;
}

sub change_settings
{
    my ($self, %settings) = @_;
    $self->write_settings(%settings);
    $self->reload;
    return;
}

### Asking

# One statement in a session of its own.
sub ask
{
    my ($self, $sql, %option) = @_;
    my ($answer) = $self->sessions([$sql], %option);
    return $answer;
}

# As ask, and dies unless it succeeds; returns what it printed.
sub value
{
    my ($self, $sql, %option) = @_;
    my $answer = $self->ask($sql, %option);
    croak "$sql: $answer->{err}" if $answer->{exit} != 0;
    return $answer->{out};
}

# Runs each of the texts in a session of its own, all at the same time; returns their answers in
# order. Options: dbname, user, meanwhile (code that is run once all have been started, given
# their psql pids), seconds (limit: what runs longer is ended and has exit -1).
sub sessions
{
    my ($self, $texts, %option) = @_;
    my $sessions = $self->start_sessions($texts, %option);
    $option{meanwhile}->(map { $_->{pid} } @$sessions) if $option{meanwhile};
    return $self->finish_sessions($sessions, %option);
}

sub start_sessions
{
    my ($self, $texts, %option) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('sessions');
    my $number = 0;
    return [map { $self->_start_session($_, "$folder/" . $number++, %option) } @$texts];
}

sub _start_session
{
    my ($self, $text, $base, %option) = @_;
    my @command = (
        $self->installed_command('psql'),
        '-XAtq',
        '-v',
        'ON_ERROR_STOP=1',
        '-v',
        'VERBOSITY=verbose',
        '-d',
        $self->connstr($option{dbname} // 'postgres'),
        ($option{user} ? ('-U', $option{user}) : ()),
        '-f',
        '-');
    my $session = { base => $base, started => time };
    open my $input, '>', "$base.in" or croak "$base.in: $!";
    utf8::encode(my $bytes = "$text\n");
    print {$input} $bytes;
    close $input;
    $session->{pid} = fork // croak "fork: $!";

    if ($session->{pid} == 0) {
        local %ENV = $self->_get_env(PGAPPNAME => 'tenant_vault test');
        # Perl's own handles may be tied to the test's log: the child's are set from below.
        POSIX::dup2(POSIX::open("$base.in", POSIX::O_RDONLY()), 0);
        POSIX::dup2(POSIX::open("$base.out", POSIX::O_WRONLY() | POSIX::O_CREAT(), 0600), 1);
        POSIX::dup2(POSIX::open("$base.err", POSIX::O_WRONLY() | POSIX::O_CREAT(), 0600), 2);
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    return $session;
}

sub finish_sessions
{
    my ($self, $sessions, %option) = @_;
    my $limit = $option{seconds} // SESSION_SECONDS;
    my @open = @$sessions;
    while (@open) {
        my @still;
        for my $session (@open) {
            if (waitpid($session->{pid}, WNOHANG) != 0) {
                $session->{exit} = $? >> 8;
                $session->{seconds} = time - $session->{started};
            }
            elsif (time - $session->{started} > $limit) {
                kill 'KILL', $session->{pid};
                waitpid $session->{pid}, 0;
                $session->{exit} = -1;
                $session->{seconds} = time - $session->{started};
            }
            else { push @still, $session; }
        }
        @open = @still;
        sleep 0.005 if @open;
    }
    return map { _read_answer($_) } @$sessions;
}

sub _read_answer
{
    my ($session) = @_;
    my %answer = (exit => $session->{exit}, seconds => $session->{seconds});
    for my $what ('out', 'err') {
        my $text = PostgreSQL::Test::Utils::slurp_file("$session->{base}.$what");
        utf8::decode($text);
        chomp $text;
        $answer{$what} = $text;
        unlink "$session->{base}.$what";
    }
    unlink "$session->{base}.in";
    ($answer{sqlstate}, $answer{message}) = $answer{err} =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}): (.*)/;
    ($answer{detail}) = $answer{err} =~ /^DETAIL:  (.*)/m;
    ($answer{hint}) = $answer{err} =~ /^HINT:  (.*)/m;
    $answer{$_} //= '' for 'sqlstate', 'message', 'detail', 'hint';
    return \%answer;
}

### What the extension says of itself

# One row of tenant_vault.status, as a hash.
sub status
{
    my ($self) = @_;
    return $json->decode($self->value('SELECT row_to_json(s) FROM tenant_vault.status s'));
}

# The rows of tenant_vault.cached_secrets, by name.
sub cached
{
    my ($self) = @_;
    my $rows = $json->decode(
        $self->value(q{SELECT coalesce(json_agg(c), '[]') FROM tenant_vault.cached_secrets c}));
    return { map { $_->{name} => $_ } @$rows };
}

# Waits until $condition (code, given the status) is true; returns the status, or undef after
# the limit.
sub wait_for_status
{
    my ($self, $condition, $seconds) = @_;
    my $status;
    return $status
        if $self->wait_until(sub { $status = $self->status; $condition->($status) }, $seconds);
    return;
}

# True as soon as $condition is; false after the limit. An error in it counts as not yet.
sub wait_until
{
    my ($self, $condition, $seconds) = @_;
    my $deadline = time + ($seconds // WAIT_SECONDS);
    while (time < $deadline) {
        my $met = eval { $condition->() };
        return 1 if $met;
        sleep POLL;
    }
    return 0;
}

### Its processes

sub postmaster_pid
{
    my ($self) = @_;
    return 0 +
        (split /\n/, PostgreSQL::Test::Utils::slurp_file($self->data_dir . '/postmaster.pid'))[0];
}

# pids of the processes whose parent is $parent.
sub children_of
{
    my ($self, $parent) = @_;
    my @children;
    for my $file (glob '/proc/[0-9]*/stat') {
        my $line = _slurp($file) // next;
        my ($pid, $ppid) = $line =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        push @children, $pid if $ppid == $parent;
    }
    return @children;
}

# The keeper: the postmaster's child whose title says so. 0 where there is none.
sub keeper_pid
{
    my ($self) = @_;
    for my $pid ($self->children_of($self->postmaster_pid)) {
        return $pid if (_slurp("/proc/$pid/cmdline") // '') =~ /tenant_vault keeper/;
    }
    return 0;
}

# The fetcher: the keeper's child. 0 where there is none.
sub fetcher_pid
{
    my ($self) = @_;
    my $keeper = $self->keeper_pid or return 0;
    my ($pid) = $self->children_of($keeper);
    return $pid // 0;
}

# False also for a zombie.
sub alive
{
    my ($class, $pid) = @_;
    my $line = _slurp("/proc/$pid/stat") // return 0;
    return $line =~ /^\d+ \(.*\) ([A-Z])/s && $1 ne 'Z' && $1 ne 'X' ? 1 : 0;
}

sub _slurp
{
    my ($path) = @_;
    open my $file, '<', $path or return;
    local $/ = undef;
    return scalar <$file>;
}

### Its log

# A place in the server's log: later looks can begin there.
sub log_mark { my ($self) = @_; return -s $self->logfile // 0; }

sub log_since
{
    my ($self, $mark) = @_;
    return PostgreSQL::Test::Utils::slurp_file($self->logfile, $mark // 0);
}

# How many lines match.
sub log_count
{
    my ($self, $pattern, $mark) = @_;
    my @lines = grep {/$pattern/} split /\n/, $self->log_since($mark);
    return scalar @lines;
}

1;
