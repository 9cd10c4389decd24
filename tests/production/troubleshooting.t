# docs/troubleshooting.md: each thing happens on real servers, what is seen is what the page shows
# (its text blocks, where an ellipsis stands for anything), and its commands for looking work.
#
#  1. Vault is sealed
#  2. permission denied
#  3. a token has expired
#  4. the application does not start: no credential, no Vault, no environment, a wrong setting
#  5. Vault answers nobody: no audit device can be written
#  6. the extension cannot ask: address, certificate, credential file, library
#  7. a tenant cannot log in
use strict;
use warnings;

use DocPage;
use LoginNode;
use MinioHelper;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultServer;

my $top = MinioHelper::top();
my $page = DocPage->new("$top/docs/troubleshooting.md");
my $vault = VaultServer->new('vault', tls => 1);
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant($_) for qw(acme cold);
$vault->put('saas-project/dev/jwt', { secret_key => 'a key' });
$vault->put_policy('narrow', 'path "secret/data/saas-project/dev/database" { capabilities = ["read"] }');
my $helper = MinioHelper->new($vault);
my %good = $vault->approle('server');
my $pg = LoginNode->create('main', vault => $vault, settings => { %good, cache_ttl => '100ms', stale_limit => 0, negative_ttl => 0, login_max_age => 0 });
$pg->enroll('cold_app', 'cold');
my $question = q{SELECT password FROM tenant_vault.credentials('acme')};
my $answered = sub { $pg->ask($question)->{exit} == 0 };
ok($pg->wait_until($answered, 20), 'all is well at first');

# Every line of the section's text blocks is in what was really seen.
sub is_seen
{
    my ($heading, @outputs) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen = join "\n", @outputs;
    for my $line (map { split /\n/, $_->{text} } $page->section($heading, 'text')) {
        my $pattern = join '.*', map { quotemeta } split /\x{2026}/, $line, -1;
        $line =~ s/\x{2026}/.../g;
        ok($seen =~ /^$pattern$/m, "$heading: \"$line\" is what is seen") or diag substr $seen, 0, 3000;
    }
    return;
}

# What psql shows of an error without its SQLSTATE, as people see it.
sub shown { my ($answer) = @_; return $answer->{err} =~ s/^.*?(ERROR|FATAL):  (?:[0-9A-Z]{5}: )?/$1:  /mr; }

sub looks
{
    my ($heading, %env) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $output = '';
    for my $block ($page->section($heading, 'sh', 'sql')) {
        if ($block->{language} eq 'sql') {
            my $answer = $pg->ask($block->{text});
            is($answer->{exit}, 0, $page->path . ":$block->{line}: the statements work") or diag $answer->{err};
            $output .= "$answer->{out}\n";
            next;
        }
        my $run = $page->works($block, $helper->tempdir, %{ $helper->env }, PATH => "$top/build/helper:$top/build/tools/bin:$ENV{PATH}",
            BAO_ADDR => $vault->address, BAO_CACERT => $vault->ca_cert, BAO_TOKEN => $vault->root_token, HOME => $helper->tempdir,
            LOG => $pg->logfile, %env);
        $output .= $run->{output};
    }
    return $output;
}

sub mended { my ($name) = @_; return ok($pg->wait_until($answered, 30), $name) || diag $pg->ask($question)->{err}; }

### 1

$vault->seal;
is_seen('Vault is sealed', shown($pg->ask($question)), $helper->run('get', 'dev/jwt')->{stderr});
like(looks('Vault is sealed'), qr/sealed/i, '... and looking says so');
$vault->unseal;
mended('unsealed: all is well');

### 2

my %narrow = $vault->approle('narrow', token_policies => 'narrow');
$pg->change_settings(%narrow);
my $refused;
$pg->wait_until(sub { $refused = $pg->ask($question); $refused->{sqlstate} eq '42501' }, 20);
my $token = $vault->credential_file('narrow', $vault->mint_token(policies => ['narrow']));
is_seen('Permission denied', shown($refused), $helper->run('get', 'dev/jwt', { env => { VAULT_TOKEN_FILE => $token } })->{stderr});
like(looks('Permission denied', VAULT_TOKEN_FILE => $token), qr/^deny$/m, '... and looking shows the missing capability');
$pg->change_settings(%good);
mended('with the policy: all is well');

### 3

my $dead = $vault->mint_token;
my $file = $vault->credential_file('dead', $dead);
$pg->change_settings(auth_method => 'token_file', token_file => $file);
$vault->revoke_token($dead);
$pg->wait_until(sub { $refused = $pg->ask($question); $refused->{exit} != 0 }, 20);
is_seen('A token has expired', shown($refused), $helper->run('get', 'dev/jwt', { env => { VAULT_TOKEN_FILE => $file } })->{stderr});
like(looks('A token has expired', VAULT_TOKEN_FILE => $file), qr/permission denied/m, '... and looking says so');
$pg->change_settings(%good, auth_method => 'approle');
mended('with a credential: all is well');

### 4

my @app = ('exec', '--app', '--', 'echo', 'started');
my @starts = (
    $helper->run(@app, { env => { USE_VAULT => 'true', VAULT_TOKEN_FILE => undef, HOME => $helper->tempdir } }),
    $helper->run(@app, { env => { USE_VAULT => 'true', VAULT_ADDR => 'https://127.0.0.1:1' } }),
    $helper->run(@app, { env => { USE_VAULT => 'true', VAULT_ENVIRONMENT => 'nowhere' } }),
    $helper->run(@app, { env => { USE_VAULT => 'maybe' } }),
    $helper->run(@app, { env => { USE_VAULT => 'true', VAULT_TOKEN_FILE => $token, VAULT_ENVIRONMENT => 'prod' } }));
is_deeply([ map { $_->{status} } @starts ], [ 2, 3, 5, 2, 4 ], 'the application does not start, each for its reason');
is(join('', map { $_->{stdout} } @starts), '', '... and is not run');
is_seen('The application does not start', map { $_->{stderr} } @starts);
looks('The application does not start');

### 5

rename $vault->dir . '/audit.log', $vault->dir . '/audit.log.moved';
mkdir $vault->dir . '/audit.log';
kill 'HUP', $vault->pid;
$pg->wait_until(sub { $refused = $pg->ask($question); $refused->{exit} != 0 }, 20);
is_seen('Vault answers nobody', shown($refused), $helper->run('get', 'dev/jwt')->{stderr}, join "\n", grep {/audit: backend/} split /\n/, slurp_file($vault->dir . '/server.log'));
rmdir $vault->dir . '/audit.log';
kill 'HUP', $vault->pid;
mended('the audit log can be written again: all is well');

### 6

my @seen;
for my $bad ({ address => 'https://127.0.0.1:1' }, { ca_cert => "$top/README.md" }, { secret_id_file => '/nowhere/secret_id' }) {
    $pg->change_settings(%{$bad});
    $pg->wait_until(sub { $refused = $pg->ask($question); $refused->{exit} != 0 }, 20);
    push @seen, shown($refused);
    $pg->change_settings(address => $vault->address, ca_cert => $vault->ca_cert, %good);
    mended('mended: all is well');
}
is_seen('The extension cannot ask', @seen);
looks('The extension cannot ask');

### 7

my $mark = $pg->log_mark;
my $wrong = $pg->log_in('cold_app', 'wrong');
$vault->stop;
$pg->wait_until(sub { $pg->value('SELECT tenant_vault.flush()'); 1 });
my $later = $pg->log_in('cold_app', 's3cret of cold');
is_seen('A tenant cannot log in', map { s/^.*?(FATAL: )/$1/mr } $wrong->{err}, $later->{err});
like(looks('A tenant cannot log in'), qr/tenant "cold"/, '... and the log has the reason');

$pg->stop;
done_testing;
