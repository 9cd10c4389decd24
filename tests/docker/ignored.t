# What holds a secret is ignored by git wherever bootstrap, or a person, may have put it; what
# belongs to the product is not.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use IPC::Run ();
use Test::More;

use Bootstrap;
use PostgreSQL::Test::Utils ();

my $top = dirname(dirname($Bootstrap::PROGRAM));
my $repository = PostgreSQL::Test::Utils::tempdir('ignored');
sub git { my ($out) = (''); IPC::Run::run([ 'git', '-C', $repository, @_ ], '<', \undef, '>', \$out, '2>', \my $err); return $out; }

git('init', '--quiet');
for my $rules (qw(.gitignore docker/vault/.gitignore)) {
    make_path(dirname("$repository/$rules"));
    IPC::Run::run([ 'cp', "$top/$rules", "$repository/$rules" ]) or die "cp $rules";
}
# What a killed run of bootstrap leaves, and what the pages' commands make at the top of the tree.
my @left = qw(.env.vault.bootstrap.new docker/.env.bootstrap.new credentials/app/secret_id elsewhere/app/secret_id
    elsewhere/app/secret_id.bootstrap.new elsewhere/app/secret_id.new first/vault1/server.key unseal.key init.json
    attempt.json progress.json root_token);
my @secret = (@left, qw(.env.vault docker/.env.vault docker/production/.env.vault docker/.env docker/credentials/app/secret_id
    docker/vault/data/raft.db docker/vault/logs/audit.log docker/vault/.vault-token docker/vault/root.token
    docker/vault/config/local.hcl));
my @product = qw(docker/vault/config/dev.hcl docker/docker-compose.yml docker/policies/saas-app-policy.hcl);
for my $path (@secret, @product) {
    make_path(dirname("$repository/$path"));
    open my $file, '>', "$repository/$path" or die "$path: $!";
    close $file;
}
git('add', '--all');
my %known = map { $_ => 1 } split /\n/, git('ls-files');
ok(!$known{$_}, "$_: git leaves it out") for @secret;
ok($known{$_}, "$_: git takes it in") for @product;

done_testing;
