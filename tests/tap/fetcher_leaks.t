# The fetcher leaks nothing over 10,000 fetches: under AddressSanitizer (with LeakSanitizer and
# UndefinedBehaviorSanitizer), under valgrind, and by the resident size of the usual build.
#
# The fetches are of every kind that there is: good tenants, missing ones, ones with secrets of no
# use, secrets, versions, lists, refused names, cancelled ones; and the settings change in between.
# Beside each hundred a tenant's secret is created, rotated, deleted or destroyed, in all ways that
# can end.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use FetcherProcess;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultServer;

use constant {
    FETCHES => 10_000,
    WINDOW => 100,    # under way at the same time
    SETTINGS_EVERY => 1000,    # fetches between two changes of the settings
    GROWTH_KB => 1024,    # of the resident size, from 2,000 fetches on: noise of the allocator
};

my $build = abs_path(dirname(__FILE__) . '/../../build');
my $vault = VaultServer->new('vault', audit => 0);
$vault->put_template('postgresql://{username}:{password}@db.example/{tenant}');
$vault->put_tenant("t$_") for 1 .. 20;
$vault->put_tenant('odd', { username => 'u', password => { nested => 'x' } });
$vault->put_tenant('url', { url => 'postgresql://u:p@h/d' });
$vault->put('saas-project/dev/jwt', { secret_key => "k$_", list => [1, { a => 'b' }] }) for 1 .. 2;
$vault->put('saas-project/dev/gone', { a => 'b' });
$vault->delete_version('saas-project/dev/gone');
my %login = (address => $vault->address, $vault->approle('server'), max_request_rate => 100_000);
$vault->put_policy('tenant_vault', $VaultServer::WRITE_POLICY);

# Each by its turn: created, there already, another's, rotated, gone, refused, impossible.
my @writes = (
    [create => 'w'], [create => 'w'], [create => 'w', username => 'other'], [rotate => 'w'], [delete => 'w'],
    [rotate => 'w'], [create => 'w'], [destroy => 'w'], [rotate => 'url'], [create => '../w'], [create => 'w', iterations => 0],
    [create => 'w', scope => 'elsewhere']);

# Each by its turn.
my @kinds = (
    (map { [tenant => "t$_"] } 1 .. 10),
    [tenant => 'url'],
    [tenant => 'odd'],
    [tenant => 'missing'],
    [tenant => 'Not A Name'],
    [secret => 'dev/jwt'],
    [secret => 'dev/jwt', version => 1],
    [secret => 'dev/jwt', version => 99],
    [secret => 'dev/gone'],
    [secret => '../x'],
    [list => '']);

# That many fetches; $at_each is called with the number of those done, window by window.
sub fetch_all
{
    my ($fetcher, $count, $at_each) = @_;
    my $done = 0;
    while ($done < $count) {
        my @ids = map { $fetcher->fetch(@{ $kinds[($done + $_) % @kinds] }) } 1 .. WINDOW;
        # One is cancelled, and has no answer.
        $fetcher->cancel($fetcher->fetch(tenant => 't11'));
        my ($operation, $tenant, %option) = @{ $writes[$done / WINDOW % @writes] };
        push @ids, $fetcher->write_tenant($operation, $tenant, username => 'w_app', iterations => 10, %option);
        $fetcher->answer($_) for @ids;
        $fetcher->{answers} = {};
        $done += WINDOW;
        $fetcher->configure(
            %login,
            -scope => "scope $done",
            connect_timeout => 1 + $done / SETTINGS_EVERY . 's'
        ) if $done % SETTINGS_EVERY == 0;
        $at_each->($done) if $at_each;
    }
    return $done;
}

# A script in the fetcher's place: what checks it, and how.
sub under
{
    my ($name, $script) = @_;
    my $path = PostgreSQL::Test::Utils::tempdir('under') . "/$name";
    PostgreSQL::Test::Utils::append_to_file($path, "#!/bin/sh\n$script\n");
    chmod 0755, $path;
    return $path;
}

my $sanitized = "$build/asan/fetcher/tenant-vault-fetcher";
my %program = (
    AddressSanitizer => under(
        'sanitized',
        "ASAN_OPTIONS=detect_leaks=1:exitcode=88 UBSAN_OPTIONS=print_stacktrace=1 exec $sanitized"
    ),
    valgrind => under(
        'valgrind',
        'exec /usr/bin/valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible'
            . " --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=88 $build/fetcher/tenant-vault-fetcher"
    ));

for my $checker (sort keys %program) {
SKIP: {
        skip 'not built: make asan-fetcher', 3 if $checker eq 'AddressSanitizer' && !-x $sanitized;
        local $ENV{TENANT_VAULT_FETCHER} = $program{$checker};
        my $fetcher = FetcherProcess->new->configure(%login);
        is(fetch_all($fetcher, FETCHES), FETCHES, "under $checker: all fetches are answered");
        is($fetcher->close, 0, '... and nothing was leaked or misused')
            or diag $fetcher->standard_error;
        is($fetcher->standard_error, '', '... nor is there anything to say');
    }
}

local $ENV{TENANT_VAULT_FETCHER} = undef;
delete $ENV{TENANT_VAULT_FETCHER};
my $fetcher = FetcherProcess->new->configure(%login);
my $resident = sub {
    PostgreSQL::Test::Utils::slurp_file('/proc/' . $fetcher->pid . '/status') =~
        /VmRSS:\s+(\d+) kB/ ? $1 : die 'no VmRSS';
};
my $early;
fetch_all($fetcher, FETCHES, sub { $early = $resident->() if $_[0] == 2000 });
my $late = $resident->();
note "resident: $early kB after 2,000 fetches, $late kB after " . FETCHES;
cmp_ok($late - $early, '<', GROWTH_KB,
    'the resident size does not grow with the number of fetches');
is($fetcher->close, 0, '... and the fetcher ends well');

done_testing();
