# Tenants log in with a password that only Vault holds.
#
#  1. psql logs in as an enrolled role, by socket and by TCP, with the password in Vault
use strict;
use warnings;

use LoginNode;
use Test::More;
use VaultServer;

my $vault = VaultServer->new('vault');
$vault->put_template('postgresql://db.example/{tenant}');
$vault->put_tenant('acme');
my $node = LoginNode->create('main', vault => $vault, settings => { $vault->approle('server') });
$node->enroll('acme_app', 'acme');

logs_in($node, 'acme_app', 's3cret of acme', 'an enrolled role logs in with the password in Vault');
logs_in($node, 'acme_app', 's3cret of acme', '... by TCP too', host => '127.0.0.1');
is_locked_out($node, 'acme_app', 'wrong', 'a wrong password is refused');
diag $node->log_since(0);
$node->stop;
done_testing;
