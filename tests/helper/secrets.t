# get, list, put and database: what goes in comes out, nothing is overwritten unseen, and each form
# of a connection is what libpq reads.
use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8 decode_utf8);
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use Test::More;

use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $json = JSON::PP->new->utf8->canonical;
my $dir = $helper->tempdir;

sub put { my ($path, $text, @options) = @_; return $helper->run('put', @options, $path, { stdin => $text }); }
sub field { my ($path, $name) = @_; return $helper->output('get', '--field', $name, $path); }

my $printable = join '', map { chr } 0x20 .. 0x7e;
is(put('dev/x', "plain=value\nodd=$printable\n# a comment\n\nempty=\n")->{stdout}, "1\n", 'put: prints the version written');
is(field('dev/x', 'odd'), $printable, 'put and get: every printable character, byte for byte');
is(field('dev/x', 'empty'), '', 'put: an empty value');
is($json->encode($json->decode($helper->output('get', 'dev/x'))),
    $json->encode({ plain => 'value', odd => $printable, empty => '' }), 'get: the whole secret as JSON');
is(put('dev/j', $json->encode({ text => "two\nlines", n => 5, list => [ 1, 2 ] }))->{status}, 0, 'put: a JSON object');
is(field('dev/j', 'text'), "two\nlines", 'get: a string as it is, without a newline of its own');
is(field('dev/j', 'n'), "5\n", 'get: a number as JSON');
is(put('dev/u', encode_utf8("name=caf\x{e9}"))->{status}, 0, 'put: UTF-8');
is(decode_utf8(field('dev/u', 'name')), "caf\x{e9}", 'get: UTF-8');

my $run = put('dev/x', 'plain=other');
is($run->{status}, 2, 'put: what is there is not replaced unasked');
like($run->{stderr}, qr/--replace/, 'and the hint says how');
is(field('dev/x', 'plain'), 'value', 'and it is as it was');
is(put('dev/x', 'plain=other', '--merge')->{stdout}, "2\n", 'put --merge: a new version');
$vault->put('saas-project/digits/kept', { quota => { bytes => 9007199254740993 } });
$run = put('digits/kept', 'plain=other', '--merge');
is($run->{status}, 6, 'put --merge: not where a number of another field would lose its last digits');
like($run->{stderr}, qr/field quota holds a number/, 'the field is named');
is(put('digits/new', '{"n":9007199254740991}')->{status}, 6, 'put: no number that would be written as another one');
$vault->delete_metadata('saas-project/digits/kept');
is(field('dev/x', 'odd'), $printable, 'put --merge: the other fields stay');
is(put('dev/x', 'only=this', '--replace')->{stdout}, "3\n", 'put --replace: a new version');
is($helper->run('get', '--field', 'odd', 'dev/x')->{status}, 5, 'put --replace: the other fields are gone');
is($helper->output('get', '--version', '2', '--field', 'plain', 'dev/x'), 'other', 'get --version: an older one');
is(put('dev/x', 'a=b', '--cas', '2')->{status}, 2, 'put --cas: not where another version is there');
is(put('dev/x', 'a=b', '--cas', '3')->{stdout}, "4\n", 'put --cas: where it is');
is(put('dev/x', 'a=c', '--no-cas')->{stdout}, "5\n", 'put --no-cas: whatever is there');
is(put('dev/x', 'a=c', '--no-cas', '--replace')->{status}, 2, 'put: two ways exclude each other');

my %refused = (
    'nothing' => [ '', qr/is empty/ ],
    'no =' => [ "a=b\nsecretword", qr/line 2: no =/ ],
    'no name' => [ '=secretword', qr/line 1: no name/ ],
    'a name twice' => [ "a=1\na=secretword", qr/line 2: this name was given before/ ],
    'a quoted name' => [ '"a"=secretword', qr/line 1: a space or a quote/ ],
    'broken JSON' => [ '{"a": "secretword"', qr/JSON/ ],
    'two equal names in JSON' => [ '{"a": "secretword", "a": "x"}', qr/JSON/ ],
    'no fields' => [ '{}', qr/no fields/ ],
    'a NUL' => [ "a=secret\0word", qr/not text/ ],
    'not UTF-8' => [ "a=secretword\xff", qr/not text in UTF-8/ ],
    'more than 1 MiB' => [ 'a=' . 'secretword' x 110_000, qr/longer than 1 MiB/ ]);
for my $name (sort keys %refused) {
    my ($text, $message) = @{ $refused{$name} };
    $run = put('dev/refused', $text);
    is($run->{status}, 2, "put: $name is refused");
    like($run->{stderr}, $message, "$name: and named");
    unlike($run->{stderr}, qr/secretword/, "$name: not shown");
}
is($helper->run('get', 'dev/refused')->{status}, 5, 'nothing was written of all that');
is(put('dev/big', 'a=' . 'x' x 65_536)->{status}, 0, 'put: 64 kB');
is(length field('dev/big', 'a'), 65_536, 'get: 64 kB');

is($helper->output('list', 'dev'), "big\nj\nu\nx\n", 'list: the names, one a line');
is($helper->output('list'), "dev/\n", 'list: the top, folders with a slash');
is($helper->run('list', 'dev/nothing')->{status}, 5, 'list: nothing there');
is($helper->run('get', '../dev/x')->{status}, 2, 'get: a path stays below the prefix');

# A server that asks for the password in the clear, as libpq then sends it.
sub password_of
{
    my ($env, @psql) = @_;
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die;
    my $port = $listener->sockport;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        @ENV{ keys %{$env} } = map { s/PORT/$port/r } values %{$env};
        exec 'psql', '-X', '-w', map { s/PORT/$port/r } @psql or POSIX::_exit(127);
    }
    alarm 20;
    my $client = $listener->accept;
    read $client, my $length, 4;
    read $client, my $startup, unpack('N', $length) - 4;
    print {$client} pack('A N N', 'R', 8, 3);
    $client->flush;
    read $client, my $head, 5;
    my $password = '';
    read $client, $password, unpack('x N', $head // "\0" x 5) - 4 if length($head // '') == 5;
    alarm 0;
    close $client;
    waitpid $pid, 0;
    return $password =~ s/\0\z//r;
}

my $password = " it's \\ a:b \"c\" %20 \$x #y=z";
$vault->put('saas-project/dev/database', {
        main_url => 'postgresql://platform:pw@db.example/platform', tenant_url_template => 'postgresql://127.0.0.1:5432/{database_name}?sslmode=disable' });
sub connection { my ($format) = @_; return $helper->output('database', '--tenant', 'acme', '--format', $format); }
sub with_port { my ($text) = @_; return $text =~ s/5432/PORT/gr; }
$vault->put('saas-project/dev/tenants/acme/database', { username => 'acme_app', password => $password });

for my $format (qw(uri conninfo)) {
    chomp(my $text = connection($format));
    is(password_of({}, with_port($text)), $password, "database $format: libpq reads the password");
}
{
    my $out = '';
    IPC::Run::run([ 'env', '-i', 'sh', '-c', '. "$0"; exec perl -MJSON::PP -e "print encode_json(\%ENV)"',
            $helper->write_file("$dir/env", connection('env')) ], '>', \$out);
    my $env = $json->decode($out);
    is($env->{PGPASSWORD}, $password, 'database env: the shell reads the password');
    is("$env->{PGHOST} $env->{PGPORT} $env->{PGDATABASE} $env->{PGUSER} $env->{PGSSLMODE}", '127.0.0.1 5432 acme acme_app disable', 'database env: and the rest');
}
sub by_file
{
    my ($variable, $format, @psql) = @_;
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0);
    my $path = "$dir/$format";
    my $text = connection($format);
    # The port is known only once psql is started: the file says any.
    $text = $format eq 'pgpass' ? $text =~ s/:5432:/:*:/r : $text =~ s/^port=.*\n//mr;
    $helper->write_file($path, $text);
    chmod 0600, $path;
    return password_of({ $variable => $path, PGPORT => 'PORT', PGSSLMODE => 'disable' }, @psql);
}
is(by_file('PGPASSFILE', 'pgpass', 'host=127.0.0.1 dbname=acme user=acme_app'), $password, 'database pgpass: libpq reads the password');
is(by_file('PGSERVICEFILE', 'service', 'service=acme'), $password, 'database service: libpq reads the password');

$vault->put('saas-project/dev/tenants/acme/database', { username => 'acme_app', password => 'blank at the end ' });
$run = $helper->run('database', '--tenant', 'acme', '--format', 'service');
is($run->{status}, 6, 'database service: a blank at the end is refused, libpq would strip it');
is($helper->output('database'), "postgresql://platform:pw\@db.example/platform\n", 'database: the platform\'s own');

done_testing();
