# docs/s3 says what is so: the commands of each page work, in their order, against a real Vault and a
# real MinIO; those for clients on a real SeaweedFS, too. (pgbackrest.md, which needs a PostgreSQL server: tests/tap/pgbackrest.t.)
use strict;
use warnings;

use Cwd qw(abs_path);
use IO::Socket::INET;
use Test::More;

use DocPage;
use MinioHelper;
use S3Server;
use VaultServer;

my $helper = MinioHelper->new;
my $tools = $helper->top . '/build/tools';
my $shm = "/dev/shm/docs_s3.$$";
mkdir $shm, 0700;

# The programs that the pages name, where they are here.
my $bin = $helper->tempdir('bin');
symlink abs_path(MinioHelper::program()), "$bin/minio-helper";
symlink "$tools/s3clients/bin/aws", "$bin/aws";
chmod 0755, $helper->write_file("$bin/python", qq{#!/bin/sh\nexec $tools/s3clients/bin/python "\$@"\n});

# What each page said, by its name.
sub pages_on
{
    my ($kind, @pages) = @_;
    my $vault = VaultServer->new('vault', audit => 0);
    my $s3 = S3Server->new($kind);
    my $platform = $s3->platform;
    $s3->client($platform, [ make => 'acme' ]);
    my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)->sockport;
    my $folder = $helper->tempdir("docs_$kind");
    my %said;
    for my $name (@pages) {
        my $page = DocPage->new($helper->top . "/docs/s3/$name.md");
        local %ENV = (
            PATH => "$bin:$ENV{PATH}", HOME => $folder, LC_ALL => 'C.UTF-8', TMPDIR => $folder, VAULT_ADDR => $vault->address,
            VAULT_TOKEN_FILE => $vault->credential_file('docs', $vault->root_token), PLATFORM_USER => $platform->{access_key_id},
            PLATFORM_SECRET => $platform->{secret_access_key}, S3_URL => $s3->endpoint, RUNTIME_FOLDER => $shm,
            MINIO_ADDRESS => "127.0.0.1:$port", MC_CONFIG_DIR => "$folder/mc");
        $said{$name} .= $page->works($_, $folder)->{output} for $page->blocks('sh');
    }
    like($said{aws}, qr/hello\.txt.*AccessDenied.*hello\.txt.*hello\.txt/s, "$kind, aws: listed by profile, by exec and by serve; another bucket is refused");
    like($said{mc}, qr/from-mc\.txt.*from-mc\.txt/s, "$kind, mc: by alias and by MC_HOST");
    like($said{rclone}, qr/hello\.txt/, "$kind, rclone: what was copied is listed");
    like($said{ci}, qr/artifact\.tar\.gz/, "$kind, ci: what was uploaded is listed");
    unlike(join('', values %said), qr/\Q$platform->{secret_access_key}\E/, "$kind: no page shows the secret");
    $s3->stop;
    return \%said;
}

my @clients = qw(aws mc rclone ci);
my $said = pages_on('minio', @clients, qw(docker systemd minio_server));
like($said->{minio_server}, qr/default password: refused/, 'minio_server: minioadmin is refused');
pages_on('seaweedfs', @clients);

my %listed = map { $_ => 1 } DocPage->new($helper->top . '/docs/s3/README.md')->text =~ /^\| \[(\w+)\.md\]/mg;
my %there = map { m{/(\w+)\.md$} && $1 ne 'README' ? ($1 => 1) : () } glob $helper->top . '/docs/s3/*.md';
is_deeply(\%listed, \%there, 'docs/s3/README.md lists each page');

END { system 'rm', '-rf', $shm if $shm; }

done_testing;
