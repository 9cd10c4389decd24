# minio-helper's pages say what is so: their commands work, in their order, each against an empty Vault.
use strict;
use warnings;

use Cwd qw(abs_path);
use Test::More;

use DocPage;
use MinioHelper;
use VaultServer;

my $program_folder = abs_path(MinioHelper::program()) =~ s{/[^/]+$}{}r;
my $docker_folder = MinioHelper::top() . '/docker';

for my $name (qw(minio_helper app_config)) {
    my $vault = VaultServer->new("vault_$name", audit => 0);
    my $folder = MinioHelper->tempdir("docs_$name");
    my $token_file = $vault->credential_file('docs_token', $vault->root_token);
    my $page = DocPage->new("docs/$name.md");
    for my $block ($page->blocks('sh')) {
        local %ENV = (PATH => "$program_folder:$docker_folder:$ENV{PATH}", HOME => $folder, LC_ALL => 'C.UTF-8');
        $page->works($block, $folder, VAULT_ADDR => $vault->address, VAULT_TOKEN_FILE => $token_file);
    }
    $vault->stop;
}

done_testing;
