#define _GNU_SOURCE
#include "include/test_system.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int test_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int test_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int test_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int test_terminal(int *primary, int *replica) {
    if (openpty(primary, replica, NULL, NULL, NULL) != 0) return -1;
    fcntl(*primary, F_SETFD, FD_CLOEXEC);
    fcntl(*replica, F_SETFD, FD_CLOEXEC);
    return fcntl(*primary, F_SETFL, O_NONBLOCK);
}

int test_spawn(pid_t *pid, const char *path, char *const arguments[], char *const environment[], int output,
               int errors) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, errors, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

    int result = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return result;
}
