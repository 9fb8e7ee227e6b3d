#ifndef TOCSIN_PROBE_EVENT_H
#define TOCSIN_PROBE_EVENT_H

// What the probes write into the ring buffer and user space reads: one definition for both sides.
//
// Every record starts with probe_header and probe_process. Integers are in the machine's byte order. Padding is an
// error when the probes are compiled, so both sides agree on every byte. Whoever changes anything here raises
// PROBE_LAYOUT: a daemon may meet a ring that the probes of an older version still fill.

#ifdef __bpf__
#include <linux/types.h>
typedef __u32 probe_u32;
typedef __s32 probe_s32;
typedef __u64 probe_u64;
#else
#include <stdint.h>
typedef uint32_t probe_u32;
typedef int32_t probe_s32;
typedef uint64_t probe_u64;
#endif

#define PROBE_LAYOUT 4

#define PROBE_COMM_SIZE 16
#define PROBE_TTY_SIZE 24

/// Arguments longer than this arrive cut, with PROBE_FAULT_ARGUMENTS set.
#define PROBE_ARGUMENTS_MAX (128 * 1024)

enum probe_type {
    PROBE_EXEC,
    PROBE_FORK,
    PROBE_EXIT,
    PROBE_TYPES,
};

/// probe_exec.flags
enum probe_exec_flag {
    PROBE_FLAG_SETUID = 1,
    PROBE_FLAG_SETGID = 2,
    PROBE_FLAG_MEMFD = 4,
    PROBE_FLAG_DELETED = 8,
    PROBE_FLAG_SCRIPT = 16,
};

/// probe_exec.faults: what is missing or cut short.
enum probe_fault {
    PROBE_FAULT_FILENAME = 1,
    PROBE_FAULT_EXECUTABLE = 2,
    PROBE_FAULT_WORKING_DIRECTORY = 4,
    PROBE_FAULT_CGROUP = 8,
    PROBE_FAULT_ARGUMENTS = 16,
};

struct probe_header {
    /// enum probe_type
    probe_u32 type;
    /// Bytes used, this header included; the room in the ring is larger.
    probe_u32 size;
    /// CLOCK_MONOTONIC.
    probe_u64 monotonic_nsec;
    /// Records of all types that found no room since the probes were loaded.
    probe_u64 lost;
};

struct probe_process {
    /// CLOCK_BOOTTIME.
    probe_u64 start_boottime_nsec;
    /// Of the version 2 hierarchy: the inode number of the group's directory.
    probe_u64 cgroup_id;
    /// These three in the namespace of probe_settings; 0 for a parent or a group outside.
    probe_s32 tgid;
    probe_s32 parent_tgid;
    probe_s32 process_group;
    probe_u32 uid;
    probe_u32 gid;
    probe_u32 effective_uid;
    probe_u32 effective_gid;
    /// UINT32_MAX where it was never set.
    probe_u32 login_uid;
    probe_u32 audit_session;
    probe_u32 pid_namespace;
    probe_u32 mount_namespace;
    probe_u32 network_namespace;
    probe_u32 user_namespace;
    probe_u32 reserved;
    char comm[PROBE_COMM_SIZE];
};

/// Followed by the text: arguments, filename, executable, working directory, cgroup, each as long as its size says.
///
/// Arguments are NUL-terminated strings, the filename is a string without NUL. The three paths are NUL-terminated
/// components, last component first, as the kernel's links lead; a root is no component.
struct probe_exec {
    struct probe_header header;
    struct probe_process process;
    probe_u64 inode;
    /// As the kernel keeps it: major << 20 | minor.
    probe_u32 device;
    probe_u32 flags;
    probe_u32 faults;
    probe_u32 arguments_size;
    probe_u32 filename_size;
    probe_u32 executable_size;
    probe_u32 working_directory_size;
    probe_u32 cgroup_size;
    char tty[PROBE_TTY_SIZE];
};

struct probe_fork {
    struct probe_header header;
    struct probe_process process;
};

struct probe_exit {
    struct probe_header header;
    struct probe_process process;
    /// CLOCK_BOOTTIME at the end.
    probe_u64 boottime_nsec;
    /// As wait(2) would report it.
    probe_s32 status;
    probe_u32 reserved;
};

/// Set before the probes are loaded, and theirs for good.
struct probe_settings {
    /// Inode number of the pid namespace whose processes are recorded, by their numbers there. 0: all processes, by the
    /// machine's numbers.
    probe_u32 pid_namespace;
    /// Bytes.
    probe_u32 ring_size;
    /// For how long a reader is left asleep while records come that it need not be woken for.
    probe_u64 patience_nsec;
};

/// The value of the one-element map "counters". Of each type, seen == submitted + lost; and what was submitted is
/// delivered, undecodable or still in the ring.
struct probe_counters {
    /// The probe ran, for a process that is to be recorded.
    probe_u64 seen[PROBE_TYPES];
    probe_u64 submitted[PROBE_TYPES];
    /// The ring had no room.
    probe_u64 lost[PROBE_TYPES];
    /// Sum of lost.
    probe_u64 lost_total;
    /// Executions whose text found no room and which were recorded with less of it.
    probe_u64 shortened;
    /// The rest is written by user space; here it outlives the program that wrote it. How many of lost_total were told of
    /// in gaps.
    probe_u64 reported_lost;
    /// Taken out of the ring as events, of each type.
    probe_u64 delivered[PROBE_TYPES];
    /// Taken out of the ring, and of no use: no record as it is described here.
    probe_u64 undecodable;
    /// How many runs of a probe that the kernel skipped were told of in gaps.
    probe_u64 reported_skipped;
    /// 0 while the reader is awake. Else what to wake it for: 1 << enum probe_type, and 1 << PROBE_TYPES for what is always
    /// a reason, that others take much of the ring or come when it has slept for long.
    probe_u64 awaited;
    /// CLOCK_MONOTONIC.
    probe_u64 asleep_since;
};

_Static_assert(sizeof(struct probe_header) == 24, "layout");
_Static_assert(sizeof(struct probe_process) == 88, "layout");
_Static_assert(sizeof(struct probe_exec) == 176, "layout");
_Static_assert(sizeof(struct probe_fork) == 112, "layout");
_Static_assert(sizeof(struct probe_exit) == 128, "layout");
_Static_assert(sizeof(struct probe_counters) == 152, "layout");

#endif
