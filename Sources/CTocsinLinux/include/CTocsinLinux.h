// What Swift cannot import: variadic functions, system calls without a libc wrapper, macros that are no plain
// numbers, structs with flexible arrays, and whatever glibc shows only to _GNU_SOURCE. That macro must not be defined
// here: Swift's own module of glibc is built without it, and one type must not have two definitions.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/fanotify.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/types.h>

#ifndef FAN_REPORT_PIDFD
#error "kernel headers of Linux 5.17 or later are needed (linux-libc-dev)"
#endif

// MARK: Constants of _GNU_SOURCE

extern const int tocsin_O_PATH;
extern const int tocsin_O_NOATIME;
extern const int tocsin_AT_EMPTY_PATH;
extern const int tocsin_F_ADD_SEALS;
extern const int tocsin_F_GET_SEALS;
extern const int tocsin_F_SEAL_SEAL;
extern const int tocsin_F_SEAL_SHRINK;
extern const int tocsin_F_SEAL_GROW;
extern const int tocsin_F_SEAL_WRITE;
extern const int tocsin_F_SEAL_FUTURE_WRITE;

// MARK: Descriptors

// openat(2) with O_CLOEXEC.
int tocsin_openat(int directory, const char *path, int flags, mode_t mode);
// openat2(2) with O_CLOEXEC, since 5.6.
int tocsin_openat2(int directory, const char *path, int flags, uint64_t resolve);
// pipe2(2) with O_CLOEXEC.
int tocsin_pipe(int ends[2]);
int tocsin_fcntl(int descriptor, int command, int argument);
// memfd_create(2), close-on-exec, with sealing allowed, and no execution where the kernel knows that (6.3).
int tocsin_memfd_create(const char *name);
// STATX_MNT_ID, since 5.8: the mount that the path or, with an empty path, the descriptor is on.
int tocsin_mount_id(int directory, const char *path, uint64_t *mount_id);
int tocsin_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t token);

// A context for one asynchronous call at a time, io_setup(2), and its end, with which the call ends too.
int tocsin_aio_setup(aio_context_t *context);
void tocsin_aio_destroy(aio_context_t context);
// IOCB_CMD_POLL, since 4.19: adds 1 to the eventfd, once, when the descriptor is readable. -1 and errno.
int tocsin_aio_poll(aio_context_t context, int descriptor, int eventfd);
// Whether a call has completed since the last time; it is taken off the context's ring, where it would keep its place.
int tocsin_aio_take(aio_context_t context);

// MARK: Processes and threads

int tocsin_pidfd_open(pid_t pid);
int tocsin_pidfd_send_signal(int pidfd, int signal);
// prctl(2) with the other arguments 0, as the operations of capabilities(7) want them.
int tocsin_prctl(int operation, unsigned long first, unsigned long second);
// This thread's sets, one bit for each capability; capget(2), capset(2). The effective set becomes the permitted one.
int tocsin_get_capabilities(uint64_t *permitted, uint64_t *inheritable);
int tocsin_set_capabilities(uint64_t permitted, uint64_t inheritable);
// At most 15 bytes and NUL.
void tocsin_name_this_thread(const char *name);

// MARK: fanotify

int tocsin_fanotify_init(unsigned flags, unsigned event_flags);
int tocsin_fanotify_mark(int group, unsigned flags, uint64_t mask, int directory, const char *path);

// An open for execution as it is noted, in memory that outlives the process, the moment it was read. The path follows.
struct tocsin_noted_open {
    // Of the whole entry, a multiple of 8. Written last: 0 as long as the entry is not complete.
    uint32_t length;
    uint16_t path_length;
    uint16_t interpreter_length;
    // For the reader's use, as are the roles.
    uint64_t state;
    // What read(2) gave: a metadata and, where the group reports it, a pidfd.
    uint8_t event[32];
    uint64_t device, inode;
    uint32_t mode, links;
    // When it was read; the last one, before.
    uint64_t realtime_usec, monotonic_usec, boottime_nsec;
    uint64_t start_nsec;
    uint16_t roles;
    uint16_t format;
    char interpreter[124];
};
#define TOCSIN_NOTED_OPEN_LIMIT (2 * sizeof(struct tocsin_noted_open) + 4096)
// Reads one event, of `size` bytes, from a group that reports descriptors, and notes which file it is about. Between the
// moment the event leaves the kernel's queue and that in which it is noted lie three system calls.
//
// `note` has TOCSIN_NOTED_OPEN_LIMIT bytes of room and begins with a header of zeros; so does what follows the entry.
// Returns what read(2) did.
ssize_t tocsin_read_noted_open(int group, struct tocsin_noted_open *note, size_t size);
// A copy of a complete entry, where there is as much room.
void tocsin_copy_noted_open(struct tocsin_noted_open *to, const struct tocsin_noted_open *from);
// What was stored before, also in other entries, is in memory before it.
void tocsin_set_noted_state(struct tocsin_noted_open *note, uint64_t state);

// A file handle (name_to_handle_at(2)) with room for the largest.
#define TOCSIN_MAX_HANDLE 128
struct tocsin_file_handle {
    uint32_t handle_bytes;
    int32_t handle_type;
    uint8_t f_handle[TOCSIN_MAX_HANDLE];
};
// The handle, as fanotify reports it, of the path or, with an empty path, of the descriptor. Links are not followed.
int tocsin_name_to_handle_at(int directory, const char *path, struct tocsin_file_handle *handle);
int tocsin_open_by_handle_at(int mount, struct tocsin_file_handle *handle, int flags);
// f_fsid of fstatfs(2), as fanotify reports it.
int tocsin_file_system_id(int descriptor, uint64_t *id);

// MARK: Others

int tocsin_is_map_failed(const void *address);
// Constant texts, so safe from any thread (strerrordesc_np(3), glibc 2.32).
const char *tocsin_error_text(int code);
// RLIMIT_NOFILE, whose name is an enumeration that differs with _GNU_SOURCE.
int tocsin_get_descriptor_limit(struct rlimit *limit);
int tocsin_set_descriptor_limit(const struct rlimit *limit);

// MARK: Memory

/// Whether the pages from `start` to `end` lie in one segment of the program or of a library that is loaded; see
/// dl_iterate_phdr(3).
int tocsin_is_loaded(uintptr_t start, uintptr_t end);
