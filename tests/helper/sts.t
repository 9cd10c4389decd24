# Temporary keys by STS: on a real MinIO and a real SeaweedFS the same tests. A tenant's keys open
# its own bucket or prefix and are refused elsewhere, listing included; no request for them leaves
# without a policy; and whoever gets none is told why and what to do.
use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

use MinioHelper;
use RequestRecorder;
use S3Server;
use ScriptedHttp;
use VaultServer;

my $vault = VaultServer->new('vault', audit => 0);
my $helper = MinioHelper->new($vault);
my $dir = $helper->tempdir;
my $json = JSON::PP->new->utf8;

sub put_platform { my ($secret) = @_; return $vault->put('saas-project/dev/s3', $secret); }
sub put_tenant { my ($tenant, $secret) = @_; return $vault->put("saas-project/dev/tenants/$tenant/s3", $secret); }

put_tenant(acme => { prefix => 'acme/' });
put_tenant(acme2 => { prefix => 'acme2/' });
put_tenant(owner => { bucket_name => 'other' });

# A tenant's keys as S3Server's client takes them, and the whole of what was printed.
sub keys_of
{
    my ($tenant, @options) = @_;
    my $printed = $json->decode($helper->output('credentials', '--tenant', $tenant, @options));
    return ({ access_key_id => $printed->{AccessKeyId}, secret_access_key => $printed->{SecretAccessKey},
            session_token => $printed->{SessionToken} }, $printed);
}

sub seconds_left
{
    my ($expiration) = @_;
    my ($year, $month, @rest) = reverse $expiration =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/ ? ($6, $5, $4, $3, $2, $1) : return;
    return timegm(reverse(@rest), $month - 1, $year) - time;
}

# Each operation of the list as that user: a name, an outcome (qr//), and what S3Server's client takes.
sub outcomes
{
    my ($s3, $keys, @expected) = @_;
    my @got = $s3->client($keys, map { $_->[2] } @expected);
    for my $i (0 .. $#expected) {
        like($got[$i], $expected[$i][1], $expected[$i][0]);
    }
    return;
}
my $ok = qr/^ok$/;
my $refused = qr/^(AccessDenied|403)$/;

# fails(name, status, qr/message and hint/, arguments..., {options}): and no secret is shown.
sub fails
{
    my ($name, $status, $message, @arguments) = @_;
    my $run = $helper->run(@arguments);
    subtest $name => sub {
        is($run->{status}, $status, "exit status $status");
        like($run->{stderr}, $message, 'says what is wrong, and what to do');
        is($run->{stdout}, '', 'nothing on standard output');
        unlike($run->{stderr}, qr/s3cret/, 'shows no secret');
    };
    return $run;
}
my @acme = ('credentials', '--tenant', 'acme');

sub confined
{
    my ($s3) = @_;
    my $platform = $s3->platform;
    $s3->client($platform, map { [ put => 'shared', $_ ] } 'acme/mine', 'acme2/theirs', 'top');
    $s3->client($platform, [ put => 'other', 'theirs' ]);

    my ($acme) = keys_of('acme');
    subtest 'a tenant with a prefix has all of its own' => sub {
        outcomes($s3, $acme,
            [ 'lists (v2)', $ok, [ list => 'shared', 'acme/' ] ],
            [ 'lists deeper', $ok, [ list => 'shared', 'acme/deeper/' ] ],
            [ 'lists (v1)', $ok, [ list_v1 => 'shared', 'acme/' ] ],
            [ 'gets', $ok, [ get => 'shared', 'acme/mine' ] ],
            [ 'puts', $ok, [ put => 'shared', 'acme/new' ] ],
            [ 'puts deeper', $ok, [ put => 'shared', 'acme/deeper/new' ] ],
            [ 'copies', $ok, [ copy => 'shared', 'acme/new', 'acme/copy' ] ],
            [ 'uploads in parts', $ok, [ upload => 'shared', 'acme/parts' ] ],
            [ 'deletes', $ok, [ delete => 'shared', 'acme/new' ] ],
            [ 'deletes several', $ok, [ delete_many => 'shared', 'acme/copy', 'acme/parts' ] ]);
    };
    subtest 'and nothing of anyone else' => sub {
        outcomes($s3, $acme,
            [ 'lists no whole bucket', $refused, [ list => 'shared' ] ],
            [ 'nor by v1', $refused, [ list_v1 => 'shared' ] ],
            [ 'lists no acme without its slash', $refused, [ list => 'shared', 'acme' ] ],
            [ 'lists no acme2/', $refused, [ list => 'shared', 'acme2/' ] ],
            [ 'lists no ACME/', $refused, [ list => 'shared', 'ACME/' ] ],
            [ 'gets no acme2/', $refused, [ get => 'shared', 'acme2/theirs' ] ],
            [ 'puts no acme2/', $refused, [ put => 'shared', 'acme2/new' ] ],
            [ 'puts none at the top', $refused, [ put => 'shared', 'new' ] ],
            [ 'gets none at the top', $refused, [ get => 'shared', 'top' ] ],
            [ 'deletes no acme2/', $refused, [ delete => 'shared', 'acme2/theirs' ] ],
            [ 'nor among several', $refused, [ delete_many => 'shared', 'acme2/theirs' ] ],
            [ 'copies none out of acme2/', $refused, [ copy => 'shared', 'acme2/theirs', 'acme/stolen' ] ],
            [ 'copies none into acme2/', $refused, [ copy => 'shared', 'acme/mine', 'acme2/planted' ] ],
            [ 'uploads none in parts', $refused, [ upload => 'shared', 'acme2/parts' ] ],
            [ 'sees no uploads', $refused, [ uploads => 'shared' ] ],
            [ 'lists no other bucket', $refused, [ list => 'other' ] ],
            [ 'nor one by its own prefix', $refused, [ list => 'other', 'acme/' ] ],
            [ 'gets none of another bucket', $refused, [ get => 'other', 'theirs' ] ],
            [ 'puts none into another bucket', $refused, [ put => 'other', 'acme/new' ] ]);
        outcomes($s3, $platform, [ 'what is theirs is still there', $ok, [ get => 'shared', 'acme2/theirs' ] ]);
    };

    my ($owner) = keys_of('owner');
    subtest 'a tenant with a bucket has all of it and nothing else' => sub {
        outcomes($s3, $owner,
            [ 'lists', $ok, [ list => 'other' ] ],
            [ 'heads the bucket', $ok, [ head_bucket => 'other' ] ],
            [ 'gets', $ok, [ get => 'other', 'theirs' ] ],
            [ 'puts', $ok, [ put => 'other', 'any/where' ] ],
            [ 'uploads in parts', $ok, [ upload => 'other', 'parts' ] ],
            [ 'deletes', $ok, [ delete => 'other', 'any/where' ] ],
            [ 'lists no other bucket', $refused, [ list => 'shared' ] ],
            [ 'nor a prefix of it', $refused, [ list => 'shared', 'acme/' ] ],
            [ 'gets none of it', $refused, [ get => 'shared', 'acme/mine' ] ],
            [ 'puts none into it', $refused, [ put => 'shared', 'new' ] ]);
    };
    return;
}

sub expiring
{
    my (undef, $printed) = keys_of('acme', '--duration', '20m');
    my $left = seconds_left($printed->{Expiration});
    ok($left > 1100 && $left <= 1202, "keys for 20 minutes expire when the server says so ($left s)");
    fails('a duration below 15 minutes', 2, qr/duration of 60 s.*900 s to/s, @acme, '--duration', '60');
    return;
}

sub own_policy
{
    my ($s3, $recorder) = @_;
    my $read = $helper->write_file("$dir/read.json",
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"],
          "Resource": ["arn:aws:s3:::shared/acme/*"]}]}');
    my ($keys) = keys_of('acme', '--policy', $read);
    subtest 'a policy of --policy counts instead of the generated one' => sub {
        outcomes($s3, $keys, [ 'gets', $ok, [ get => 'shared', 'acme/mine' ] ],
            [ 'puts none', $refused, [ put => 'shared', 'acme/new' ] ],
            [ 'lists none', $refused, [ list => 'shared', 'acme/' ] ]);
    };
    my $before = $recorder->bodies;
    my %wrong = (
        'an empty policy' => [ '', qr/empty/ ],
        'a policy of white space' => [ " \n ", qr/empty/ ],
        'a policy without Version' => [ '{"Statement": []}', qr/no Version/ ],
        'a policy without Statement' => [ '{"Version": "2012-10-17"}', qr/no Statement/ ],
        'a policy that is not JSON' => [ 'allow all', qr/not JSON/ ],
        'a policy above 2,048 bytes' => [ '{"Version": "2012-10-17", "Statement": []}' . ' ' x 2048, qr/takes 2048/ ]);
    for my $name (sort keys %wrong) {
        my $file = $helper->write_file("$dir/policy.json", $wrong{$name}[0]);
        fails($name, 2, $wrong{$name}[1], @acme, '--policy', $file);
    }
    fails('a policy file that is not there', 2, qr/nonexistent/, @acme, '--policy', '/nonexistent');
    is(scalar $recorder->bodies, $before, 'and none of these has sent a request');
    return;
}

sub unconfined
{
    my ($recorder) = @_;
    my $before = $recorder->bodies;
    my @places = ({}, { bucket_name => '*' }, { bucket_name => 'acme*' }, { bucket_name => 'shared/' }, { bucket_name => 'Shared' });
    push @places, map { { prefix => $_ } } 'acme?/', '*/', '../', './', 'ACME/', 'acme\\/', 'acme//', '/', 'a"b/', '${aws:username}/';
    for my $place (@places) {
        put_tenant(loose => $place);
        fails('no keys for ' . (join(' ', %{$place}) || 'a tenant without bucket and prefix'), 6, qr/bucket|prefix/,
            'credentials', '--tenant', 'loose');
    }
    is(scalar $recorder->bodies, $before, 'and none of these has sent a request');
    put_tenant(loose => { prefix => 'acme' });
    my ($keys, undef) = keys_of('loose');
    ok(scalar $recorder->bodies > $before, 'a prefix without its slash gets one');
    return $keys;
}

sub every_request_had_a_policy
{
    my ($recorder) = @_;
    my @bodies = $recorder->bodies;
    cmp_ok(scalar @bodies, '>=', 5, scalar(@bodies) . ' requests were made');
    is(scalar(grep { !/(?:^|&)Policy=%7B%22Version%22/ } @bodies), 0, 'each had a policy');
    is(scalar(grep { !/(?:^|&)RoleSessionName=(?:acme|acme2|owner|loose)(?:&|$)/ } @bodies), 0, 'and named its tenant');
    return;
}

sub refused_callers
{
    my ($s3) = @_;
    put_platform($s3->secret(secret_access_key => 'wrong-s3cret'));
    fails('a wrong secret key', 4, qr/signature we calculated.*secret_access_key is not/s, @acme);
    put_platform($s3->secret(access_key_id => 'nobody'));
    fails('an unknown access key', 4, qr/does not exist.*no user of this server/s, @acme);
    put_platform($s3->secret);
    my $clock = "$dir/shifted_clock.so";
    system('cc', '-shared', '-fPIC', '-o', $clock, $helper->top . '/tests/helper/lib/shifted_clock.c') == 0 or die "cc: $?";
    for my $case ([ -1200, 'behind' ], [ 1200, 'ahead of' ]) {
        fails("a clock 20 minutes $case->[1] the server's", 4, qr/clock is (20|19) minutes $case->[1].*set the clock/s, @acme,
            { env => { LD_PRELOAD => $clock, CLOCK_SHIFT => $case->[0] } });
    }
    return;
}

sub same_on_both
{
    my ($s3) = @_;
    my $recorder = RequestRecorder->new($s3->{port});
    put_platform($s3->secret(sts_endpoint_url => $recorder->address));
    confined($s3);
    expiring();
    own_policy($s3, $recorder);
    outcomes($s3, unconfined($recorder), [ 'and does not open acme2/', $refused, [ get => 'shared', 'acme2/theirs' ] ],
        [ 'but its own', $ok, [ get => 'shared', 'acme/mine' ] ]);
    every_request_had_a_policy($recorder);
    $recorder->stop;
    refused_callers($s3);
    return;
}

subtest 'on MinIO' => sub {
    my $s3 = S3Server->new('minio', region => 'eu-central-1');
    same_on_both($s3);

    put_platform($s3->secret(%{ $s3->keys_of('service') }));
    fails('a service account may not assume a role', 4, qr/must be a user's, not a service account's/, @acme);
    put_platform($s3->secret(region => 'us-east-1'));
    my $run = fails('a wrong region', 4, qr/region that was signed for.*MINIO_SITE_REGION/s, @acme);
    unlike($run->{stderr}, qr/expecting/, 'the region that MinIO misleadingly expects is not repeated');
    put_platform($s3->secret(endpoint_url => "http://127.0.0.1:$s3->{console_port}"));
    fails('the port of the console', 2, qr/console instead of its S3 API/, @acme);

    put_platform($s3->secret(%{ $s3->keys_of('powerless') }));
    my ($keys) = keys_of('acme');
    outcomes($s3, $keys, [ 'keys by a user without policy open nothing', $refused, [ get => 'shared', 'acme/mine' ] ]);
    put_platform($s3->secret);
    $s3->stop;
    fails('a server that is down', 3, qr/no answer.*is the server up/s, @acme);
};

subtest 'on SeaweedFS' => sub {
    my $s3 = S3Server->new('seaweedfs');
    same_on_both($s3);

    put_platform($s3->secret(%{ $s3->keys_of('powerless') }));
    fails('a user that is no administrator needs a role', 4, qr/SeaweedFS an administrator's, or with an sts_role_arn/, @acme);
    put_platform($s3->secret(%{ $s3->keys_of('powerless') }, sts_role_arn => $S3Server::ROLE_ARN));
    my ($keys) = keys_of('acme');
    outcomes($s3, $keys, [ 'and with one gets keys for its own', $ok, [ get => 'shared', 'acme/mine' ] ],
        [ 'and for nothing else', $refused, [ get => 'shared', 'acme2/theirs' ] ]);
    $s3->stop;
};

subtest 'on SeaweedFS without STS' => sub {
    my $s3 = S3Server->new('seaweedfs', sts => 0);
    put_platform($s3->secret);
    fails('a server without STS', 3, qr/ServiceUnavailable.*-s3\.iam\.config/s, @acme);
    $s3->stop;
};

subtest 'replies that no real server gives' => sub {
    my $credentials = '<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>'
      . '<SecretAccessKey>new-s3cret</SecretAccessKey><SessionToken>T</SessionToken>'
      . '<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>';
    my @cases = (
        [ 'XML that is cut', 3, qr/not XML, or cut/, sub { $_[0]->reply(200, substr $credentials, 0, 200) } ],
        [ 'what is not XML', 3, qr/not XML/, sub { $_[0]->reply(200, 's3cret page') } ],
        [ 'an empty reply', 3, qr/not XML/, sub { $_[0]->reply(200, '') } ],
        [ 'a connection that ends in the middle', 3, qr/no answer/, sub { $_[0]->head(200, 'Content-Length' => 5000); $_[0]->text($credentials); $_[0]->hang_up } ],
        [ '10 MB', 3, qr/larger than 65536/, sub { $_[0]->reply(200, '<a>' . 'x' x 10_000_000) } ],
        [ 'a document type', 3, qr/document type/, sub { $_[0]->reply(200, "<!DOCTYPE x [<!ENTITY a 'A'>]>$credentials") } ],
        [ 'keys without a token', 3, qr/neither credentials nor an error/, sub { $_[0]->reply(200, $credentials =~ s{<SessionToken>T</SessionToken>}{}r) } ],
        [ 'an error page of a proxy', 3, qr/no STS answers.*HTTP status 502/s, sub { $_[0]->reply(502, '<html>') } ],
        [ 'a page that is not there', 3, qr/no STS answers.*HTTP status 404.*sts_endpoint_url/s, sub { $_[0]->reply(404, 'none') } ],
        [ 'a redirect', 3, qr/do not follow redirects/, sub { $_[0]->reply(307, '', Location => 'http://127.0.0.1:1/') } ],
        [ 'an answer that does not come', 3, qr/no answer/, sub { sleep 20 } ]);
    for my $case (@cases) {
        my ($name, $status, $message, $script) = @{$case};
        my $http = ScriptedHttp->new(default => $script);
        put_platform({ endpoint_url => $http->address, access_key_id => 'key', secret_access_key => 'platform-s3cret', bucket_name => 'shared' });
        fails($name, $status, $message, @acme, { env => { VAULT_CLIENT_TIMEOUT => '2' } });
        is(scalar $http->requests, 1, '... asked once');
        $http->stop;
    }
};

done_testing();
