# ProductionCluster.pm - the three nodes of docker/production, as docs/production.md sets them up,
# on loopback ports: real OpenBao with TLS, raft, a static seal, audit and metrics.
#
#   my $cluster = ProductionCluster->new('production');   # installed and initialised by the page
#   my @nodes = $cluster->nodes;      # each a VaultServer: api, put, approle, kill9, ...
#   my $leader = $cluster->leader;    # once there is one
#   $nodes[0]->stop; $nodes[0]->start;
#   $cluster->env($node);             # what the pages' commands find in their environment
#   $cluster->run_page($page, 'Taking one', $node);   # the section's commands, each a test
package ProductionCluster;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use DocPage;
use VaultServer;

use constant {
    NODES => 3,
    PORTS => 4,    # API, raft, metrics, and one that OpenBao takes beside the last
    WAIT_SECONDS => 60,    # for a node to answer, an election, a join: they take 1 to 15 s
    POLL => 0.1,
};

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $owner = $$;
my @nodes;

sub top { return $top; }

sub new
{
    my ($class, $name) = @_;
    my $self = bless { name => $name, dir => PostgreSQL::Test::Utils::tempdir($name) }, $class;
    mkdir "$self->{dir}/admin";
    mkdir $self->log_folder; # one for all: raft has one list of audit devices
    symlink "$top/docker", "$self->{dir}/admin/docker" or croak "docker: $!";
    $self->{page} = DocPage->new("$top/docs/production.md");
    $self->{nodes} = [ map { ProductionNode->new($self, "vault$_") } 1 .. NODES ];
    $self->_write_cluster_conf;
    $self->_install;
    $_->launch for $self->nodes;
    $self->initialise;
    $self->run_page($self->{page}, 'Certificates of its own');
    return $self;
}

sub nodes { my ($self) = @_; return @{ $self->{nodes} }; }
sub page { my ($self) = @_; return $self->{page}; }
sub admin_folder { my ($self) = @_; return "$self->{dir}/admin"; }
sub log_folder { my ($self) = @_; return "$self->{dir}/log"; }
sub audit_log { my ($self) = @_; return $self->log_folder . '/audit.log'; }
sub leader { my ($self) = @_; return VaultServer->wait_for_leader($self->nodes); }
sub cluster_conf { my ($self) = @_; return "$self->{dir}/admin/cluster.conf"; }
sub root_token { my ($self) = @_; return ($self->nodes)[0]->root_token; }

sub _write_cluster_conf
{
    my ($self) = @_;
    PostgreSQL::Test::Utils::append_to_file($self->cluster_conf,
        join '', map { $_->cluster_line } $self->nodes);
    return;
}

sub _install
{
    my ($self) = @_;
    $self->run_page($self->{page}, 'Once, on any machine');
    for my $node ($self->nodes) {
        PostgreSQL::Test::Utils::system_or_bail('cp', '-r', $self->admin_folder . "/first/$node->{name}", $node->etc . '/tls');
        PostgreSQL::Test::Utils::system_or_bail('cp', $self->admin_folder . '/unseal.key', $node->etc);
        $self->run_page($self->{page}, 'On each node', $node);
    }
    return;
}

sub initialise
{
    my ($self) = @_;
    my ($first) = $self->nodes;
    $self->run_page($self->{page}, 'The first start', $first, BAO_TOKEN => undef);
    my $init = JSON::PP::decode_json(PostgreSQL::Test::Utils::slurp_file($self->admin_folder . '/init.json'));
    $_->take_root_token($init->{root_token}) for $self->nodes;
    $self->wait_for_members;
    return;
}

# Until every node is unsealed and may vote.
sub wait_for_members
{
    my ($self, $wanted) = @_;
    my $leader;
    my $voters = sub {
        $leader = $self->leader;
        my $servers = $leader->api(GET => 'sys/storage/raft/configuration')->{body}{data}{config}{servers};
        return grep { $_->{voter} } @{$servers};
    };
    my $until = time + WAIT_SECONDS;
    while (time < $until) {
        return if ($wanted // NODES) == (my @found = eval { $voters->() });
        sleep POLL;
    }
    croak "$self->{name}: not all nodes vote";
}

# The environment of the pages' commands; a node's own paths besides.
sub env
{
    my ($self, $node) = @_;
    my %env = (
        PATH => "$top/build/helper:$top/build/tools/bin:$ENV{PATH}",
        HOME => $self->admin_folder,
        BAO_ADDR => ($node // ($self->nodes)[0])->address,
        BAO_CACERT => ($node // ($self->nodes)[0])->ca_cert);
    $env{BAO_TOKEN} = $self->root_token if -e ($self->nodes)[0]->dir . '/root_token';
    @env{qw(NAME ETC DATA LOG LISTEN)} = ($node->{name}, $node->etc, $node->data, $self->log_folder, '127.0.0.1') if $node;
    return %env;
}

# Runs the commands of a section, each block a test. %more: further variables; undef removes one.
sub run_page
{
    my ($self, $page, $heading, $node, %more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %env = ($self->env($node), %more);
    local %ENV = %ENV;
    for my $name (grep { !defined $env{$_} } keys %env) {
        delete $ENV{$name};
        delete $env{$name};
    }
    return map { $page->works($_, $self->admin_folder, %env) } $page->section($heading, 'sh');
}

END {
    my $status = $?;
    if ($$ == $owner) {
        for my $node (@nodes) {
            eval { $node->stop };
        }
    }
    $? = $status;
}

# One node: what VaultServer does, with a process and files of its own.
package ProductionNode;

use parent -norequire, 'VaultServer';

use Carp;
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

sub new
{
    my ($class, $cluster, $name) = @_;
    my $self = bless { name => $name, dir => "$cluster->{dir}/$name", tls => 1, base => _free_ports() }, $class;
    mkdir $_ or croak "$_: $!" for $self->{dir}, $self->etc, $self->data;
    push @nodes, $self;
    return $self;
}

# Below the range that outgoing connections take theirs from: nodes try for minutes to reach one that
# is stopped, and one of those attempts would sooner or later sit on its port.
sub _free_ports
{
    my $free = sub { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $_[0]) };
    for (1 .. 100) {
        my $base = 10_000 + 4 * int rand 5_000;
        return $base if !grep { !$free->($base + $_) } 0 .. ProductionCluster::PORTS - 1;
    }
    croak 'no free ports';
}

sub etc { return "$_[0]->{dir}/etc"; }
sub data { return "$_[0]->{dir}/data"; }
sub port { return $_[0]->{base}; }
sub raft_address { return 'localhost:' . ($_[0]->{base} + 1); }
sub metrics_address { return 'localhost:' . ($_[0]->{base} + 2); }
sub address { return 'https://localhost:' . $_[0]->{base}; }
sub ca_cert { return $_[0]->etc . '/tls/ca.crt'; }

sub cluster_line
{
    my ($self) = @_;
    return join('   ', $self->{name}, 'localhost:' . $self->port, $self->raft_address, $self->metrics_address) . "\n";
}

sub take_root_token
{
    my ($self, $token) = @_;
    VaultServer::write_private("$self->{dir}/root_token", "$token\n");
    VaultServer::write_private("$self->{dir}/root_token.header", "X-Vault-Token: $token\n");
    return;
}

# As vault.service starts it. Waits until it answers, sealed or not.
sub launch
{
    my ($self) = @_;
    my ($exec) = PostgreSQL::Test::Utils::slurp_file(ProductionCluster::top() . '/docker/production/vault.service')
        =~ m{^ExecStart=/usr/bin/(.*)$}m;
    my $etc = $self->etc;
    my @command = map { s{/etc/vault}{$etc}r } split ' ', $exec;
    my $pid = fork // croak "fork: $!";
    if ($pid == 0) {
        setpgrp;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/server.log";
        open STDERR, '>&', \*STDOUT;
        chdir '/';
        exec { ProductionCluster::top() . "/build/tools/bin/$command[0]" } @command or POSIX::_exit(127);
    }
    VaultServer::write_private("$self->{dir}/server.pid", "$pid\n");
    my $until = time + ProductionCluster::WAIT_SECONDS;
    while (time < $until && waitpid($pid, POSIX::WNOHANG) == 0) {
        return if $self->api(GET => 'sys/seal-status', undef, token => '', may_fail => 1)->{status} == 200;
        sleep ProductionCluster::POLL;
    }
    croak "$self->{name} does not start: " . `tail -n 5 '$self->{dir}/server.log'`;
}

# Running and, by its seal, unsealed.
sub start
{
    my ($self) = @_;
    $self->launch;
    my $until = time + ProductionCluster::WAIT_SECONDS;
    while (time < $until) {
        my $health = $self->api(GET => 'sys/health', undef, token => '', may_fail => 1)->{status};
        return if $health == 200 || $health == 429;
        sleep ProductionCluster::POLL;
    }
    croak "$self->{name} does not unseal itself: " . `tail -n 5 '$self->{dir}/server.log'`;
}

sub stop
{
    my ($self) = @_;
    return unless -e "$self->{dir}/server.pid";
    $self->_end('TERM');
    return;
}
sub kill9 { my ($self) = @_; $self->_end('KILL'); return; }
sub restart { my ($self) = @_; $self->stop; $self->start; return; }

sub _end
{
    my ($self, $signal) = @_;
    my $pid = $self->pid;
    kill $signal, $pid;
    my $until = time + 10;
    while (waitpid($pid, POSIX::WNOHANG) == 0) {
        kill 'KILL', $pid if time > $until;
        sleep 0.02;
    }
    unlink "$self->{dir}/server.pid";
    return;
}

1;
