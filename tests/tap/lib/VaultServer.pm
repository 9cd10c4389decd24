# VaultServer.pm - a real OpenBao for one test: started, sealed, killed, frozen, joined to a
# cluster, and filled with mounts, policies, roles and secrets.
#
# A wrapper around tests/setup/vault_server, which knows how to start OpenBao; what is said to
# the running server goes by curl, because Perl's own HTTP client has no TLS without modules
# that Debian does not install by default. Refuses (dies on) every reply of 400 and above
# unless the test says `may_fail`. Servers that a test leaves running are stopped at its end.
#
#   my $vault = VaultServer->new('vault');              # running, unsealed, secret/ mounted
#   $vault->put('saas-project/dev/database', {...});    # below the KV mount
#   $vault->stop; $vault->start; $vault->seal; $vault->unseal; $vault->kill9;
#   $vault->audit_count(path => 'auth/approle/login');
package VaultServer;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use Fcntl;
use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use constant {
    API_SECONDS => 20,    # longest wait for one reply of the server to the test itself
    LEADER_SECONDS => 20,    # longest wait for a raft election; it takes 2 to 5 s
    LEADER_POLL => 0.1, };

# What the extension's own login may do, as the documentation tells an administrator to write it.
our $TENANT_POLICY = <<'END';
path "secret/data/saas-project/*" { capabilities = ["read"] }
path "secret/metadata/saas-project/*" { capabilities = ["list"] }
END

# What it needs besides to create, rotate and drop tenants.
our $WRITE_POLICY = $TENANT_POLICY . <<'END';
path "secret/data/saas-project/dev/tenants/*" { capabilities = ["create", "read", "update", "delete"] }
path "secret/metadata/saas-project/dev/tenants/*" { capabilities = ["delete", "list"] }
END

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $setup = abs_path(dirname(__FILE__) . '/../../setup');
my $owner = $$;
my @servers;

# Options: tls => 1, audit => 0 (on by default), join => $other, certificate => $issued (of
# TestCertificates.pm; then it speaks TLS with that one), bare => 1 (process only: not
# initialised, nothing mounted), mounted => 0 (no KV mount at secret/).
sub new
{
    my ($class, $name, %option) = @_;
    my $self = bless {
        name => $name,
        dir => PostgreSQL::Test::Utils::tempdir($name),
        audit => $option{audit} // 1,
        tls => $option{tls} || $option{certificate},
        join => $option{join},
    }, $class;

    $self->_use_certificate($option{certificate}) if $option{certificate};
    $self->{join}->share_tls_with($self) if $option{join} && $self->{tls};
    push @servers, $self;
    if ($option{bare}) {
        $self->_control('launch');
        return $self;
    }
    $self->start;
    if (!$option{join} && ($option{mounted} // 1)) {
        $self->api(POST => 'sys/mounts/secret', { type => 'kv', options => { version => '2' } });
        $self->wait_for_kv;
    }
    return $self;
}

sub wait_for_kv
{
    my ($self) = @_;
    # A fresh KV v2 mount answers 400 "Upgrading from non-versioned to versioned data" at first.
    for (1 .. API_SECONDS / LEADER_POLL) {
        my $reply = $self->api(GET => 'secret/data/ready', undef, may_fail => 1);
        return if $reply->{status} == 404;
        sleep LEADER_POLL;
    }
    croak "$self->{name}: the KV mount does not become ready";
}

### The process

sub start { $_[0]->_control('start'); return; }
sub stop { $_[0]->thaw if $_[0]->{frozen}; $_[0]->_control('stop'); return; }
sub restart { $_[0]->_control('restart'); return; }
sub seal { $_[0]->api(PUT => 'sys/seal'); return; }
sub unseal { $_[0]->_control('unseal'); return; }
# Running again, but still sealed.
sub launch { $_[0]->_control('launch'); return; }

# Back into its cluster, as whatever the others make of it (start waits until a first node leads).
sub rejoin
{
    my ($self) = @_;
    $self->launch;
    chomp(my $key = PostgreSQL::Test::Utils::slurp_file("$self->{dir}/unseal_key"));
    $self->api(PUT => 'sys/unseal', { key => $key }, token => '');
    return;
}

sub kill9
{
    my ($self) = @_;
    my $pid = $self->pid;
    kill 'KILL', $pid or croak "$self->{name}: no process $pid";
    for (1 .. 200) {
        last unless kill 0, $pid;
        sleep 0.02;
    }
    unlink "$self->{dir}/server.pid";
    return;
}

# A server that accepts connections and never answers.
sub freeze { my ($self) = @_; kill 'STOP', $self->pid; $self->{frozen} = 1; return; }
sub thaw { my ($self) = @_; kill 'CONT', $self->pid; $self->{frozen} = 0; return; }

sub pid
{
    my ($self) = @_;
    return 0 + PostgreSQL::Test::Utils::slurp_file("$self->{dir}/server.pid");
}
sub dir { return $_[0]->{dir}; }

sub port
{
    my ($self) = @_;
    return (split ' ', PostgreSQL::Test::Utils::slurp_file("$self->{dir}/ports"))[0];
}

sub address
{
    my ($self) = @_;
    return ($self->{tls} ? 'https' : 'http') . '://127.0.0.1:' . $self->port;
}
sub ca_cert { return "$_[0]->{dir}/tls/ca.crt"; }

sub root_token
{
    my ($self) = @_;
    chomp(my $token = PostgreSQL::Test::Utils::slurp_file("$self->{dir}/root_token"));
    return $token;
}

sub _control
{
    my ($self, $command) = @_;
    my @options;
    push @options, '--tls' if $self->{tls};
    push @options, '--audit' if $self->{audit};
    push @options, '--join', $self->{join}->dir if $self->{join};
    @options = () unless $command eq 'start' || $command eq 'launch' || $command eq 'restart';
    my $output = '';
    IPC::Run::run(["$setup/vault_server", $command, $self->{dir}, @options],
        '<', \undef, '>', \$output, '2>&1')
        or croak "$self->{name}: vault_server $command: $output";
    return;
}

sub _use_certificate
{
    my ($self, $certificate) = @_;
    mkdir "$self->{dir}/tls";
    my %copies = ('ca.crt' => 'ca_cert', 'server.crt' => 'cert', 'server.key' => 'key');
    while (my ($file, $what) = each %copies) {
        write_private("$self->{dir}/tls/$file",
            PostgreSQL::Test::Utils::slurp_file($certificate->{$what}));
    }
    return;
}

# Shows another certificate (of TestCertificates.pm) to those who connect from now on. It may be
# one that this module does not believe itself: then api() does not work until the next change.
sub change_certificate
{
    my ($self, $certificate) = @_;
    $self->_use_certificate($certificate);
    kill 'HUP', $self->pid;
    my $shown = '';
    my $wanted = join '', grep { !/CERTIFICATE/ } split /^/,
        PostgreSQL::Test::Utils::slurp_file($certificate->{cert});
    for (1 .. API_SECONDS / LEADER_POLL) {
        IPC::Run::run(['openssl', 's_client', '-connect', '127.0.0.1:' . $self->port],
            '<', \undef, '>', \$shown, '2>', \my $noise);
        return if index($shown, $wanted) >= 0;
        sleep LEADER_POLL;
    }
    croak "$self->{name}: the new certificate is not shown";
}

# Another node of the cluster uses this one's certificate: all are 127.0.0.1.
sub share_tls_with
{
    my ($self, $other) = @_;
    $other->_use_certificate({
        ca_cert => $self->ca_cert,
        cert => "$self->{dir}/tls/server.crt",
        key => "$self->{dir}/tls/server.key" });
    return;
}

### What is said to it

# Returns { status, body (decoded, undef where empty) }. Options: token (default: root's; '' for
# none), namespace, wrap_ttl, may_fail (a reply of 400 and above is returned, not fatal; status
# is 0 where there was none).
sub api
{
    my ($self, $method, $path, $body, %option) = @_;
    my @headers;
    my $token = $option{token} // 'root';
    if ($token eq 'root') {
        push @headers, '--header', "\@$self->{dir}/root_token.header"
            if -e "$self->{dir}/root_token.header";
    }
    elsif ($token ne '') {
        push @headers, '--header',
            '@' . write_private("$self->{dir}/other_token.header", "X-Vault-Token: $token\n");
    }
    push @headers, '--header', "X-Vault-Namespace: $option{namespace}" if $option{namespace};
    push @headers, '--header', "X-Vault-Wrap-TTL: $option{wrap_ttl}" if $option{wrap_ttl};
    push @headers, '--cacert', $self->ca_cert if $self->{tls};
    push @headers, '--data-binary', '@-' if defined $body;

    my ($input, $output, $errors) = (defined $body ? $json->encode($body) : '', '', '');
    IPC::Run::run(
        [   'curl', '--silent',
            '--show-error', '--noproxy',
            '*', '--max-time',
            API_SECONDS, '--request',
            $method, @headers,
            '--write-out', "\n%{http_code}",
            $self->address . "/v1/$path"
        ],
        '<',
        \$input,
        '>',
        \$output,
        '2>',
        \$errors);
    my ($text, $status) = $output =~ /\A(.*)\n(\d+)\z/s;
    $status = 0 + ($status // 0);
    croak "$self->{name}: $method $path: $status $errors" . ($text // '')
        if !$option{may_fail} && ($status < 200 || $status >= 300);
    return {
        status => $status,
        body => defined $text && $text =~ /\S/ ? $json->decode($text) : undef };
}

### KV v2 below secret/ (or another mount: mount => 'kv1', version => 1)

# Returns the new version.
sub put
{
    my ($self, $path, $data) = @_;
    return $self->api(POST => "secret/data/$path", { data => $data })->{body}{data}{version};
}

sub delete_version { my ($self, $path) = @_; $self->api(DELETE => "secret/data/$path"); return; }

sub destroy_version
{
    my ($self, $path, $version) = @_;
    $self->api(PUT => "secret/destroy/$path", { versions => [$version] });
    return;
}

sub delete_metadata
{
    my ($self, $path) = @_;
    $self->api(DELETE => "secret/metadata/$path");
    return;
}

sub put_template
{
    my ($self, $template, $environment) = @_;
    return $self->put('saas-project/' . ($environment // 'dev') . '/database',
        { tenant_url_template => $template });
}

# What is in a tenant's secret now, as a hash; undef where there is none. version => n: an older one.
sub tenant_secret
{
    my ($self, $tenant, %option) = @_;
    my $query = $option{version} ? "?version=$option{version}" : '';
    my $reply = $self->api(GET => 'secret/data/' . $self->tenant_path($tenant) . $query, undef, may_fail => 1);
    return $reply->{status} == 200 ? $reply->{body}{data}{data} : undef;
}

# The version that was written last, 0 where there is none.
sub tenant_version
{
    my ($self, $tenant) = @_;
    my $reply = $self->api(GET => 'secret/metadata/' . $self->tenant_path($tenant), undef, may_fail => 1);
    return $reply->{status} == 200 ? $reply->{body}{data}{current_version} : 0;
}

sub tenant_path { my ($self, $tenant) = @_; return "saas-project/dev/tenants/$tenant/database"; }
# A tenant's secret; password 's3cret of <tenant>' where the test gives none.
sub put_tenant
{
    my ($self, $tenant, $data) = @_;
    return $self->put(
        $self->tenant_path($tenant),
        $data // {
            username => "${tenant}_app",
            password => "s3cret of $tenant",
            host => 'db.example',
            sslmode => 'require'
        });
}

### Logging in

sub put_policy
{
    my ($self, $name, $rules) = @_;
    $self->api(PUT => "sys/policies/acl/$name", { policy => $rules // $TENANT_POLICY });
    return;
}

# Enables AppRole (once) and makes a role with the tenants' policy, unless %role says otherwise.
# Returns the settings of tenant_vault that log in by it, with freshly minted files.
sub approle
{
    my ($self, $role, %role) = @_;
    $self->enable_auth('approle');
    $self->put_policy('tenant_vault');
    $self->api(
        POST => "auth/approle/role/$role",
        { token_policies => 'tenant_vault', token_ttl => '1h', %role });
    return (
        auth_method => 'approle',
        role_id_file => $self->role_id_file($role),
        secret_id_file => $self->secret_id_file($role));
}

sub enable_auth
{
    my ($self, $type) = @_;
    $self->api(POST => "sys/auth/$type", { type => $type })
        unless exists $self->api(GET => 'sys/auth')->{body}{data}{"$type/"};
    return;
}

sub role_id
{
    my ($self, $role) = @_;
    return $self->api(GET => "auth/approle/role/$role/role-id")->{body}{data}{role_id};
}

sub role_id_file
{
    my ($self, $role) = @_;
    return $self->credential_file("$role.role_id", $self->role_id($role));
}

# %mint goes to Vault as it is (ttl, num_uses, cidr_list).
sub mint_secret_id
{
    my ($self, $role, %mint) = @_;
    my $reply = $self->api(POST => "auth/approle/role/$role/secret-id", \%mint);
    push @{ $self->{secrets} }, $reply->{body}{data}{secret_id};
    return $reply->{body}{data}{secret_id};
}

sub secret_id_file
{
    my ($self, $role, %mint) = @_;
    return $self->credential_file("$role.secret_id", $self->mint_secret_id($role, %mint));
}

# Returns the wrapping token of a new secret_id.
sub mint_wrapped_secret_id
{
    my ($self, $role, $ttl) = @_;
    return $self->api(POST => "auth/approle/role/$role/secret-id", {}, wrap_ttl => $ttl // '5m')
        ->{body}{wrap_info}{token};
}

# A service token with the tenants' policy; %token goes to Vault as it is.
sub mint_token
{
    my ($self, %token) = @_;
    $self->put_policy('tenant_vault');
    my $auth = $self->api(
        POST => 'auth/token/create',
        { policies => ['tenant_vault'], ttl => '1h', no_parent => JSON::PP::true, %token }
    )->{body}{auth};
    push @{ $self->{secrets} }, $auth->{client_token};
    return $auth->{client_token};
}
# One that Vault takes from addresses in $cidr only: a token role is what can say so.
sub mint_bound_token
{
    my ($self, $cidr) = @_;
    $self->put_policy('tenant_vault');
    $self->api(
        POST => 'auth/token/roles/bound',
        {   allowed_policies => 'tenant_vault',
            orphan => JSON::PP::true,
            token_bound_cidrs => [$cidr]
        });
    return $self->api(
        POST => 'auth/token/create/bound',
        { policies => ['tenant_vault'], ttl => '1h' }
    )->{body}{auth}{client_token};
}

sub revoke_token
{
    my ($self, $token) = @_;
    $self->api(POST => 'auth/token/revoke', { token => $token });
    return;
}

# How many tokens live, whoever has them (root's among them).
sub accessors
{
    my ($self) = @_;
    return sort @{ $self->api(LIST => 'auth/token/accessors')->{body}{data}{keys} };
}
# Those of tokens that came by this login path, for example 'auth/approle/login'.
sub accessors_by_login
{
    my ($self, $login_path) = @_;
    return grep {
        my $reply =
            $self->api(POST => 'auth/token/lookup-accessor', { accessor => $_ }, may_fail => 1);
        ($reply->{body}{data}{path} // '') eq $login_path;
    } $self->accessors;
}

# The role_ids that Vault has locked after failed logins.
sub locked_role_ids
{
    my ($self) = @_;
    my $data = $self->api(GET => 'sys/locked-users')->{body}{data};
    return map { @{ $_->{alias_identifiers} // [] } }
        map { @{ $_->{mount_accessors} // [] } } @{ $data->{by_namespace} // [] };
}

# Writes a file that only its owner may read; returns its path.
sub credential_file
{
    my ($self, $name, $content) = @_;
    mkdir "$self->{dir}/credentials", 0700;
    return write_private("$self->{dir}/credentials/$name", $content);
}

# Written whole under another name and renamed, so that no reader sees half of it.
sub write_private
{
    my ($path, $content) = @_;
    sysopen my $file, "$path.new", O_WRONLY | O_CREAT | O_TRUNC, 0600 or croak "$path.new: $!";
    print {$file} $content or croak "$path.new: $!";
    close $file or croak "$path.new: $!";
    rename "$path.new", $path or croak "$path: $!";
    return $path;
}

### What it has seen

# A place in the audit log: later counts can begin there.
sub audit_mark { my ($self) = @_; return -s "$self->{dir}/audit.log" // 0; }

# Entries (decoded) of replies to requests. Filters: path (string or qr//), operation, since (a
# mark), remote (false: without those that the test itself sent with root's token).
sub audit_entries
{
    my ($self, %filter) = @_;
    open my $log, '<', "$self->{dir}/audit.log" or croak "audit.log: $!";
    seek $log, $filter{since} // 0, 0;
    my @found;
    while (my $line = <$log>) {
        my $entry = eval { $json->decode($line) } or next;
        next unless $entry->{type} eq 'response';
        my $request = $entry->{request};
        next if defined $filter{operation} && $request->{operation} ne $filter{operation};
        if (defined $filter{path}) {
            next
                unless ref $filter{path}
                ? $request->{path} =~ $filter{path}
                : $request->{path} eq $filter{path};
        }
        push @found, $entry;
    }
    return @found;
}

sub audit_count
{
    my ($self, %filter) = @_;
    return scalar(my @entries = $self->audit_entries(%filter));
}

# Reads of a tenant's connection secret.
sub tenant_reads
{
    my ($self, $tenant, $since) = @_;
    return $self->audit_count(
        path => 'secret/data/' . $self->tenant_path($tenant),
        operation => 'read',
        since => $since);
}

sub logins
{
    my ($self, $since) = @_;
    return $self->audit_count(path => qr{^auth/[^/]+/login$}, since => $since);
}

# Every secret_id and token that this test minted, and the root token: for tests of secrecy.
sub minted { my ($self) = @_; return ($self->root_token, @{ $self->{secrets} // [] }); }

### A cluster of three

# Three nodes of one raft cluster, each of which may vote. Returns them, the first leader first.
# Without an audit log: OpenBao wants the same file on each node of a cluster.
sub cluster
{
    my ($class, $name, %option) = @_;
    $option{audit} = 0;
    my $first = $class->new("${name}1", %option);
    # By default a node that has joined may vote after 10 s.
    $first->api(
        POST => 'sys/storage/raft/autopilot/configuration',
        { server_stabilization_time => '1s' });
    my @nodes = ($first, map { $class->new("$name$_", %option, join => $first) } 2, 3);
    $first->_wait_for_voters(scalar @nodes);
    return @nodes;
}

sub _wait_for_voters
{
    my ($self, $wanted) = @_;
    my $deadline = time + LEADER_SECONDS;
    while (time < $deadline) {
        my $config = $self->api(GET => 'sys/storage/raft/configuration')->{body}{data}{config};
        return if $wanted == grep { $_->{voter} } @{ $config->{servers} };
        sleep LEADER_POLL;
    }
    croak "$self->{name}: fewer than $wanted voters within " . LEADER_SECONDS . ' s';
}

# The leader among the nodes given, once there is one that serves.
sub wait_for_leader
{
    my ($class, @nodes) = @_;
    my $deadline = time + LEADER_SECONDS;
    while (time < $deadline) {
        for my $node (@nodes) {
            my $health = $node->api(GET => 'sys/health', undef, token => '', may_fail => 1);
            return $node if $health->{status} == 200;
        }
        sleep LEADER_POLL;
    }
    croak 'no leader within ' . LEADER_SECONDS . ' s';
}

END {
    my $status = $?;
    if ($$ == $owner) {
        for my $server (@servers) {
            eval { $server->stop };
        }
    }
    $? = $status;
}

1;
