# Help, manual and completions: each command explains itself, and all of them know the same names.
use strict;
use warnings;

use IPC::Run ();
use Test::More;

use MinioHelper;

my $helper = MinioHelper->new;
my $folder = $helper->top . '/minio_helper';
my @commands = $helper->output('--help') =~ /^  ([\w-]+) /mg;
my $manual = PostgreSQL::Test::Utils::slurp_file("$folder/minio-helper.1") =~ s/\\-/-/gr;
my $bash = PostgreSQL::Test::Utils::slurp_file("$folder/completions/minio-helper.bash");
my $zsh = PostgreSQL::Test::Utils::slurp_file("$folder/completions/_minio-helper");

ok(@commands >= 7, 'there are commands');
like($helper->output('--version'), qr/^minio-helper \d+\.\d+\.\d+$/, '--version');
for my $command (@commands) {
    my $help = $helper->output($command, '--help');
    like($help, qr/^usage: minio-helper $command /, "$command --help explains it");
    is(length join('', grep { length > 100 } split /\n/, $help), 0, "$command --help fits on a screen of 100 columns");
    like($manual, qr/^\.BI? "?$command"?/m, "the manual has $command");
    like($bash, qr/\b$command\b/, "bash completes $command");
    like($zsh, qr/$command:/, "zsh completes $command");
}

my ($formats) = $helper->output('credentials', '--help') =~ /^formats:\n(.*?)\n\n/ms;
my @formats = map { split /, / } $formats =~ /^  ([\w-]+(?:, [\w-]+)*) /mg;
is(scalar(@formats), 17, 'all formats are in the help');
for my $format (@formats) {
    my $run = $helper->run('credentials', '--format', $format, '--output', '/nonexistent/x');
    unlike($run->{stderr}, qr/no such format/, "$format of the help is known");
    for my $where ([ manual => $manual ], [ bash => $bash ], [ zsh => $zsh ]) {
        like($where->[1], qr/\b\Q$format\E\b/, "$format is in: $where->[0]");
    }
}

sub shell { my ($shell, $script) = @_; my ($out, $err) = ('', ''); IPC::Run::run([ $shell, '-c', $script ], '>', \$out, '2>', \$err); return $out . $err; }
my $path = $helper->program =~ s{/[^/]*$}{}r;
is(shell('bash', "PATH=$path:\$PATH; . $folder/completions/minio-helper.bash; COMP_WORDS=(minio-helper credentials --du); COMP_CWORD=2; _minio_helper; echo \"\${COMPREPLY[@]}\""),
    "--duration\n", 'bash completes an option');
is(shell('bash', ". $folder/completions/minio-helper.bash; COMP_WORDS=(minio-helper credentials -f rc); COMP_CWORD=3; _minio_helper; echo \"\${COMPREPLY[@]}\""),
    "rclone\n", 'bash completes a format');
SKIP: {
    skip 'no man here', 1 if system('command -v man >/dev/null') != 0;
    is(shell('sh', "man --warnings -E UTF-8 -l -Tutf8 -Z $folder/minio-helper.1 2>&1 >/dev/null"), '', 'the manual is sound');
}

done_testing();
