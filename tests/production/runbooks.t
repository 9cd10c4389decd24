# docs/runbooks.md: each thing happens to the cluster of docs/production.md, and is mended by the
# commands that the page has for it.
#
#  1. a role is locked out: found, unlocked, and the extension logs in again
#  2. a secret_id is lost: another one; the old one and every token end
#  3. a token has expired: the extension has another at its next question
#  4. Vault is sealed: a node that was sealed unseals itself when it starts
#  5. no administrator's token is left: three recovery shares make one
#  6. the quorum is lost: the last node alone, then the others back
#  7. back to passwords of PostgreSQL's own
use strict;
use warnings;

use AnswerChecks;
use DocPage;
use LoginNode;
use PostgreSQL::Test::Utils;
use ProductionCluster;
use Test::More;

my $cluster = ProductionCluster->new('runbooks');
my @nodes = $cluster->nodes;
my $page = DocPage->new("$ENV{PWD}/docs/runbooks.md");
$cluster->run_page($cluster->page, 'The secrets');
my $leader = $cluster->leader;
$leader->wait_for_kv;
$leader->put_template('postgresql://db.example/{tenant}');
$leader->put_tenant('acme');

my $role = 'saas-postgres-role';
my $credentials = PostgreSQL::Test::Utils::tempdir('credentials');
my %approle = $leader->approle($role, token_period => '1h');
PostgreSQL::Test::Utils::system_or_bail('cp', '-p', $approle{role_id_file}, "$credentials/role_id");
PostgreSQL::Test::Utils::system_or_bail('cp', '-p', $approle{secret_id_file}, "$credentials/secret_id");
my $pg = LoginNode->create('main', settings => {
    address => join(',', map { $_->address } @nodes),
    ca_cert => $nodes[0]->ca_cert,
    role_id_file => "$credentials/role_id",
    secret_id_file => "$credentials/secret_id",
    cache_ttl => '200ms', stale_limit => '200ms', connect_timeout => '500ms', negative_ttl => 0,
});
$pg->enroll('acme_app', 'acme');

my $question = q{SELECT password FROM tenant_vault.credentials('acme')};

sub answers
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok($pg->wait_until(sub { $pg->ask($question)->{out} eq 's3cret of acme' }, 30), $name) || diag $pg->ask($question)->{err};
}

# The section's commands, in their order.
sub run_book
{
    my ($heading, $node, @only) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %env = ($cluster->env($node // $cluster->leader), CREDENTIALS => $credentials, ROLE => $role, LOG => $cluster->log_folder);
    my $output = '';
    for my $block ($page->section($heading, @only ? @only : ('sh', 'sql'))) {
        if ($block->{language} eq 'sh') {
            $output .= $page->works($block, $cluster->admin_folder, %env)->{output};
        } else {
            my $answer = $pg->ask($block->{text});
            is($answer->{exit}, 0, $page->path . ":$block->{line}: the statements work") or diag $answer->{err};
            $output .= $answer->{out};
        }
    }
    return $output;
}

answers('the extension reads from the cluster');

### 1

my $role_id = $leader->role_id($role);
for (1 .. 6) {
    $leader->api(POST => 'auth/approle/login', { role_id => $role_id, secret_id => 'wrong' }, token => '', may_fail => 1);
}
$pg->value('SELECT tenant_vault.restart_fetcher()');
ok($pg->wait_for_status(sub { !$_[0]{logged_in} && ($_[0]{last_error} // '') =~ /403/ }, 20), 'a locked role: the extension cannot log in');
my $answer = $pg->ask($question);
is($answer->{sqlstate}, '28000', '... and says so');
like($answer->{hint}, qr/locked out/, '... with a hint');
my $said = run_book('A role is locked out');
like($said, qr/127\.0\.0\.1\tinvalid credentials/, 'the audit log shows who tried');
like($said, qr/\Q$role_id\E/, '... and Vault which role');
answers('unlocked: the extension goes on');
is_deeply([ $cluster->leader->locked_role_ids ], [], '... and no role is locked');

### 2

my $old = slurp_file("$credentials/secret_id");
my @tokens = $leader->accessors_by_login('auth/approle/login');
run_book('A secret_id is lost');
isnt(slurp_file("$credentials/secret_id"), $old, 'there is another secret_id');
is((stat "$credentials/secret_id")[2] & 0777, 0600, '... for its owner alone');
is($cluster->leader->api(POST => 'auth/approle/login', { role_id => $role_id, secret_id => $old }, token => '', may_fail => 1)->{status},
    400, '... and the old one is refused');
my %now = map { $_ => 1 } $leader->accessors_by_login('auth/approle/login');
is(scalar(grep { $now{$_} } @tokens), 0, '... with every token that there was');
answers('... and the extension goes on');

### 3

$leader->api(POST => 'auth/token/revoke-accessor', { accessor => $_ }) for $leader->accessors_by_login('auth/approle/login');
answers('a token that was revoked is replaced at the next question');
like(run_book('A token has expired'), qr/^t\|t\|/, '... as status shows');

### 4

$leader = $cluster->leader;
$leader->seal;
ok($pg->wait_until(sub { $leader->api(GET => 'sys/health', undef, token => '', may_fail => 1)->{status} == 503 }, 20), 'the leader is sealed by hand');
like(run_book('Vault is sealed', $leader), qr/^Sealed\s+true$/m, 'bao status says so');
$leader->stop; # what systemctl restart does
$leader->start;
answers('it unseals itself when it starts');

### 5

run_book('No token is left that may administer');
my $new = slurp_file($cluster->admin_folder . '/root_token') =~ s/\s+//gr;
isnt($new, $cluster->root_token, 'another root token is made of three recovery shares');
is($cluster->leader->api(GET => 'sys/auth', undef, token => $new, may_fail => 1)->{status}, 200, '... and it is one');

### 6

$leader = $cluster->leader;
my ($last, $other) = grep { $_ != $leader } @nodes;
$_->kill9 for $leader, $other;
ok($pg->wait_until(sub { $last->api(POST => 'secret/data/x', { data => {} }, may_fail => 1)->{status} !~ /^2/ }, 20), 'two of three are lost: no write');
$last->stop;
my ($peers, $list) = $page->section('The quorum is lost', 'sh');
$page->works($peers, $cluster->admin_folder, $cluster->env($last));
$last->start;
is($cluster->leader, $last, 'the last node leads alone');
answers('... and the extension goes on');
for my $node ($leader, $other) {
    PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $node->data);
    mkdir $node->data;
    $node->start;
}
$cluster->wait_for_members;
my $listed = $page->works($list, $cluster->admin_folder, $cluster->env($last))->{output};
is(scalar(() = $listed =~ /^vault\d\s/mg), 3, 'the others are back, with empty folders');
$last->kill9;
answers('... and are good for it when that node goes');
$last->start;

### 7

is($pg->log_in('acme_app', 's3cret of acme')->{exit}, 0, 'an enrolled role logs in');
run_book('Back to passwords of PostgreSQL\'s own', undef, 'sql');
isnt($pg->log_in('acme_app', 's3cret of acme')->{exit}, 0, '... and is not enrolled any more');

$pg->stop;
done_testing;
