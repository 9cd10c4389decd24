# pgBackRest, which speaks TLS only and has no command that shows its settings: it signs requests to
# a real MinIO with the key that it read, and a key that is changed by one character is refused.
use strict;
use warnings;

use IPC::Run ();
use Test::More;

use MinioHelper;
use MinioServer;
use VaultServer;

plan skip_all => 'no MinIO here: tests/setup/tools minio mc' if !MinioServer::available();
plan skip_all => 'no pgbackrest here' if system('command -v pgbackrest >/dev/null') != 0;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $minio = MinioServer->new($vault, $helper, tls => 1);
my $dir = $helper->tempdir;
my $key = 'a' . (join '', map { chr } 0x20 .. 0x2f, 0x3a .. 0x40, 0x5b .. 0x60, 0x7b .. 0x7e) . 'z';

$minio->mc('mb', 'root/backup');
$helper->write_file("$dir/there", "there\n");
$minio->mc('cp', "$dir/there", 'root/backup/pg/there');
$minio->add_user('pgbackrest', $key, 'readwrite');
$vault->put('saas-project/dev/tenants/pg/s3', {
        access_key_id => 'pgbackrest', secret_access_key => $key, endpoint_url => $minio->url, bucket_name => 'backup',
        prefix => 'pg', region => 'us-east-1' });

sub repository
{
    my ($config, %env) = @_;
    local %ENV = %{ $helper->env(HOME => $dir, %env) };
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'pgbackrest', "--config=$config", '--repo1-storage-ca-file=' . $minio->ca_cert, '--log-level-file=off', 'repo-ls' ],
        '<', \undef, '>', \$out, '2>&1', IPC::Run::timeout(60));
    return $out;
}

$helper->output('credentials', '-t', 'pg', '-f', 'pgbackrest', '-o', "$dir/conf");
is(repository("$dir/conf"), "there\n", 'pgbackrest: its reader has the key byte for byte');
$helper->write_file("$dir/wrong", PostgreSQL::Test::Utils::slurp_file("$dir/conf") =~ s/z$/y/mr);
like(repository("$dir/wrong"), qr/403/, 'and another key would not do');

my %env;
for (split /\n/, $helper->output('credentials', '-t', 'pg', '-f', 'env-no-export', '--names', 'pgbackrest')) {
    my ($name, $value) = /^(\w+)='(.*)'$/;
    $env{$name} = $value =~ s/'\\''/'/gr;
}
is(repository('/dev/null', %env), "there\n", '--names pgbackrest: by environment');

$vault->put('saas-project/dev/tenants/plain/s3',
    { access_key_id => 'key', secret_access_key => 'secret', endpoint_url => 'http://s3.example', bucket_name => 'backup' });
my $run = $helper->run('credentials', '-t', 'plain', '-f', 'pgbackrest');
is($run->{status}, 6, 'an endpoint without TLS is refused');
like($run->{stderr}, qr/TLS/, 'and why is said');

done_testing();
