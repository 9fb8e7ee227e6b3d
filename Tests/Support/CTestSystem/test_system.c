#define _GNU_SOURCE
#include "include/test_system.h"

#include <fcntl.h>
#include <pty.h>
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
