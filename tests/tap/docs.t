# The documentation says what is so: its commands work, its tables are complete.
#
#  1. docs/vault.md's commands, in their order, make an empty OpenBao ready for the extension
#  2. a server that logs in with the files which those commands wrote does what README.md and the
#     pages on SQL, operations, logging in and provisioning show
#  3. each group of settings that the pages show is accepted by a server
#  4. docs/settings.md names every setting with its default; docs/sql.md every function and view;
#     docs/errors.md every SQLSTATE that the extension raises
#  5. each link of each page leads somewhere
use strict;
use warnings;

use DocPage;
use PostgreSQL::Test::Utils;
use TenantVaultNode;
use Test::More;
use VaultServer;

my $top = "$ENV{PWD}";
my %page = map { $_ => DocPage->new("$top/$_") }
    qw(README.md docs/vault.md docs/settings.md docs/sql.md docs/errors.md docs/operations.md docs/login.md docs/provisioning.md);
my $folder = PostgreSQL::Test::Utils::tempdir('docs');

my $vault = VaultServer->new('vault', mounted => 0);

sub run_shell
{
    my ($page, $block) = @_;
    $page->works($block, $folder, VAULT_ADDR => $vault->address, BAO_ADDR => $vault->address,
        VAULT_TOKEN => $vault->root_token);
    return;
}

### 1

run_shell($page{'docs/vault.md'}, $_) for $page{'docs/vault.md'}->blocks('sh');
append_to_file("$folder/password.txt", 'a password from a file');

### 2

my $node = TenantVaultNode->create('main', vault => $vault, extension => 0, settings => {
    role_id_file => "$folder/role_id",
    secret_id_file => "$folder/secret_id",
});
$node->safe_psql('postgres', 'CREATE ROLE provisioner LOGIN');

sub run_sql
{
    my ($page, $block) = @_;
    my $answer = $node->ask($block->{text});
    is($answer->{exit}, 0, $page->path . ":$block->{line}: the statements work") or diag $answer->{err};
    return;
}

my @readme = $page{'README.md'}->blocks('sh', 'sql');
shift @readme; # the example at the top, before anything is set up
for my $block (@readme) {
    $block->{language} eq 'sh' ? run_shell($page{'README.md'}, $block) : run_sql($page{'README.md'}, $block);
}
$node->safe_psql('postgres', q{SELECT tenant_vault.revoke_tenant('acme', 'provisioner'); DROP ROLE provisioner});
is($node->value(q{SELECT password FROM tenant_vault.credentials('acme')}), 'a password from a file',
    'README.md: the password that the example wrote is what the extension gives');
for my $name (qw(docs/sql.md docs/operations.md docs/login.md)) {
    run_sql($page{$name}, $_) for $page{$name}->blocks('sql');
}

{
    my $name = 'docs/provisioning.md';
    local %ENV = $node->_get_env;
    $_->{language} eq 'sh' ? run_shell($page{$name}, $_) : run_sql($page{$name}, $_) for $page{$name}->blocks('sh', 'sql');
}
is($node->value(q{SELECT count(*) FROM pg_roles WHERE rolname ~ 'umbrella|initech'}), '0', 'docs/provisioning.md: its tenants have come and gone');

### 3

my $scratch = TenantVaultNode->create('scratch', start => 0);
for my $name (sort keys %page) {
    for my $block ($page{$name}->blocks('ini')) {
        open my $conf, '>', $scratch->data_dir . '/tenant_vault.conf' or die $!;
        print {$conf} $block->{text};
        close $conf;
        ok($scratch->start(fail_ok => 1), "$name:$block->{line}: a server starts with these settings") or next;
        while ($block->{text} =~ /^(tenant_vault\.\w+)\s*=\s*'?([^'\n]*?)'?\s*$/mg) {
            is($scratch->value("SHOW $1"), $2, "$name:$block->{line}: $1 is taken as it stands");
        }
        $scratch->stop;
    }
}

### 4

my $settings = $page{'docs/settings.md'}->text;
open my $empty, '>', $scratch->data_dir . '/tenant_vault.conf' or die $!;
close $empty;
$scratch->start;
for my $line (split /\n/, $scratch->value(
    q{SELECT name || ' ' || current_setting(name) FROM pg_settings WHERE name LIKE 'tenant\_vault.%' ORDER BY 1})) {
    my ($name, $default) = $line =~ /^tenant_vault\.(\w+) (.*)/;
    my $shown = $default eq '' ? '' : "`$default`";
    like($settings, qr/^\| `\Q$name\E` \| \Q$shown\E ?\|/m, "docs/settings.md describes $name and its default");
}
$scratch->stop;

my $sql = $page{'docs/sql.md'}->text;
for my $object (split /\n/, $node->value(q{
        SELECT p.proname FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'tenant_vault'
        WHERE d.classid = 'pg_proc'::regclass AND p.prorettype <> 'trigger'::regtype AND p.proname NOT LIKE '\_%'
        UNION SELECT c.relname FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'tenant_vault'
        WHERE d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v')})) {
    like($sql, qr/`\Q$object\E\b/, "docs/sql.md describes $object");
}

my $errors = $page{"docs/errors.md"}->text;
my $raised = slurp_file("$top/pg_extension/report.c");
my %sqlstate = map { /(ERRCODE_\w+)/ ? ($1 => 1) : () } split /\b(?=ERRCODE_)/, $raised;
like($errors, qr/`\Q$_\E`/, "docs/errors.md lists $_")
    for sort map { lc s/^ERRCODE_(T_R_)?//r } keys %sqlstate;

### 5

for my $name ('README.md', 'SECURITY.md', map { s{^\Q$top\E/}{}r } glob "$top/docs/*.md") {
    my $folder_of = $name =~ m{^(.*/)} ? $1 : '';
    for my $link (DocPage->new("$top/$name")->links) {
        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
        my $target = "$top/" . ($file eq '' ? $name : "$folder_of$file");
        my $there = -e $target && (!defined $anchor || grep { $_ eq $anchor } DocPage->new($target)->anchors);
        ok($there, "$name: $link leads somewhere");
    }
}

done_testing;
