// What tests of programs need of Linux and glibc that Swift's Glibc module does not show (_GNU_SOURCE).
#pragma once
#include <sys/types.h>

// Each returns a descriptor that is closed on exec, or -1 and errno.
int test_memory_file(const char *name);
int test_pidfd(pid_t pid);

// 0, or -1 and errno.
int test_pipe(int ends[2]);
int test_terminal(int *primary, int *replica);

// Starts a program with nothing to read, in a process group of its own, with no other descriptor than these two, and
// with the default signal dispositions. Returns 0 or an errno.
int test_spawn(pid_t *pid, const char *path, char *const arguments[], char *const environment[], int output,
               int errors);
