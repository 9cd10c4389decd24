# --output and standard output: whole or not at all, for nobody else's eyes, and not on a terminal.
use strict;
use warnings;

use Fcntl ':mode';
use IO::Pty ();
use IPC::Run ();
use Test::More;

use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
$vault->put('saas-project/dev/tenants/acme/s3', { access_key_id => 'acme-key', secret_access_key => 'acme-s3cret' });
my @acme = ('credentials', '--tenant', 'acme');

sub mode { return sprintf '%04o', S_IMODE((stat $_[0])[2]); }
sub files { opendir my $folder, $_[0] or die; return sort grep { !/^\.\.?$/ } readdir $folder; }

my $old_umask = umask 0;
is($helper->run(@acme, '--output', "$dir/new")->{status}, 0, 'a new file is written');
umask $old_umask;
is(mode("$dir/new"), '0600', 'a new file is closed to others, whatever umask says');
like(PostgreSQL::Test::Utils::slurp_file("$dir/new"), qr/acme-s3cret/, 'it holds the secret');

chmod 0640, "$dir/new";
chown 12345, 23456, "$dir/new" if $> == 0;
$helper->output(@acme, '--output', "$dir/new");
is(mode("$dir/new"), '0640', 'the mode of an existing file is kept');
SKIP: {
    skip 'only root can give files away', 1 if $> != 0;
    is(join(':', (stat "$dir/new")[4, 5]), '12345:23456', 'the owner of an existing file is kept');
}

$helper->write_file("$dir/target", 'old');
symlink 'target', "$dir/link";
my $run = $helper->run(@acme, '--output', "$dir/link");
is($run->{status}, 2, 'a symlink is refused');
like($run->{stderr}, qr/is a symlink/, 'and named as such');
is(PostgreSQL::Test::Utils::slurp_file("$dir/target"), 'old', 'what it points to is as it was');

is($helper->run(@acme, '--output', $dir)->{status}, 2, 'a folder is refused');
is($helper->run(@acme, '--output', "$dir/none/file")->{status}, 2, 'a missing folder is an error');
is(join(' ', files($dir)), 'link new target', 'nothing is left beside the files');

SKIP: {
    skip 'only root can mount', 3 if $> != 0 || system("mkdir $dir/small && mount -t tmpfs -o size=8k none $dir/small") != 0;
    $helper->write_file("$dir/small/file", 'old');
    $helper->write_file("$dir/small/filler", 'x' x 4096);
    $run = $helper->run(@acme, '--output', "$dir/small/file");
    is($run->{status}, 1, 'a full disk is an error');
    is(PostgreSQL::Test::Utils::slurp_file("$dir/small/file"), 'old', 'and leaves the old file');
    is(join(' ', files("$dir/small")), 'file filler', 'and nothing else');
    system "mount -o remount,ro $dir/small";
    is($helper->run(@acme, '--output', "$dir/small/file")->{status}, 2, 'a read-only folder is an error');
    system "umount $dir/small";
}

# /dev/full and a closed descriptor
for my $case ([ 'full', '>/dev/full' ], [ 'closed', '>&-' ]) {
    my ($name, $redirection) = @{$case};
    local %ENV = %{ $helper->env };
    my $errors = '';
    IPC::Run::run([ 'sh', '-c', "exec \"\$@\" $redirection", 'sh', MinioHelper::program(), @acme ], '2>', \$errors);
    is($? >> 8, 1, "a $name standard output is an error");
    unlike($errors, qr/s3cret/, 'and no secret goes elsewhere');
}

sub on_terminal
{
    my (@arguments) = @_;
    local %ENV = %{ $helper->env };
    my ($out, $err) = ('', '');
    IPC::Run::run([ MinioHelper::program(), @arguments ], '>pty>', \$out, '2>', \$err);
    return ($out, $err);
}
SKIP: {
    my ($out, $err) = on_terminal(@acme);
    unlike($out . $err, qr/acme-key|s3cret/, 'a terminal shows no secret');
    like($out, qr/^access_key_id\r?\nsecret_access_key\r?$/m, 'but the names of what there is');
    like($err, qr/--show/, 'and how to see more');
    ($out, $err) = on_terminal(@acme, '--show');
    like($out, qr/acme-s3cret/, 'with --show it does');
    ($out, $err) = on_terminal('get', 'dev/tenants/acme/s3');
    unlike($out . $err, qr/acme-key|s3cret/, 'get: a terminal shows no secret');
}

# SIGINT at any moment: the old file or the new one, nothing beside it.
my $folder = "$dir/interrupted";
mkdir $folder;
$helper->write_file("$folder/file", 'old');
my %seen;
for my $delay (map { $_ / 2000 } 0 .. 40) {
    local %ENV = %{ $helper->env };
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        exec MinioHelper::program(), @acme, '--output', "$folder/file" or POSIX::_exit(127);
    }
    select undef, undef, undef, $delay;
    kill 'INT', $pid;
    waitpid $pid, 0;
    my $content = PostgreSQL::Test::Utils::slurp_file("$folder/file");
    $seen{ $content eq 'old' ? 'old' : $content =~ /\A\{.*acme-s3cret.*\}\n\z/s ? 'new' : 'partial' } = 1;
    $seen{beside} = 1 if join(' ', files($folder)) ne 'file';
}
# And for certain in the middle: the file is written, and not yet renamed.
SKIP: {
    skip 'no strace here', 1 if system('command -v strace >/dev/null') != 0;
    local %ENV = %{ $helper->env };
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        exec 'strace', '-qq', '-e', 'trace=fsync', '-e', 'inject=fsync:delay_enter=1000000', MinioHelper::program(), @acme,
          '--output', "$folder/file" or POSIX::_exit(127);
    }
    my $until = time + 15;
    my @before;
    select undef, undef, undef, 0.02 until (@before = files($folder)) > 1 || time > $until;
    is(scalar(@before), 2, 'in the middle there are two files');
    my ($traced) = split ' ', PostgreSQL::Test::Utils::slurp_file("/proc/$pid/task/$pid/children");
    kill 'INT', $traced;
    waitpid $pid, 0;
    $seen{beside} = 1 if join(' ', files($folder)) ne 'file';
}
ok(!$seen{partial}, 'SIGINT leaves no partial file');
ok(!$seen{beside}, 'SIGINT leaves nothing beside it');

done_testing();
