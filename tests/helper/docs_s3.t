# docs/s3 says what is so: the commands of each page work, in their order, against a real Vault and a
# real MinIO. (pgbackrest.md, which needs a PostgreSQL server: tests/tap/pgbackrest.t.)
use strict;
use warnings;

use Cwd qw(abs_path);
use IO::Socket::INET;
use Test::More;

use DocPage;
use MinioHelper;
use S3Server;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $s3 = S3Server->new('minio');
my $tools = $helper->top . '/build/tools';
my $shm = "/dev/shm/docs_s3.$$";
mkdir $shm, 0700;
$s3->client($s3->platform, [ make => 'acme' ]);

# The programs that the pages name, where they are here.
my $bin = $helper->tempdir('bin');
symlink abs_path(MinioHelper::program()), "$bin/minio-helper";
symlink "$tools/s3clients/bin/aws", "$bin/aws";
chmod 0755, $helper->write_file("$bin/python", qq{#!/bin/sh\nexec $tools/s3clients/bin/python "\$@"\n});

my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)->sockport;
my $folder = $helper->tempdir('docs');
my %env = (
    PATH => "$bin:$ENV{PATH}", HOME => $folder, LC_ALL => 'C.UTF-8', TMPDIR => $folder,
    VAULT_ADDR => $vault->address, VAULT_TOKEN_FILE => $helper->env->{VAULT_TOKEN_FILE},
    PLATFORM_USER => $s3->platform->{access_key_id}, PLATFORM_SECRET => $s3->platform->{secret_access_key}, S3_URL => $s3->endpoint,
    RUNTIME_FOLDER => $shm, MINIO_ADDRESS => "127.0.0.1:$port", MC_CONFIG_DIR => "$folder/mc");

my %said;
for my $name (qw(aws mc rclone docker systemd ci minio_server)) {
    my $page = DocPage->new($helper->top . "/docs/s3/$name.md");
    local %ENV = %env;
    $said{$name} .= $page->works($_, $folder)->{output} for $page->blocks('sh');
}
like($said{aws}, qr/hello\.txt.*AccessDenied.*hello\.txt.*hello\.txt/s, 'aws: listed by profile, by exec and by serve; another bucket is refused');
like($said{mc}, qr/from-mc\.txt.*from-mc\.txt/s, 'mc: by alias and by MC_HOST');
like($said{rclone}, qr/hello\.txt/, 'rclone: what was copied is listed');
like($said{ci}, qr/artifact\.tar\.gz/, 'ci: what was uploaded is listed');
like($said{minio_server}, qr/default password: refused/, 'minio_server: minioadmin is refused');
unlike(join('', values %said), qr/\Q$env{PLATFORM_SECRET}\E/, 'no page shows the secret');

my %listed = map { $_ => 1 } DocPage->new($helper->top . '/docs/s3/README.md')->text =~ /^\| \[(\w+)\.md\]/mg;
my %there = map { m{/(\w+)\.md$} && $1 ne 'README' ? ($1 => 1) : () } glob $helper->top . '/docs/s3/*.md';
is_deeply(\%listed, \%there, 'docs/s3/README.md lists each page');

END { system 'rm', '-rf', $shm if $shm; }

done_testing;
