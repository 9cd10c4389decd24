# Logins are not wasted: with a token at hand a run costs one read; a token that the helper logged in
# for is given back at the end, unless --token-cache keeps it for the next run.
use strict;
use warnings;

use Test::More;

use MinioHelper;
use VaultServer;

my $vault = VaultServer->new('vault');
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
$vault->put('saas-project/dev/tenants/acme/s3', { access_key_id => 'acme-key', secret_access_key => 'acme-s3cret' });
my %approle = $vault->approle('helper');
my %login = (VAULT_TOKEN_FILE => undef, VAULT_ROLE_ID_FILE => $approle{role_id_file}, VAULT_SECRET_ID_FILE => $approle{secret_id_file});
my $cache = "$dir/token";

# requests(arguments..., {options}): the paths that one run asks for, in their order.
sub requests
{
    my (@arguments) = @_;
    my $mark = $vault->audit_mark;
    my $run = $helper->run(@arguments);
    is($run->{status}, 0, "@arguments[0 .. $#arguments - (ref $arguments[-1] ? 1 : 0)]") or diag $run->{stderr};
    return join ' ', map { $_->{request}{path} } $vault->audit_entries(since => $mark);
}
my @acme = ('credentials', '--tenant', 'acme');
my $read = 'secret/data/saas-project/dev/tenants/acme/s3';
my $login = 'auth/approle/login';
my $revoke = 'auth/token/revoke-self';

is(requests(@acme), $read, 'VAULT_TOKEN_FILE: one read, and nothing else');
is(requests(@acme, { env => { VAULT_TOKEN_FILE => undef, VAULT_TOKEN => $vault->root_token } }), $read, 'VAULT_TOKEN: the same');
is(requests(@acme, { env => \%login }), "$login $read $revoke", 'AppRole: a login, the read, and the token is given back');
is(scalar($vault->accessors_by_login('auth/approle/login')), 0, 'no token of it is left');

my @cached = (@acme, '--token-cache', $cache);
is(requests(@cached, { env => \%login }), "$login $read", '--token-cache: the first run logs in and keeps its token');
is((stat $cache)[2] & 07777, 0600, 'in a file that is closed to others');
is(requests(@cached, { env => \%login }), $read, 'the second run costs one read');
is(requests('get', '--token-cache', $cache, 'dev/tenants/acme/s3', { env => \%login }), $read, 'and so does another command');
is(requests('list', '--token-cache', $cache, 'dev/tenants', { env => \%login }), 'secret/metadata/saas-project/dev/tenants/', 'another one');

$vault->revoke_token(PostgreSQL::Test::Utils::slurp_file($cache) =~ /(s\.\w+)/);
like(requests(@cached, { env => \%login }), qr/\Q$login $read\E\z/, 'a kept token that was revoked: a new login');
$helper->write_file($cache, 'nonsense');
like(requests(@cached, { env => \%login }), qr/\Q$login $read\E\z/, 'a file with nonsense: a new login');
chmod 0644, $cache;
like(requests(@cached, { env => \%login }), qr/\Q$login $read\E\z/, 'a file that others can read is not trusted: a new login');
is((stat $cache)[2] & 07777, 0600, 'and it is closed to others afterwards');
unlink $cache;
symlink "$dir/elsewhere", $cache;
my $run = $helper->run(@cached, { env => \%login });
ok(!-e "$dir/elsewhere", 'a symlink is not written through');

# A refused login is not tried again.
my %wrong = (%login, VAULT_SECRET_ID_FILE => $vault->credential_file('wrong', 'wrong-s3cret-id'));
my $mark = $vault->audit_mark;
$run = $helper->run(@acme, { env => \%wrong });
is($run->{status}, 4, 'a wrong secret_id: exit status 4');
unlike($run->{stderr}, qr/s3cret/, 'it is not shown');
is($vault->logins($mark), 1, 'and tried once');

done_testing();
