# DocPage.pm - the fenced code blocks of a page of documentation, so that a test can run them.
#
# A fence may stand in a list (indented); its indentation is taken off its lines. Only fences with a
# language are code to be run: ```sh, ```sql, ```ini.
#
#   my $page = DocPage->new('docs/vault.md');
#   $page->blocks('sh');       # ({ line, language, text }, ...) in the page's order
#   $page->text;
package DocPage;

use strict;
use warnings;

use Carp;

sub new
{
    my ($class, $path) = @_;
    open my $file, '<:encoding(UTF-8)', $path or croak "$path: $!";
    my (@blocks, $block, $text);
    while (my $line = <$file>) {
        $text .= $line;
        if (!$block && $line =~ /^(\s*)```(\w+)\s*$/) {
            $block = { line => $., indent => $1, language => $2, text => '' };
        } elsif ($block && $line =~ /^\s*```\s*$/) {
            push @blocks, $block;
            undef $block;
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

1;
