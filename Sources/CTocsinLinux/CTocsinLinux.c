#define _GNU_SOURCE
#include "CTocsinLinux.h"

#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

// Swift reads these records from byte buffers by their layout.
_Static_assert(sizeof(struct fanotify_event_metadata) == 24, "fanotify_event_metadata, version 3");
_Static_assert(sizeof(struct fanotify_event_info_pidfd) == 8, "fanotify_event_info_pidfd");
_Static_assert(offsetof(struct fanotify_event_info_fid, handle) == 12, "fanotify_event_info_fid");
_Static_assert(offsetof(struct tocsin_file_handle, f_handle) == offsetof(struct file_handle, f_handle), "file_handle");
_Static_assert(TOCSIN_MAX_HANDLE == MAX_HANDLE_SZ, "MAX_HANDLE_SZ");

const int tocsin_O_PATH = O_PATH;
const int tocsin_O_NOATIME = O_NOATIME;
const int tocsin_AT_EMPTY_PATH = AT_EMPTY_PATH;
const int tocsin_F_ADD_SEALS = F_ADD_SEALS;
const int tocsin_F_GET_SEALS = F_GET_SEALS;
const int tocsin_F_SEAL_SEAL = F_SEAL_SEAL;
const int tocsin_F_SEAL_SHRINK = F_SEAL_SHRINK;
const int tocsin_F_SEAL_GROW = F_SEAL_GROW;
const int tocsin_F_SEAL_WRITE = F_SEAL_WRITE;
const int tocsin_F_SEAL_FUTURE_WRITE = F_SEAL_FUTURE_WRITE;

int tocsin_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}

int tocsin_openat2(int directory, const char *path, int flags, uint64_t resolve) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int tocsin_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int tocsin_fcntl(int descriptor, int command, int argument) { return fcntl(descriptor, command, argument); }

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int tocsin_memfd_create(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    // Before 6.3 the flag is unknown.
    if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return descriptor;
}

int tocsin_mount_id(int directory, const char *path, uint64_t *mount_id) {
    struct statx status;
    int result = statx(directory, path, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status);
    if (result == 0 && !(status.stx_mask & STATX_MNT_ID)) {
        errno = ENOSYS;
        return -1;
    }
    *mount_id = status.stx_mnt_id;
    return result;
}

int tocsin_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int tocsin_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int tocsin_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

void tocsin_name_this_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int tocsin_fanotify_init(unsigned flags, unsigned event_flags) {
    return (int)syscall(SYS_fanotify_init, flags, event_flags);
}

int fanotify_mark(int, unsigned, uint64_t, int, const char *);

int tocsin_fanotify_mark(int group, unsigned flags, uint64_t mask, int directory, const char *path) {
    // Not by syscall(2): on 32-bit machines the mask takes two arguments.
    return fanotify_mark(group, flags, mask, directory, path);
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void complete(struct tocsin_noted_open *note, uint32_t length) {
    memset((char *)note + length, 0, sizeof *note);
    __atomic_store_n(&note->length, length, __ATOMIC_SEQ_CST);
}

ssize_t tocsin_read_noted_open(int group, struct tocsin_noted_open *note, size_t size) {
    _Static_assert(sizeof *note % 8 == 0, "entries begin at multiples of 8");
    note->boottime_nsec = nanoseconds(CLOCK_BOOTTIME);
    // The kernel looks at no signal between taking an event and writing it here. Only a page that would have to be
    // brought in first could fail a process that is being killed, so it is brought in now.
    volatile uint8_t *event = note->event;
    event[0] = event[sizeof note->event - 1] = 0;
    ssize_t count = read(group, note->event, size);
    if (count <= 0) return count;

    char *path = (char *)(note + 1);
    struct fanotify_event_metadata metadata;
    memcpy(&metadata, note->event, sizeof metadata);
    if (metadata.fd >= 0) {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", metadata.fd);
        struct stat status;
        ssize_t length = readlink(link, path, 4096);
        if (length > 0 && fstat(metadata.fd, &status) == 0) {
            note->path_length = (uint16_t)length;
            note->device = status.st_dev;
            note->inode = status.st_ino;
            note->mode = status.st_mode;
            note->links = status.st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)status.st_nlink;
        }
    }
    note->realtime_usec = nanoseconds(CLOCK_REALTIME) / 1000;
    note->monotonic_usec = nanoseconds(CLOCK_MONOTONIC) / 1000;
    complete(note, (uint32_t)(sizeof *note + note->path_length + 7) & ~7u);
    return count;
}

void tocsin_copy_noted_open(struct tocsin_noted_open *to, const struct tocsin_noted_open *from) {
    uint32_t length = from->length;
    size_t begin = sizeof length;
    memcpy((char *)to + begin, (const char *)from + begin, length - begin);
    complete(to, length);
}

void tocsin_set_noted_state(struct tocsin_noted_open *note, uint64_t state) {
    __atomic_store_n(&note->state, state, __ATOMIC_RELEASE);
}

// Since 6.5: a handle that need not be good for opening, as overlayfs has them.
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

int tocsin_name_to_handle_at(int directory, const char *path, struct tocsin_file_handle *handle) {
    struct file_handle *plain = (struct file_handle *)(void *)handle;
    int mount_id;
    handle->handle_bytes = TOCSIN_MAX_HANDLE;
    int result = name_to_handle_at(directory, path, plain, &mount_id, AT_EMPTY_PATH | AT_HANDLE_FID);
    if (result == 0 || errno != EINVAL) return result;
    handle->handle_bytes = TOCSIN_MAX_HANDLE;
    return name_to_handle_at(directory, path, plain, &mount_id, AT_EMPTY_PATH);
}

int tocsin_open_by_handle_at(int mount, struct tocsin_file_handle *handle, int flags) {
    return open_by_handle_at(mount, (struct file_handle *)(void *)handle, flags | O_CLOEXEC);
}

int tocsin_file_system_id(int descriptor, uint64_t *id) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return -1;
    _Static_assert(sizeof status.f_fsid == sizeof *id, "fsid_t is two ints");
    memcpy(id, &status.f_fsid, sizeof *id);
    return 0;
}

int tocsin_is_map_failed(const void *address) { return address == MAP_FAILED; }

const char *tocsin_error_text(int code) {
    const char *text = strerrordesc_np(code);
    return text ? text : "Unknown error";
}

int tocsin_get_descriptor_limit(struct rlimit *limit) { return getrlimit(RLIMIT_NOFILE, limit); }
int tocsin_set_descriptor_limit(const struct rlimit *limit) { return setrlimit(RLIMIT_NOFILE, limit); }

int tocsin_prctl(int operation, unsigned long first, unsigned long second) {
    return prctl(operation, first, second, 0UL, 0UL);
}

int tocsin_get_capabilities(uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    *inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
    return 0;
}

int tocsin_set_capabilities(uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
        data[word].permitted = data[word].effective = (uint32_t)(permitted >> 32 * word);
        data[word].inheritable = (uint32_t)(inheritable >> 32 * word);
    }
    return (int)syscall(SYS_capset, &header, data);
}

struct pages {
    uintptr_t start, end;
};

static int holds(struct dl_phdr_info *info, size_t size, void *wanted) {
    (void)size;
    const struct pages *pages = wanted;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[index];
        if (header->p_type != PT_LOAD) continue;
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        uintptr_t end = start + header->p_memsz;
        if (start / page * page <= pages->start && pages->end <= (end + page - 1) / page * page) return 1;
    }
    return 0;
}

int tocsin_is_loaded(uintptr_t start, uintptr_t end) {
    struct pages pages = {start, end};
    return dl_iterate_phdr(holds, &pages);
}

// The kernel maps a ring of completions to the address that is the context's name (fs/aio.c).
struct completion_ring {
    unsigned id, length, head, tail, magic;
};

int tocsin_aio_setup(aio_context_t *context) {
    *context = 0;
    if (syscall(SYS_io_setup, 1, context) != 0) return -1;
    const struct completion_ring *ring = (const void *)*context;
    if (ring->magic == 0xa10a10a1) return 0;
    syscall(SYS_io_destroy, *context);
    errno = ENOSYS;
    return -1;
}

void tocsin_aio_destroy(aio_context_t context) { syscall(SYS_io_destroy, context); }

int tocsin_aio_poll(aio_context_t context, int descriptor, int eventfd) {
    struct iocb call = {
        .aio_lio_opcode = IOCB_CMD_POLL,
        .aio_fildes = (uint32_t)descriptor,
        .aio_buf = POLLIN,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)eventfd,
    };
    struct iocb *calls[] = {&call};
    return syscall(SYS_io_submit, context, 1, calls) == 1 ? 0 : -1;
}

int tocsin_aio_take(aio_context_t context) {
    struct completion_ring *ring = (void *)context;
    unsigned tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    if (ring->head == tail) return 0;
    __atomic_store_n(&ring->head, tail, __ATOMIC_RELEASE);
    return 1;
}
