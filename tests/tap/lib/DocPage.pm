# DocPage.pm - the fenced code blocks of a page of documentation, so that a test can run them.
#
# A fence may stand in a list (indented); its indentation is taken off its lines. Only fences with a
# language are code to be run: ```sh, ```sql, ```ini.
#
#   my $page = DocPage->new('docs/vault.md');
#   $page->blocks('sh');       # ({ line, heading, language, text }, ...) in the page's order
#   $page->section('Logging in', 'sh');  # those below this heading and the ones within it
#   $page->text; $page->anchors; $page->links;
#   my $run = $page->run($block, $folder, VAULT_ADDR => $address);  # { status, output } of a sh block
#   $page->works($block, $folder, VAULT_ADDR => $address);          # the same as a test
package DocPage;

use strict;
use warnings;

use Carp;
use File::Temp ();
use Test::More ();

sub new
{
    my ($class, $path) = @_;
    open my $file, '<:encoding(UTF-8)', $path or croak "$path: $!";
    my (@blocks, $block, $text, @headings, $other);
    while (my $line = <$file>) {
        $text .= $line;
        # The headings that hold, each below the one before: a line in a block is none.
        @headings = (@headings[ 0 .. length($1) - 2 ], $2) if !$block && !$other && $line =~ /^(#+)\s+(.*\S)/;
        if (!$block && !$other && $line =~ /^(\s*)```(\w+)\s*$/) {
            $block = { line => $., indent => $1, language => $2, text => '', headings => [@headings] };
        } elsif ($block && $line =~ /^\s*```\s*$/) {
            push @blocks, $block;
            undef $block;
        } elsif (!$block && $line =~ /^\s*```\s*$/) {
            $other = !$other; # a fence without a language: nothing to be run
        } elsif ($block) {
            $line =~ s/^$block->{indent}//;
            $block->{text} .= $line;
        }
    }
    croak "$path: the block of line $block->{line} does not end" if $block;
    return bless { path => $path, blocks => \@blocks, text => $text }, $class;
}

sub path { return $_[0]->{path}; }
sub text { return $_[0]->{text}; }

sub blocks
{
    my ($self, @languages) = @_;
    my %wanted = map { $_ => 1 } @languages;
    return grep { $wanted{ $_->{language} } } @{ $self->{blocks} };
}

# What a link may lead to, as #anchor: headings in lower case, without punctuation, spaces as hyphens.
sub anchors
{
    my ($self) = @_;
    return map { (lc s/[^\w\s-]//gr) =~ s/\s/-/gr } $self->{text} =~ /^#+\s+(.*\S)\s*$/mg;
}

# The targets of its links to other pages, or to places within itself.
sub links { my ($self) = @_; return grep { !/^\w+:/ } $self->{text} =~ /\]\(([^)\s]+)\)/g; }

sub section
{
    my ($self, $heading, @languages) = @_;
    my @found = grep { grep { defined && $_ eq $heading } @{ $_->{headings} } } $self->blocks(@languages);
    croak "$self->{path}: no code below a heading \"$heading\"" unless @found;
    return @found;
}

# By bash, in $folder, with these variables besides those that are there; it ends at the first
# command that fails.
sub run
{
    my ($self, $block, $folder, %env) = @_;
    local %ENV = (%ENV, %env);
    my $script = File::Temp->new;
    binmode $script, ':encoding(UTF-8)';
    print {$script} "cd '$folder' && set -eu\n$block->{text}";
    close $script;
    my $output = `/bin/bash '$script' 2>&1 </dev/null`;
    return { status => $?, output => $output };
}

sub works
{
    my ($self, $block, $folder, %env) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $run = $self->run($block, $folder, %env);
    Test::More::is($run->{status}, 0, "$self->{path}:$block->{line}: the commands work")
        or Test::More::diag($run->{output});
    return $run;
}

1;
