# docker/.env, which ./bootstrap makes or completes before it starts the bundle's Vault: a person's
# lines stay, and runs at once agree on one token and one seed. In the place of Compose stands a
# command that notes what Compose would read, and starts nothing: no engine is needed for that.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils ();
use Test::More;

use Bootstrap;

use constant RUNS => 6;    # at once

my $folder = PostgreSQL::Test::Utils::tempdir('env_file');
IPC::Run::run([ 'cp', '-r', map({ $Bootstrap::PROGRAM =~ s/bootstrap$/$_/r } qw(bootstrap vault_bootstrap policies)), $folder ])
  or die 'cp';
my $compose = "$folder/compose";
PostgreSQL::Test::Utils::append_to_file($compose,
    "#!/bin/sh\ngrep -E '^(VAULT_DEV_ROOT_TOKEN_ID|SAAS_DEV_SEED)=' '$folder/.env' | tr '\\n' ' ' >'$folder/seen.'\$\$\nexit 1\n");
chmod 0755, $compose;
local %ENV = (PATH => $ENV{PATH}, HOME => $folder, LC_ALL => 'C.UTF-8', SAAS_COMPOSE => $compose);

sub env_file { return PostgreSQL::Test::Utils::slurp_file("$folder/.env"); }
sub bootstrap
{
    my @runs = map { my $run = { err => '' };
        $run->{harness} = IPC::Run::start([ "$folder/bootstrap" ], '<', \undef, '>', \$run->{out}, '2>', \$run->{err},
            IPC::Run::timeout(Bootstrap::RUN_SECONDS)); $run } 1 .. shift;
    $_->{harness}->finish for @runs;
    is(scalar(grep { ($_->{harness}->full_results)[0] >> 8 != 3 } @runs), 0, 'each got as far as starting Vault')
      or diag map { $_->{err} } @runs;
    my %seen = map { PostgreSQL::Test::Utils::slurp_file($_) => 1 } glob "$folder/seen.*";
    unlink glob "$folder/seen.*";
    return sort keys %seen;
}

# Each finds no .env, and takes half a second for making one.
my $slowly = 'import sys, time; sys.path.insert(0, sys.argv[1]); from vault_bootstrap import compose as c; real = c.write_whole
c.write_whole = lambda *rest: (time.sleep(0.5), real(*rest)); c.start_vault = lambda say: None
print(c.environment({}, lambda line: None)["VAULT_TOKEN"])';
my @both = map { my $run = { out => '' };
    $run->{harness} = IPC::Run::start([ 'python3', '-B', '-c', $slowly, $folder ], '<', \undef, '>', \$run->{out}); $run } 1 .. 2;
$_->{harness}->finish for @both;
like($both[0]{out}, qr/^\S{32}\n\z/, 'two runs at once: one has a token');
is($both[1]{out}, $both[0]{out}, 'and the other the same');
my @seen = bootstrap(RUNS);
is(scalar @seen, 1, RUNS . ' more start Vault with one token and one seed');
is("VAULT_DEV_ROOT_TOKEN_ID=$both[0]{out}" =~ s/\n//r, (split ' ', $seen[0])[0], 'the same again');
is(scalar(() = env_file() =~ /^VAULT_DEV_ROOT_TOKEN_ID=\S{32}$/mg), 1, 'which .env holds');
is((stat "$folder/.env")[2] & 07777, 0600, 'for its owner only');

unlink "$folder/.env";
PostgreSQL::Test::Utils::append_to_file("$folder/.env", "VAULT_IMAGE=openbao/openbao:2\nSAAS_BOOTSTRAP_OPTIONS=\nSAAS_DEV_SEED=");
chmod 0644, "$folder/.env";
my ($first) = bootstrap(1);
like(env_file(), qr/^VAULT_IMAGE=openbao\/openbao:2$/m, 'an .env that somebody has begun: its lines stay');
like(env_file(), qr/^VAULT_DEV_ROOT_TOKEN_ID=\S{32}$/m, 'the token is added');
like(env_file(), qr/^SAAS_DEV_SEED=\S{32}$/m, 'and the seed, which was empty');
unlike(env_file(), qr/provisioning$/m, 'but no option, where none was chosen');
is((stat "$folder/.env")[2] & 07777, 0600, 'and it is closed to others');
my $complete = env_file();
is_deeply([ bootstrap(1) ], [$first], 'the next run uses the same');
is(env_file(), $complete, 'and changes nothing');

done_testing;
