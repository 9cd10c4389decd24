# Replies that OpenBao cannot be made to give: each ends in a clear error within request_timeout,
# the token goes nowhere else, and the extension goes on working.
#
# One scripted server; a tenant's name says what is done to those who ask for it.
#
#  1. not JSON, truncated, empty, 10 MB, nested 10,000 deep, \u0000, duplicate keys, trailing
#     garbage, broken UTF-8, wrong shapes, absurd headers
#  2. never ending, one byte a second, nothing at all, cut after the head
#  3. redirects: to another host, to another scheme, in a loop, within the listed addresses
#  4. 429 with and without Retry-After, 429 of a lagging standby, 412
#  5. 500, 502, 503: retried for reads, and the error names the status
#  6. the token repeated in a reply is shown to nobody
#  7. after all that, everything else still works, with the same fetcher
use strict;
use warnings;

use AnswerChecks;
use PostgreSQL::Test::Utils;
use ScriptedHttp;
use TenantVaultNode;
use Test::More;
use Time::HiRes qw(sleep time);

use constant TIMEOUT => 4;    # request_timeout, seconds

my $token = 's.token-of-this-test';
my $good = sub { ScriptedHttp::good_secret_text($_[0]) };
my $redirect = sub {
    my ($to, $status) = @_;
    return sub { $_[0]->reply($status // 307, '', Location => ref $to ? $to->($_[0]) : $to) }
};

my $stranger = ScriptedHttp->new;    # an address that the settings do not list
my $second = ScriptedHttp->new;    # one that they list later
my $first = ScriptedHttp->new(
    'not-json' => sub { $_[0]->json_text(200, 'Welcome to nginx!') },
    'html' =>
        sub { $_[0]->reply(200, '<html><body>hello</body></html>', 'Content-Type' => 'text/html') },
    'truncated' => sub {
        my $text = $good->('truncated');
        $_[0]->json_text(200, substr $text, 0, length($text) - 20);
    },
    'cut' => sub {
        my $text = $good->('cut');
        $_[0]->head(200, 'Content-Length' => length $text);
        $_[0]->text(substr $text, 0, 50);
        $_[0]->hang_up;
    },
    'no-body' => sub { $_[0]->json_text(200, '') },
    'huge' =>
        sub { $_[0]->json_text(200, '{"data":{"data":{"password":"' . 'x' x 10_000_000 . '"}}}') },
    'deep' =>
        sub { $_[0]->json_text(200, '{"data":{"data":' . '[' x 10_000 . ']' x 10_000 . '}}') },
    'nul' => sub {
        (my $text = $good->('nul')) =~ s/s3cret of nul/good\\u0000VALUE/;
        $_[0]->json_text(200, $text);
    },
    'twice' => sub {
        (my $text = $good->('twice')) =~ s/"password":/"password":"VALUE-first","password":/;
        $_[0]->json_text(200, $text);
    },
    'garbage' => sub { $_[0]->json_text(200, $good->('garbage') . 'VALUE-garbage') },
    'latin' =>
        sub { (my $text = $good->('latin')) =~ s/s3cret/s3cr\xe9t/; $_[0]->json_text(200, $text) },
    'list' => sub { $_[0]->json_text(200, '[1,2,3]') },
    'flat' => sub { $_[0]->json_text(200, '{"data":"VALUE"}') },
    'no-metadata' => sub { $_[0]->json_text(200, '{"data":{"data":["VALUE"]}}') },
    'header' => sub { $_[0]->json_text(200, $good->('header'), 'X-Long' => 'x' x 1_000_000) },
    'no-http' => sub { $_[0]->text("220 smtp.example ESMTP\r\n"); $_[0]->hang_up },
    'empty' => sub { $_[0]->hang_up },
    'endless' => sub {
        $_[0]->head(200, 'Transfer-Encoding' => 'chunked');
        while ($_[0]->text("400\r\n" . 'x' x 1024 . "\r\n")) { sleep 0.01 }
    },
    'drip' => sub {
        $_[0]->head(200, 'Content-Length' => 1000);
        for my $byte (split //, $good->('drip')) { $_[0]->text($byte) or last; sleep 1 }
    },
    'silent' => sub { sleep 30 },
    'head-only' => sub { $_[0]->head(200, 'Content-Length' => 1000); sleep 30 },
    'to-stranger' => $redirect->(sub { $stranger->address . $_[0]->request->{path} }),
    'to-stranger-302' => $redirect->(sub { $stranger->address . $_[0]->request->{path} }, 302),
    'to-loop' => $redirect->(sub { $_[0]->request->{path} }),
    'to-ping-pong' => $redirect->(
        sub { $second->address . '/v1/secret/data/saas-project/dev/tenants/to-second/database' }
    ),
    'to-file' => $redirect->('file:///etc/passwd'),
    'to-nowhere' => sub { $_[0]->reply(307, '') },
    'to-second' => $redirect->(sub { $second->address . $_[0]->request->{path} }),
    'quota' => sub { $_[0]->json_text(429, '{"errors":["rate limit quota exceeded"]}') },
    'quota-once' => sub {
        $_[0]->count == 1
            ? $_[0]->json_text(429, '{"errors":["rate limit quota exceeded"]}', 'Retry-After' => 1)
            : $_[0]->good;
    },
    'quota-long' => sub {
        $_[0]->json_text(429, '{"errors":["rate limit quota exceeded"]}', 'Retry-After' => 3600);
    },
    'quota-odd' => sub {
        $_[0]->json_text(
            429,
            '{"errors":["rate limit quota exceeded"]}',
            'Retry-After' => 'Tue, 99 Foo 20:00');
    },
    'lagging' => sub { $_[0]->json_text(429, '{"errors":[]}') },
    'precondition-once' =>
        sub { $_[0]->count == 1 ? $_[0]->json_text(412, '{"errors":[]}') : $_[0]->good },
    'e500' => sub { $_[0]->json_text(500, '{"errors":["internal error of the test"]}') },
    'e500-once' => sub {
        $_[0]->count == 1 ? $_[0]->json_text(500, '{"errors":["internal error"]}') : $_[0]->good;
    },
    'e502' => sub { $_[0]->reply(502, '<html>Bad Gateway</html>', 'Content-Type' => 'text/html') },
    'e503' => sub { $_[0]->reply(503, 'no healthy upstream') },
    'e418' => sub { $_[0]->json_text(418, '{"errors":["teapot"]}') },
    'echo' => sub {
        my $sent = $_[0]->request->{headers}{'x-vault-token'};
        $_[0]->json_text(500, qq({"request_id":"$sent","errors":["who is $sent?"]}));
    },
    'forged' => sub { $_[0]->json_text(500, '{"errors":["line one\nLOG:  forged line"]}') },);

my $folder = PostgreSQL::Test::Utils::tempdir('token');
PostgreSQL::Test::Utils::append_to_file("$folder/token", $token);
chmod 0600, "$folder/token";
my $node = TenantVaultNode->create(
    'main',
    settings => {
        address => $first->address,
        auth_method => 'token_file',
        token_file => "$folder/token",
        request_timeout => TIMEOUT . 's',
        negative_ttl => 0
    });

sub password
{
    my ($tenant) = @_;
    return "SELECT password FROM tenant_vault.credentials('$tenant')";
}
is_answer(
    $node->ask(password('acme')),
    's3cret of acme',
    'the scripted server answers like a Vault');
my $fetcher = $node->status->{fetcher_pid};
my $log = $node->log_mark;

# All cases in parallel sessions: each waits for its own only. Each: tenant, SQLSTATE, words.
my @cases = (
    ['not-json', '58030', qr/JSON/],
    ['html', '58030', qr/JSON/],
    ['truncated', '58030', qr/JSON/],
    ['cut', qr/58000|58030/, qr/./],
    ['no-body', '58030', qr/./],
    ['huge', '58030', qr/large|bytes|MB/i],
    ['deep', '58030', qr/nest|deep|depth/],
    ['nul', '58030', qr/u0000|NUL/],
    ['twice', '58030', qr/duplicate|twice|equal/i],
    ['garbage', '58030', qr/JSON|trailing/],
    ['latin', '58030', qr/UTF-8/],
    ['list', '58030', qr/./],
    ['flat', '58030', qr/./],
    ['no-metadata', '58030', qr/./],
    # libcurl before 8.0 reports a header line beyond its bound as a lack of memory.
    ['header', qr/58000|58030|53200/, qr/./],
    ['no-http', qr/58000|58030/, qr/./],
    ['empty', qr/58000|58030/, qr/./],
    ['endless', qr/58000|58030/, qr/./],
    ['drip', '58000', qr/time|slow/i],
    ['silent', '58000', qr/time/i],
    ['head-only', '58000', qr/time|slow/i],
    ['to-stranger', '58030', qr/redirect/],
    ['to-stranger-302', '58030', qr/redirect/],
    ['to-loop', '58030', qr/redirect/],
    ['to-ping-pong', '58030', qr/redirect/],
    ['to-file', '58030', qr/redirect/],
    ['to-nowhere', '58030', qr/redirect|Location/],
    ['quota', '53400', qr/rate limit quota exceeded/],
    ['quota-long', '53400', qr/rate limit quota exceeded/],
    ['quota-odd', '53400', qr/rate limit quota exceeded/],
    ['lagging', '58000', qr/./],
    ['e500', '58000', qr/500.*internal error of the test|internal error of the test/],
    ['e502', '58000', qr/502/],
    ['e503', '58000', qr/503/],
    ['e418', qr/58\d+/, qr/418|teapot/],
    ['echo', '58000', qr/500: who is \*+\?/],
    ['forged', '58000', qr/line one/]);
my @answers = $node->sessions([map { password($_->[0]) } @cases]);
for my $i (0 .. $#cases) {
    my ($tenant, $sqlstate, $words) = @{ $cases[$i] };
    my $answer = $answers[$i];
    ok( $answer->{exit} > 0 && $answer->{sqlstate} =~ /^$sqlstate$/ && $answer->{message} =~ $words,
        "$tenant: a clear error"
    ) or diag "$answer->{exit} $answer->{out} $answer->{err}; expected $sqlstate $words";
    cmp_ok($answer->{seconds}, '<', TIMEOUT + 2, "$tenant: ... in time");
}
is(scalar(grep { $_->{err} =~ /VALUE/ } @answers), 0, 'no error shows a value of the reply');
is(scalar(grep { $_->{err} =~ /\Q$token\E/ } @answers), 0, '... nor the token that it repeats');

### 3

is(scalar(my @none = $stranger->requests),
    0, 'a redirect to an address that is not listed is not followed: the token did not leave');
is(scalar(@none = $second->requests), 0, '... nor by way of a loop');
$node->change_settings(address => $first->address . ',' . $second->address);
ok( $node->wait_until(sub { $node->ask(password('to-second'))->{out} eq 's3cret of to-second' }, 5),
    'a redirect to a listed address is followed');
my ($followed) = $second->requests(tenant => 'to-second');
is($followed->{headers}{'x-vault-token'},
    $token, '... with the token, which is for that address too');
cmp_ok(scalar(my @loop = $first->requests(tenant => 'to-loop')),
    '<=', 8, 'a redirect loop ends after a few requests');

$node->change_settings(address => $first->address);

### 4

my $answer = $node->ask(password('quota-once'));
is_answer(
    $answer,
    's3cret of quota-once',
    'a quota that is over after Retry-After costs time, not an error');
cmp_ok($answer->{seconds}, '>=', 0.9, '... and the wait was honoured');
is_answer(
    $node->ask(password('precondition-once')),
    's3cret of precondition-once',
    'a 412 is retried');
cmp_ok(scalar(my @long = $first->requests(tenant => 'quota-long')),
    '<=', 2, 'a Retry-After beyond request_timeout is not hammered');

for my $tenant ('quota', 'quota-odd') {
    cmp_ok(scalar(my @requests = $first->requests(tenant => $tenant)),
        '<=', 6, "$tenant: retried, but within bounds");
}
my @lagging = $first->requests(tenant => 'lagging');
cmp_ok(scalar(@lagging), '>=', 3,
    'a standby that lags is asked again, because that may pass at any moment');
cmp_ok(scalar(@lagging), '<=', 10 * TIMEOUT, '... but not in a busy loop');

### 5

is_answer(
    $node->ask(password('e500-once')),
    's3cret of e500-once',
    'one 500 is retried, and nobody notices');
for my $tenant ('e500', 'e502', 'e503') {
    my @requests = $first->requests(tenant => $tenant);
    cmp_ok(scalar(@requests), '>=', 2, "$tenant: a read is retried");
    cmp_ok(scalar(@requests), '<=', 12, "$tenant: ... within bounds");
}

### 6 and 7

is_answer($node->ask(password('beta')), 's3cret of beta', 'everything else still works');
is($node->status->{fetcher_pid}, $fetcher, '... with the same fetcher');
my $lines = $node->log_since($log);
unlike($lines, qr/VALUE/, 'no value of a refused reply is in the log');
unlike($lines, qr/\Q$token\E/, '... nor the token');
unlike($lines, qr/^LOG:  forged/m, '... and a reply cannot forge a line of it');
is(scalar(grep { ($_->{headers}{'user-agent'} // '') !~ /tenant.vault/i } $first->requests),
    0, 'every request names us as its user agent');

$node->stop;
done_testing();
