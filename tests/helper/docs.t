# docs/minio_helper.md says what is so: its commands work, in their order, against an empty Vault.
use strict;
use warnings;

use Cwd qw(abs_path);
use Test::More;

use DocPage;
use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $folder = $helper->tempdir;
my $program_folder = abs_path(MinioHelper::program()) =~ s{/[^/]+$}{}r;

my $token_file = $vault->credential_file('docs_token', $vault->root_token);
my $page = DocPage->new('docs/minio_helper.md');
for my $block ($page->blocks('sh')) {
    local %ENV = (PATH => "$program_folder:$ENV{PATH}", HOME => $folder, LC_ALL => 'C.UTF-8');
    $page->works($block, $folder, VAULT_ADDR => $vault->address, VAULT_TOKEN_FILE => $token_file);
}

done_testing;
