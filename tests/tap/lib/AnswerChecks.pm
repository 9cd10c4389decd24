# AnswerChecks.pm - what tests say of a session's answer (see TenantVaultNode::ask).
package AnswerChecks;

use strict;
use warnings;

use Exporter 'import';
use Test::More;

our @EXPORT = qw(is_answer is_refused all_answer);

# The session succeeded and printed exactly this.
sub is_answer
{
    my ($answer, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $good = $answer->{exit} == 0 && $answer->{out} eq $expected;
    ok($good, $name)
        or diag("exit $answer->{exit}, out \"$answer->{out}\", err \"$answer->{err}\"");
    return $good;
}

# All of these sessions did.
sub all_answer
{
    my ($answers, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @bad = grep { $_->{exit} != 0 || $_->{out} ne $expected } @$answers;
    ok(!@bad, $name)
        or diag(
              scalar(@bad) . " of "
            . scalar(@$answers)
            . " did not, the first: exit $bad[0]{exit},"
            . " out \"$bad[0]{out}\", err \"$bad[0]{err}\"");
    return !@bad;
}

# The session was refused with this SQLSTATE and a message that matches; hint => qr// for the
# hint, detail => qr// likewise. Every refusal of ours has a hint, so '' is never one.
sub is_refused
{
    my ($answer, $sqlstate, $message, $name, %more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $good =
        $answer->{exit} > 0 && $answer->{sqlstate} eq $sqlstate && $answer->{message} =~ $message;
    $good &&= $answer->{hint} =~ ($more{hint} // qr/./) unless $more{no_hint};
    $good &&= $answer->{detail} =~ $more{detail} if $more{detail};
    ok($good, $name)
        or diag(
        "exit $answer->{exit}, out \"$answer->{out}\", err \"$answer->{err}\"; expected $sqlstate $message"
            . ($more{hint} ? " hint $more{hint}" : ''));
    return $good;
}

1;
