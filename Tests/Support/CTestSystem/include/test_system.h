// What tests of programs need of Linux and glibc that Swift's Glibc module does not show (_GNU_SOURCE).
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// Each returns a descriptor that is closed on exec, or -1 and errno.
int test_memory_file(const char *name);
int test_pidfd(pid_t pid);

// 0, or -1 and errno.
int test_pipe(int ends[2]);
int test_terminal(int *primary, int *replica);

struct test_program {
    // The first is the program: a path, or a name that is looked up in PATH.
    char *const *arguments;
    // NULL: that of this process.
    char *const *environment;
    // Negative: nothing to read.
    int input;
    int output;
    int errors;
    // Killed by the kernel when this process dies, however it may; unless the program takes on other credentials.
    bool dies_with_parent;
};

// Starts a program in a process group of its own, with no other descriptor than these three, and with the default
// signal dispositions. Returns 0 or an errno.
int test_spawn(pid_t *pid, const struct test_program *program);
