# A PostgreSQL server is backed up by pgBackRest into a real MinIO, over TLS, with keys out of Vault:
# the commands of docs/s3/pgbackrest.md, in their order.
use strict;
use warnings;

use lib 'tests/helper/lib';

use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DocPage;
use MinioHelper;
use MinioServer;
use VaultServer;

plan skip_all => 'no MinIO here: make s3-tools' if !MinioServer::available();
plan skip_all => 'no pgbackrest here' if system('command -v pgbackrest >/dev/null') != 0;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $minio = MinioServer->new($vault, $helper, tls => 1);
my ($user, $secret) = ('backup-user', q{a "secret" with $ and ' and \\ in it});
$minio->mc('mb', 'root/backup');
$minio->add_user($user, $secret, 'readwrite');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1, has_archiving => 0);
$node->start;
$node->safe_psql('postgres', 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS i');

my $folder = PostgreSQL::Test::Utils::tempdir('docs');
my $program_folder = abs_path(MinioHelper::program()) =~ s{/[^/]+$}{}r;
my $page = DocPage->new('docs/s3/pgbackrest.md');
my $said = '';
for my $block ($page->blocks('sh')) {
    local %ENV = (
        PATH => "$program_folder:$ENV{PATH}", HOME => $folder, LC_ALL => 'C.UTF-8', VAULT_ADDR => $vault->address,
        VAULT_TOKEN_FILE => $helper->env->{VAULT_TOKEN_FILE}, BACKUP_USER => $user, BACKUP_SECRET => $secret, S3_URL => $minio->url,
        S3_CA => $minio->ca_cert, PGDATA => $node->data_dir, PGPORT => $node->port, PGHOST => $node->host, PGDATABASE => 'postgres');
    $said .= $page->works($block, $folder)->{output};
}
like($said, qr/full backup: /, 'there is a full backup');
like($minio->mc('ls', '--recursive', 'root/backup/main'), qr/backup\.manifest/, 'it lies below the prefix, in MinIO');
is((stat "$folder/conf.d/repository.conf")[2] & 07777, 0600, 'the file with the keys is closed to others');
unlike($said, qr/\Q$secret\E/, 'no command showed the secret');

# And back: the backup is what the server had.
$node->_update_pid(1);    # the page restarted it
$node->stop('fast');
rename $node->data_dir, "$folder/lost" or die "rename: $!";
mkdir $node->data_dir, 0700;
system_or_bail('pgbackrest', "--config=$folder/pgbackrest.conf", "--config-include-path=$folder/conf.d", '--stanza=main', 'restore');
$node->start;
is($node->safe_psql('postgres', 'SELECT sum(i) FROM kept'), '500500', 'restored from it, the server has its data');
$node->stop('fast');
$minio->stop;

done_testing();
