/*
 * side_by_side.c - runs two commands in turn, and measures each from before its start to its end.
 *
 * Called by tests/bench/rows_helper.py. A program of its own, because a Python interpreter takes as
 * long to start a process as those that are measured take to do their work. Prints the medians of
 * the wall times in microseconds and of the peak resident sizes in kB.
 *
 *   side_by_side PAIRS COMMAND... ::: COMMAND...
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAIRS 1000

extern char **environ;

struct side {
    char **command;
    double us[MAX_PAIRS];
    double kb[MAX_PAIRS];
};

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void run(struct side *side, int pair)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    double begun;
    pid_t pid;
    int status;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    begun = now_us();
    if (posix_spawnp(&pid, side->command[0], &actions, NULL, side->command, environ) != 0 ||
        wait4(pid, &status, 0, &usage) != pid || status != 0) {
        fprintf(stderr, "side_by_side: %s fails\n", side->command[0]);
        exit(1);
    }
    side->us[pair] = now_us() - begun;
    side->kb[pair] = (double)usage.ru_maxrss;
    posix_spawn_file_actions_destroy(&actions);
}

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(values[0]), by_size);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

int main(int argc, char **argv)
{
    static struct side sides[2];
    int pairs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    int second = 2;

    while (second < argc && strcmp(argv[second], ":::") != 0)
        second++;
    if (pairs < 1 || pairs > MAX_PAIRS || second < 3 || second + 1 >= argc) {
        fprintf(stderr, "usage: side_by_side PAIRS COMMAND... ::: COMMAND...\n");
        return 2;
    }
    argv[second] = NULL;
    sides[0].command = argv + 2;
    sides[1].command = argv + second + 1;
    for (int pair = 0; pair < pairs; pair++) {
        run(&sides[pair % 2], pair);
        run(&sides[1 - pair % 2], pair);
    }
    for (int i = 0; i < 2; i++)
        printf("%.0f %.0f\n", median(sides[i].us, pairs), median(sides[i].kb, pairs));
    return 0;
}
