// storm SPAWNERS COUNT PREFIX PROGRAM OUTPUT
//
// Starts PROGRAM COUNT times in all from SPAWNERS processes, each waiting for one before it starts the next. Every start
// has an argument of its own, PREFIX-NUMBER. Writes to OUTPUT one line per start: number, pid, and when posix_spawn
// (which uses vfork) was called, in nanoseconds of CLOCK_MONOTONIC. Prints how long the whole took, in nanoseconds.

#define _GNU_SOURCE
#include <err.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct start {
    uint64_t time;
    pid_t pid;
};

struct shared {
    _Atomic int go;
    struct start starts[];
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void spawn(struct shared *shared, int first, int count, int step, const char *prefix, const char *program) {
    char argument[64];
    char *arguments[] = {(char *)program, argument, NULL};
    char *environment[] = {NULL};
    while (!atomic_load(&shared->go)) usleep(100);
    for (int number = first; number < count; number += step) {
        struct start *start = &shared->starts[number];
        snprintf(argument, sizeof argument, "%s-%d", prefix, number);
        start->time = now();
        int error = posix_spawn(&start->pid, program, NULL, NULL, arguments, environment);
        if (error) errx(1, "posix_spawn: error %d", error);
        if (waitpid(start->pid, NULL, 0) < 0) err(1, "waitpid");
    }
}

int main(int argc, char **argv) {
    if (argc != 6) errx(2, "usage: storm SPAWNERS COUNT PREFIX PROGRAM OUTPUT");
    int spawners = atoi(argv[1]), count = atoi(argv[2]);
    size_t size = sizeof(struct shared) + (size_t)count * sizeof(struct start);
    struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) err(1, "mmap");
    for (int index = 0; index < spawners; index++) {
        pid_t child = fork();
        if (child < 0) err(1, "fork");
        if (child == 0) {
            spawn(shared, index, count, spawners, argv[3], argv[4]);
            _exit(0);
        }
    }
    usleep(20000);
    uint64_t begin = now();
    atomic_store(&shared->go, 1);
    int failed = 0;
    for (int status; wait(&status) > 0;) failed |= status != 0;
    uint64_t end = now();
    if (failed) errx(1, "a spawner failed");

    FILE *output = fopen(argv[5], "w");
    if (!output) err(1, "%s", argv[5]);
    for (int number = 0; number < count; number++)
        fprintf(output, "%d %d %llu\n", number, shared->starts[number].pid,
                (unsigned long long)shared->starts[number].time);
    if (fclose(output)) err(1, "%s", argv[5]);
    printf("%llu\n", (unsigned long long)(end - begin));
    return 0;
}
