# Sets of names, templates, and what has no reader here that could be run: each variable by the name
# that its program documents; what is absent is left out, not empty.
use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use JSON::PP ();
use Test::More;

use MinioHelper;
use ScriptedHttp;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $key = q{it's a "key" with $, ` and \\};
my %all = (access_key_id => 'acme-key', secret_access_key => $key, endpoint_url => 'https://s3.example:9000', bucket_name => 'shared',
    prefix => 'acme/', region => 'eu-west-1');
sub put_tenant { my ($tenant, $data) = @_; return $vault->put("saas-project/dev/tenants/$tenant/s3", $data); }
put_tenant(acme => \%all);

# By sh: name => value.
sub variables
{
    my (@arguments) = @_;
    my $file = $helper->write_file("$dir/env", $helper->output('credentials', '--format', 'env', @arguments));
    my $text = `env -i PATH="\$PATH" sh -c '. "\$0"; env -0' $file`;
    my %found = map { split /=/, $_, 2 } split /\0/, $text;
    delete @found{qw(PATH PWD SHLVL _ OLDPWD)};
    return \%found;
}

my %expected = (
    aws => { AWS_ACCESS_KEY_ID => 'acme-key', AWS_SECRET_ACCESS_KEY => $key, AWS_ENDPOINT_URL_S3 => 'https://s3.example:9000',
        AWS_REGION => 'eu-west-1', AWS_DEFAULT_REGION => 'eu-west-1' },
    app => { S3_ACCESS_KEY_ID => 'acme-key', S3_SECRET_ACCESS_KEY => $key, S3_ENDPOINT_URL => 'https://s3.example:9000',
        S3_BUCKET_NAME => 'shared', S3_PREFIX => 'acme/', S3_REGION => 'eu-west-1' },
    pgbackrest => { PGBACKREST_REPO1_TYPE => 's3', PGBACKREST_REPO1_S3_KEY => 'acme-key', PGBACKREST_REPO1_S3_KEY_SECRET => $key,
        PGBACKREST_REPO1_S3_ENDPOINT => 's3.example:9000', PGBACKREST_REPO1_S3_BUCKET => 'shared',
        PGBACKREST_REPO1_S3_REGION => 'eu-west-1', PGBACKREST_REPO1_S3_URI_STYLE => 'path', PGBACKREST_REPO1_PATH => '/acme' },
    'wal-g' => { AWS_ACCESS_KEY_ID => 'acme-key', AWS_SECRET_ACCESS_KEY => $key, AWS_ENDPOINT => 'https://s3.example:9000',
        AWS_REGION => 'eu-west-1', AWS_S3_FORCE_PATH_STYLE => 'true', WALG_S3_PREFIX => 's3://shared/acme' },
    restic => { AWS_ACCESS_KEY_ID => 'acme-key', AWS_SECRET_ACCESS_KEY => $key, AWS_DEFAULT_REGION => 'eu-west-1',
        RESTIC_REPOSITORY => 's3:https://s3.example:9000/shared/acme' },
    litestream => { LITESTREAM_ACCESS_KEY_ID => 'acme-key', LITESTREAM_SECRET_ACCESS_KEY => $key,
        LITESTREAM_ENDPOINT => 'https://s3.example:9000', LITESTREAM_REGION => 'eu-west-1' },
    minio => { MINIO_ROOT_USER => 'acme-key', MINIO_ROOT_PASSWORD => $key });
for my $names (sort keys %expected) {
    is_deeply(variables('--tenant', 'acme', '--names', $names), $expected{$names}, "--names $names");
}
my ($listed) = $helper->run('credentials', '--names', 'none', '--format', 'env')->{stderr} =~ /^hint: (.*)$/m;
is(join(', ', sort split /, /, $listed), join(', ', sort keys %expected), 'these are all that the hint names');

# Temporary keys: the token and their end are there; by static ones they are absent, not empty.
my $sts = ScriptedHttp->new(default => sub { $_[0]->reply(200, '<AssumeRoleResponse><AssumeRoleResult><Credentials>'
          . '<AccessKeyId>temporary</AccessKeyId><SecretAccessKey>temporary-s3cret</SecretAccessKey><SessionToken>the-token</SessionToken>'
          . '<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>') });
$vault->put('saas-project/dev/s3', { access_key_id => 'platform', secret_access_key => 'platform-s3cret', bucket_name => 'shared',
        endpoint_url => $sts->address, region => 'eu-west-1' });
put_tenant(plain => { %all, secret_access_key => 'plain-s3cret' });
put_tenant(brief => { prefix => 'brief/' });
my $found = variables('--tenant', 'brief');
is("$found->{AWS_SESSION_TOKEN} $found->{AWS_CREDENTIAL_EXPIRATION}", 'the-token 2099-01-01T00:00:00Z', 'temporary keys: token and end');
for my $format (qw(process json env env-no-export fish powershell systemd docker-run compose aws mc mc-host rclone s3cmd)) {
    my $static = $helper->output('credentials', '--tenant', 'plain', '--format', $format);
    unlike($static, qr/token|expir/i, "$format: static keys have no token, nor an empty one");
    like($helper->output('credentials', '--tenant', 'brief', '--format', $format), qr/the-token/, "$format: temporary keys have theirs");
}
is($helper->run('credentials', '--tenant', 'brief', '--format', 'minio')->{status}, 6, 'minio: a root user with a token is refused');
$sts->stop;

# Templates
sub filled { my ($text, @arguments) = @_; $helper->write_file("$dir/template", $text); return $helper->run('credentials', '--template', "$dir/template", @arguments); }
my @acme = ('--tenant', 'acme');
is(filled("a={{access_key_id}} s={{secret_access_key}}\nt={{session_token}}\n{{tenant}} {{bucket_name}}/{{prefix}} {{region}} {{endpoint_url}}\n", @acme)->{stdout},
    "a=acme-key s=$key\nacme shared/acme/ eu-west-1 https://s3.example:9000\n", '--template: filled in; the line whose value is absent is left out');
is(JSON::PP->new->decode(filled('{"k": {{secret_access_key|json}}}', @acme)->{stdout})->{k}, $key, '|json is what a JSON parser reads');
$helper->write_file("$dir/sh", filled("printf %s {{secret_access_key|sh}}\n", @acme)->{stdout});
is(`sh $dir/sh`, $key, '|sh is what a shell reads');
is(filled('{{secret_access_key|url}}', @acme)->{stdout} =~ s/\s+\z//r =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger, $key, '|url is percent-encoded');
for my $wrong ('{{nothing}}', '{{secret_access_key', '{{secret_access_key|rot13}}', '{{}}') {
    my $run = filled($wrong, @acme);
    is($run->{status}, 2, "template \"$wrong\" is refused");
    unlike($run->{stdout} . $run->{stderr}, qr/a "key"/, 'and shows no secret');
}
is($helper->run('credentials', '--template', "$dir/none", @acme)->{status}, 2, 'a template that is not there');

# systemd-credentials: a folder, a file for each value
is($helper->run('credentials', @acme, '--format', 'systemd-credentials')->{status}, 2, 'systemd-credentials needs --output');
$helper->output('credentials', @acme, '--format', 'systemd-credentials', '--output', "$dir/folder");
is((stat "$dir/folder")[2] & 07777, 0700, 'its folder is closed to others');
is(PostgreSQL::Test::Utils::slurp_file("$dir/folder/secret_access_key"), $key, 'a value byte for byte, without a newline');
is((stat "$dir/folder/secret_access_key")[2] & 07777, 0600, 'in a file that is closed to others');
ok(!-e "$dir/folder/session_token", 'no file for what is absent');

# PowerShell has no package here. Its rules (about_Quoting_Rules): in single quotes nothing is special
# but a single quote, which U+2018 to U+201B are as well; two of them are one.
sub powershell
{
    my ($text) = @_;
    my $quote = qr/['\x{2018}-\x{201b}]/;
    my ($name, $quoted) = decode_utf8($text) =~ /\A\$env:(\w+) = '((?:[^'\x{2018}-\x{201b}]|$quote$quote)*)'\r?\n?\z/ or return '(no assignment)';
    return $quoted =~ s/($quote)$quote/$1/gr;
}
my @odd = ($key, join('', map { chr } 0x20 .. 0x7e), "curly \x{2018}\x{2019}\x{201a}\x{201b} \x{201c}", "'", "''", '$(id) `n $env:PATH');
for my $i (0 .. $#odd) {
    put_tenant("odd$i" => { %all, secret_access_key => $odd[$i] });
    my ($line) = $helper->output('credentials', '--tenant', "odd$i", '--format', 'powershell') =~ /^(\$env:AWS_SECRET_ACCESS_KEY.*\n)/m;
    is(encode_utf8(powershell($line)), encode_utf8($odd[$i]), 'powershell: ' . encode_utf8($odd[$i]));
}

# 64 kB through the formats whose readers take as much.
put_tenant(big => { %all, secret_access_key => 'x' x 65_536 });
for my $format (qw(process json env fish powershell systemd aws rclone s3cmd)) {
    my $run = $helper->run('credentials', '--tenant', 'big', '--format', $format);
    is($run->{status}, 0, "$format: 64 kB");
    ok(index($run->{stdout}, 'x' x 65_536) > 0, '... whole');
}
for my $format (qw(docker-run minio)) {
    is($helper->run('credentials', '--tenant', 'big', '--format', $format)->{status}, 6, "$format: 64 kB is more than its reader takes");
}

# Installed
my $stage = "$dir/stage";
is(system("make --silent -C @{[$helper->top]}/minio_helper install DESTDIR=$stage PREFIX=/usr >$dir/install.log 2>&1"), 0, 'make install with DESTDIR and PREFIX');
like($helper->run('--version', { program => "$stage/usr/bin/minio-helper" })->{stdout}, qr/^minio-helper \d/, 'the program');
ok(-s "$stage/usr/share/$_", $_) for 'man/man1/minio-helper.1', 'bash-completion/completions/minio-helper', 'zsh/site-functions/_minio-helper';
system("make --silent -C @{[$helper->top]}/minio_helper uninstall DESTDIR=$stage PREFIX=/usr >>$dir/install.log 2>&1");
is(`find $stage -type f`, '', 'make uninstall takes all of it away');

done_testing();
