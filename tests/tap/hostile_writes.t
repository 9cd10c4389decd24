# Replies to creating, rotating and dropping that OpenBao cannot be made to give: each ends in a clear
# error, nothing is written a second time, and the new password is shown to nobody.
#
# One scripted server; a tenant's name says what is done to those who ask for it.
#
#  1. what is read makes no sense: nothing is written
#  2. what comes of a write makes no sense, or is an error after the deed: written once, and whether it
#     has been done is said not to be known
#  3. a read that began before a change of unknown outcome does not count after it
#  4. a reply that repeats the request
#  5. everything else still works, with the same fetcher
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use ScriptedHttp;
use TenantVaultNode;
use Test::More;

my $json = JSON::PP->new->utf8;

sub is_change { return $_[0]->request->{method} ne 'GET'; }

# A tenant that is not there when it is read.
sub written { my ($answer) = @_; return sub { is_change($_[0]) ? $answer->($_[0]) : $_[0]->json(404, { errors => [] }) }; }
# One that is.
sub changed { my ($answer) = @_; return sub { is_change($_[0]) ? $answer->($_[0]) : $_[0]->good }; }
# What is read of it instead.
sub read_as
{
    my ($data, $metadata, $status) = @_;
    my $secret = ScriptedHttp::good_secret('x');
    $secret->{data}{data} = $data;
    $secret->{data}{metadata} = $metadata if $metadata;
    return sub { $_[0]->json($status // 200, $secret) };
}

my %metadata = (created_time => '2026-01-01T00:00:00Z', deletion_time => '', destroyed => JSON::PP::false);
my %unreadable = (
    'data-list' => read_as(['x']), 'data-text' => read_as('x'), 'data-number' => read_as(5), 'data-true' => read_as(JSON::PP::true),
    'version-text' => read_as({ username => 'x' }, { %metadata, version => 'one' }), 'version-negative' => read_as({ username => 'x' }, { %metadata, version => -1 }),
    'gone-without-version' => read_as(undef, { %metadata, deletion_time => '2026-01-01T00:00:00Z' }, 404), 'gone-negative' => read_as(undef, { %metadata, version => -1 }, 404),
    'version-huge' => read_as({ username => 'x' }, { %metadata, version => 1e300 }), 'version-half' => read_as({ username => 'x' }, { %metadata, version => 1.5 }));

my $echo = sub { my ($status) = @_; return sub { $_[0]->json($status, { errors => ["cannot write $_[0]->{request}{body}"] }) } };
my %unknown = (
    500 => sub { $_[0]->json(500, { errors => ['internal error'] }) },
    502 => sub { $_[0]->reply(502, '<html>bad gateway</html>', 'Content-Type' => 'text/html') },
    504 => sub { $_[0]->reply(504, '') },
    'hang-up' => sub { $_[0]->hang_up },
    'cut' => sub { $_[0]->head(200, 'Content-Length' => 1000); $_[0]->text('{"data":'); $_[0]->hang_up },
    'no-json' => sub { $_[0]->json_text(200, 'done') },
    'list' => sub { $_[0]->json_text(200, '[]') },
    'no-version' => sub { $_[0]->json(200, { data => {} }) },
    'version-text' => sub { $_[0]->json(200, { data => { version => '7' } }) },
    'huge' => sub { $_[0]->json_text(200, '{"data":{"version":7,"x":"' . 'x' x 10_000_000 . '"}}') });
my %echo = (map { $_ => $echo->($_) } 400, 403, 404, 405, 412, 429, 500, 503);

sub late
{
    my ($reply) = @_;
    return $reply->json(500, { errors => ['internal error'] }) if is_change($reply);
    my $secret = ScriptedHttp::good_secret('late');
    $secret->{data}{data}{password} = $reply->count > 3 ? 'new' : 'old';
    sleep 3 if $reply->count == 2;
    return $reply->json(200, $secret);
}

my $http = ScriptedHttp->new(
    late => \&late,
    %unreadable,
    (map { ("create-$_" => written($unknown{$_}), "rotate-$_" => changed($unknown{$_})) } keys %unknown),
    (map { ("create-echo-$_" => written($echo{$_}), "rotate-echo-$_" => changed($echo{$_})) } keys %echo));
my $token_file = PostgreSQL::Test::Utils::tempdir('token') . '/token';
append_to_file($token_file, 's.token-of-this-test');
chmod 0600, $token_file;
my $node = TenantVaultNode->create('main', settings => { address => $http->address, auth_method => 'token_file', token_file => $token_file, request_timeout => '4s' });

sub changes { my ($tenant) = @_; return scalar grep { $_->{method} ne 'GET' && $_->{path} !~ m{/sys/} } $http->requests(tenant => $tenant); }
my @seen;
sub call { my ($sql) = @_; my $answer = $node->ask($sql); push @seen, $answer->{err}; return $answer; }

### 1

for my $tenant (sort keys %unreadable) {
    for my $call ("create_tenant('$tenant')", "rotate_password('$tenant')", "drop_tenant('$tenant')") {
        my $answer = call("SELECT tenant_vault.$call");
        like($answer->{sqlstate}, qr/^(58030|22000)$/, "$call: an error") or diag $answer->{err};
    }
    is(changes($tenant), 0, '... and nothing is written');
}

### 2

for my $what (sort keys %unknown) {
    for my $function ('create_tenant', 'rotate_password') {
        my $tenant = ($function =~ /(\w+?)_/)[0] . "-$what";
        my $answer = call("SELECT tenant_vault.$function('$tenant')");
        like($answer->{sqlstate}, qr/^(58030|58000)$/, "$function, answered by $what: an error") or diag "$answer->{out} $answer->{err}";
        like("$answer->{message} $answer->{detail}", qr/not known/, '... which says that the outcome is not known') or diag $answer->{err};
        is(changes($tenant), 1, '... and it is sent once');
    }
}
is($node->value(q{SELECT count(*) FROM pg_seclabels WHERE provider = 'tenant_vault'}), '0', 'no role has come of that');

### 3

# The second request is a refresh, which is answered last, and as things were before the fourth: the change.
my $password = q{SELECT password FROM tenant_vault.credentials('late')};
is($node->value($password), 'old', 'a tenant is cached');
my $refresh = $node->start_sessions([q{SELECT tenant_vault.refresh('late')}]);
$node->wait_until(sub { scalar($http->requests(tenant => 'late')) == 2 });
is(call(q{SELECT tenant_vault.rotate_password('late')})->{sqlstate}, '58000', 'its rotation fails after the deed, while it is being read');
my ($refreshed) = $node->finish_sessions($refresh);
is($refreshed->{exit}, 0, '... which goes on') or diag $refreshed->{err};
is($node->value($password), 'new', '... and brings the new password');

### 4

for my $what (sort keys %echo) {
    for my $function ('create_tenant', 'rotate_password') {
        my $tenant = ($function =~ /(\w+?)_/)[0] . "-echo-$what";
        my $answer = call("SELECT tenant_vault.$function('$tenant')");
        isnt($answer->{exit}, 0, "$function, $what with the request in it: an error");
    }
}
my $status = $node->value('SELECT last_error FROM tenant_vault.status');
unlike(join("\n", @seen, $status, $node->log_since(0)), qr/[A-Za-z0-9]{32}|SCRAM-SHA-256\$/, 'no new password and no verifier is shown or logged')
  or diag join "\n", grep { /[A-Za-z0-9]{32}|SCRAM/ } split /\n/, join "\n", @seen, $node->log_since(0);

### 5

is($node->value(q{SELECT username FROM tenant_vault.credentials('fine')}), 'fine_app', 'a tenant can still be read');
is($node->status->{fetcher_starts}, 1, '... by the same fetcher');

$node->stop;
done_testing;
