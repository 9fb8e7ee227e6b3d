// Process starts, forks and ends, as records of probe_event.h in one ring buffer.
//
// Needs Linux 5.8 (ring buffer, CAP_BPF) with BTF. A record is written where it will be read: there is no staging buffer
// that a preempted or nested probe could share. The order in the ring is the order of the reservations, under the
// ring's lock: what happened because of something else comes after it, on whichever CPU. Only the time stamps, which
// are taken a moment earlier, may swap among unrelated records.

#include <linux/bpf.h>
#include "kernel_types.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "probe_event.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    // User space sets the configured size before it loads.
    __uint(max_entries, 1 << 24);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct probe_counters);
} counters SEC(".maps");

// User space sets it before it loads: constants to the verifier, which drops what they rule out.
const volatile struct probe_settings settings SEC(".rodata");

// Longest name of a dentry or of a kernfs node, with its NUL. Every piece of text is at most this long, so that the
// verifier can see a write at `offset <= room - NAME_SIZE` stay inside.
#define NAME_SIZE 256

// Components of a path that are followed. Deeper ones leave the path without its beginning, and flagged.
#define DEPTH_MAX 96

// A filename passed to execve is at most PATH_MAX long.
#define FILENAME_PIECES 17

// Keeps the compiler from narrowing a bound to 32 bits: verifiers up to 5.10 lose it then.
#define opaque(value) asm volatile("" : "+r"(value))

// The same value, of which the verifier knows nothing any more: states that differ only in it become one.
static __always_inline __u64 launder(__u64 value, __u64 unknown) {
    asm volatile("%0 ^= %1\n%0 ^= %1" : "+r"(value) : "r"(unknown));
    return value;
}

static __always_inline struct probe_counters *find_counters(void) {
    __u32 zero = 0;
    return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline void count_lost(struct probe_counters *count, __u32 type) {
    __sync_fetch_and_add(&count->lost[type], 1);
    __sync_fetch_and_add(&count->lost_total, 1);
}

// Whether the reader sleeps and wants to be woken for such a record. One that it need not be woken for waits in the ring
// for others: until they take a quarter of it, or the reader has slept for long. So it is as old as that when it is read,
// unless nothing happened after it.
static __always_inline int is_awaited(struct probe_counters *count, __u32 type, __u64 now) {
    __u64 awaited = *(volatile __u64 *)&count->awaited;
    if (!awaited) return 0;
    if (awaited & (1ULL << type)) return 1;
    // It may have fallen asleep after this record's time.
    __s64 slept = now - *(volatile __u64 *)&count->asleep_since;
    if (slept >= (__s64)settings.patience_nsec) return 1;
    return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= settings.ring_size / 4;
}

// Who wakes the reader takes its wish back, before: one wake-up is enough, and the reader's next wish is not touched.
static __always_inline void take_wish(struct probe_counters *count) { *(volatile __u64 *)&count->awaited = 0; }

// Left alone, the kernel wakes a reader that has read all before this record: records that wait would keep it asleep.
//
// The reader writes its wish and looks at the ring after it. Here the record is committed, by an atomic exchange, and the
// wish looked at after it. So one sees the other, and the look before the commit only spares the nudge.
static __always_inline void submit(void *record, struct probe_counters *count, __u32 type, __u64 now) {
    __sync_fetch_and_add(&count->submitted[type], 1);
    if (is_awaited(count, type, now)) {
        take_wish(count);
        bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
        return;
    }
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
    if (!is_awaited(count, type, now)) return;
    // Nothing but a record wakes. Where there is no room for this one the wish stays for the next; and the reader looks
    // again by itself where it left a record that was not yet committed.
    void *nudge = bpf_ringbuf_reserve(&ring, 8, 0);
    if (!nudge) return;
    take_wish(count);
    bpf_ringbuf_discard(nudge, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void fill_header(struct probe_header *header, struct probe_counters *count, __u32 type,
                                        __u64 now) {
    header->type = type;
    header->monotonic_nsec = now;
    header->lost = *(volatile __u64 *)&count->lost_total;
}

// The number of its own that a pid has at a level; level 0 is the machine's namespace.
static __always_inline struct upid *number_at(struct pid *pid, __u32 level) {
    return (void *)pid + bpf_core_field_offset(pid->numbers) + level * bpf_core_type_size(struct upid);
}

// A pid has a number in each namespace from the one it is in out to the machine's. Where the wanted one is among them
// cannot be told from inside of it, so it is looked for; mostly it is the first. 0 where it is none of them.
static __noinline int nested_number(struct pid *pid) {
    __u32 level = BPF_CORE_READ(pid, level);
    for (int outward = 0; outward <= NAMESPACE_LEVELS; outward++) {
        struct upid *number = number_at(pid, level);
        if (BPF_CORE_READ(number, ns, ns.inum) == settings.pid_namespace) return BPF_CORE_READ(number, nr);
        if (!level) return 0;
        level--;
    }
    return 0;
}

// As /proc there shows it; 0 for what is not in the namespace that is told of.
static __always_inline int process_number(struct task_struct *task) {
    if (!settings.pid_namespace) return BPF_CORE_READ(task, tgid);
    return nested_number(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
}

static __always_inline int process_group(struct task_struct *task) {
    struct pid *pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_PGID]);
    if (!settings.pid_namespace) return BPF_CORE_READ(pid, numbers[0].nr);
    return nested_number(pid);
}

static __always_inline void fill_process(struct probe_process *process, struct task_struct *task, int number) {
    process->start_boottime_nsec = BPF_CORE_READ(task, group_leader, start_boottime);
    process->tgid = number;
    process->parent_tgid = process_number(BPF_CORE_READ(task, real_parent));
    process->process_group = process_group(task);
    struct cred *cred = BPF_CORE_READ(task, cred);
    process->uid = BPF_CORE_READ(cred, uid.val);
    process->gid = BPF_CORE_READ(cred, gid.val);
    process->effective_uid = BPF_CORE_READ(cred, euid.val);
    process->effective_gid = BPF_CORE_READ(cred, egid.val);
    process->login_uid = ~0U;
    process->audit_session = ~0U;
    if (bpf_core_field_exists(task->loginuid)) process->login_uid = BPF_CORE_READ(task, loginuid.val);
    if (bpf_core_field_exists(task->sessionid)) process->audit_session = BPF_CORE_READ(task, sessionid);
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    struct upid *innermost = number_at(pid, BPF_CORE_READ(pid, level));
    process->pid_namespace = BPF_CORE_READ(innermost, ns, ns.inum);
    struct nsproxy *namespaces = BPF_CORE_READ(task, nsproxy);
    process->mount_namespace = BPF_CORE_READ(namespaces, mnt_ns, ns.inum);
    process->network_namespace = BPF_CORE_READ(namespaces, net_ns, ns.inum);
    process->user_namespace = BPF_CORE_READ(cred, user_ns, ns.inum);
    process->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
    process->reserved = 0;
    BPF_CORE_READ_INTO(&process->comm, task, comm);
}

// MARK: - Text

// Where the text of one execution is, and how much.
struct execution {
    struct path *executable;
    struct path *working_directory;
    struct kernfs_node *cgroup;
    const char *filename;
    __u64 arguments;
    __u64 arguments_size;
    // Of all but the arguments.
    __u64 text_size;
};

// Where text goes: behind `record->header.size`, which grows. That offset is kept in the record, not in a register: what
// comes out of the ring's memory is unknown to the verifier, so it has one state to look at where it would
// otherwise follow every possible length of every name. A NULL record measures.
struct text {
    struct probe_exec *record;
    __u64 room;
    __u64 measured;
};

// One NUL-terminated name of at most NAME_SIZE bytes. Returns its size with NUL, or 0 where it cannot be had or has no room.
static __always_inline __u64 put_name(struct text *out, const void *name) {
    __u64 offset = *(volatile __u32 *)&out->record->header.size;
    opaque(offset);
    if (offset > out->room - NAME_SIZE) return 0;
    long length = bpf_probe_read_kernel_str((void *)out->record + offset, NAME_SIZE, name);
    if (length <= 0) return 0;
    out->record->header.size = offset + length;
    return length;
}

// Of its own, because its buffer is half of the stack that a program may have.
static __noinline __u64 name_size(const void *name) {
    char copy[NAME_SIZE];
    long length = bpf_probe_read_kernel_str(copy, sizeof(copy), name);
    return length < 0 ? 0 : length;
}

static __always_inline void add_measure(struct text *out, __u64 size, void *unknown) {
    out->measured = launder(out->measured + size, (__u64)unknown);
}

// Components from `path` up to the root of its mount namespace, through all mounts. This is d_path(9) from the other
// end, and without the lock that makes it atomic: a rename at this moment may show an old or a new name.
// Returns whether it is whole.
static __always_inline int put_path(struct text *out, struct path *path) {
    struct dentry *dentry = BPF_CORE_READ(path, dentry);
    struct vfsmount *vfsmount = BPF_CORE_READ(path, mnt);
    struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
    struct dentry *top = BPF_CORE_READ(vfsmount, mnt_root);
    if (!dentry || !vfsmount) return 0;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        if (dentry == top) {
            struct mount *outer = BPF_CORE_READ(mount, mnt_parent);
            if (outer == mount || !outer) return 1;
            dentry = BPF_CORE_READ(mount, mnt_mountpoint);
            mount = outer;
            top = BPF_CORE_READ(mount, mnt.mnt_root);
            continue;
        }
        if (!out->record)
            add_measure(out, BPF_CORE_READ(dentry, d_name.len) + 1, dentry);
        else if (!put_name(out, BPF_CORE_READ(dentry, d_name.name)))
            return 0;
        struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
        // A file without a directory: memory, or a name that no directory leads to.
        if (!parent || parent == dentry) return 1;
        dentry = parent;
    }
    return 0;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node) {
    if (bpf_core_field_exists(node->__parent)) return BPF_CORE_READ(node, __parent);
    struct kernfs_node___parent *old = (void *)node;
    return (void *)BPF_CORE_READ(old, parent);
}

static __always_inline int put_cgroup(struct text *out, struct kernfs_node *node) {
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        struct kernfs_node *parent = kernfs_parent(node);
        // The root's name is empty.
        if (!parent) return 1;
        if (!out->record)
            add_measure(out, name_size(BPF_CORE_READ(node, name)), node);
        else if (!put_name(out, BPF_CORE_READ(node, name)))
            return 0;
        node = parent;
    }
    return 0;
}

// Of any length up to PATH_MAX, without its NUL: a piece ends where the next begins.
static __always_inline int put_filename(struct text *out, const char *filename) {
    for (int piece = 0; piece < FILENAME_PIECES; piece++) {
        __u64 size = put_name(out, filename);
        if (!size) return 0;
        out->record->header.size -= 1;
        if (size < NAME_SIZE) return 1;
        filename += NAME_SIZE - 1;
    }
    return 0;
}

// The three measurements are functions of their own so that each is verified once for each caller's state.
static __noinline __u64 measure_path(struct path *path) {
    struct text out = {};
    put_path(&out, path);
    return out.measured;
}

static __noinline __u64 measure_cgroup(struct kernfs_node *node) {
    struct text out = {};
    put_cgroup(&out, node);
    return out.measured;
}

static __always_inline __u64 measure(struct execution *execution) {
    __u64 filename = name_size(execution->filename);
    // A long one is not measured further: it is rare, and a larger class costs nothing but room.
    return measure_path(execution->executable) + measure_path(execution->working_directory) +
           measure_cgroup(execution->cgroup) + (filename < NAME_SIZE ? filename : 4096);
}

// Copies the arguments to the constant offset behind the record. Returns how many bytes are there.
static __always_inline __u64 put_arguments(struct probe_exec *record, __u64 room, struct execution *execution) {
    __u64 text = execution->text_size, size = execution->arguments_size;
    __u64 limit = room - sizeof(*record) - NAME_SIZE;
    // Where the class is smaller than wanted, names go before arguments.
    __u64 left = text < limit ? limit - text : 0;
    if (size > left) size = left;
    if (size > PROBE_ARGUMENTS_MAX) size = PROBE_ARGUMENTS_MAX;
    if (size != execution->arguments_size) record->faults |= PROBE_FAULT_ARGUMENTS;
    opaque(size);
    if (size > limit) return 0;
    if (bpf_probe_read_user(record + 1, size, (void *)execution->arguments) == 0) return size;
    // A page is not in memory. What lies on the first page may be.
    record->faults |= PROBE_FAULT_ARGUMENTS;
    __u64 page = 4096 - (execution->arguments & 4095);
    if (page < size) size = page;
    opaque(size);
    if (size > limit) return 0;
    return bpf_probe_read_user(record + 1, size, (void *)execution->arguments) == 0 ? size : 0;
}

static __noinline int fill_text(struct probe_exec *record, __u64 room, struct execution *execution) {
    struct text out = {.record = record, .room = room};
    record->faults = 0;
    record->arguments_size = put_arguments(record, room, execution);
    record->header.size = sizeof(*record) + record->arguments_size;

    __u32 start = record->header.size;
    if (!put_filename(&out, execution->filename)) record->faults |= PROBE_FAULT_FILENAME;
    record->filename_size = record->header.size - start;

    start = record->header.size;
    if (!put_path(&out, execution->executable)) record->faults |= PROBE_FAULT_EXECUTABLE;
    record->executable_size = record->header.size - start;

    start = record->header.size;
    if (!put_path(&out, execution->working_directory)) record->faults |= PROBE_FAULT_WORKING_DIRECTORY;
    record->working_directory_size = record->header.size - start;

    start = record->header.size;
    if (!put_cgroup(&out, execution->cgroup)) record->faults |= PROBE_FAULT_CGROUP;
    record->cgroup_size = record->header.size - start;
    return 0;
}

// MARK: - Execution

static __always_inline __u32 exec_flags(struct task_struct *task, struct linux_binprm *binprm, struct file *file) {
    __u32 flags = 0;
    __u32 mode = BPF_CORE_READ(file, f_inode, i_mode);
    struct cred *cred = BPF_CORE_READ(task, cred);
    // The mode alone does not tell: a nosuid mount, no_new_privs or a tracer make it void. per_clear is set where
    // privilege was given, and is never set without a reason.
    if (BPF_CORE_READ(binprm, per_clear)) {
        if (mode & S_ISUID && BPF_CORE_READ(cred, euid.val) != BPF_CORE_READ(cred, uid.val))
            flags |= PROBE_FLAG_SETUID;
        if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
            BPF_CORE_READ(cred, egid.val) != BPF_CORE_READ(cred, gid.val))
            flags |= PROBE_FLAG_SETGID;
    }
    if (BPF_CORE_READ(binprm, interp) != BPF_CORE_READ(binprm, filename)) flags |= PROBE_FLAG_SCRIPT;

    struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
    if (BPF_CORE_READ(dentry, d_parent) == dentry) {
        // Memory has no directory: its entry is its own parent and not the root of its mount.
        char name[8] = {};
        bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
        if (name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':' &&
            dentry != BPF_CORE_READ(file, f_path.mnt, mnt_root))
            flags |= PROBE_FLAG_MEMFD;
    } else if (!BPF_CORE_READ(dentry, d_hash.pprev)) {
        flags |= PROBE_FLAG_DELETED;
    }
    return flags;
}

// Sizes of an execution's record. The verifier must know a reservation's size, so there are a few.
static __always_inline __u64 class_for(__u64 size) {
    if (size <= 1024) return 1024;
    if (size <= 2048) return 2048;
    if (size <= 4096) return 4096;
    if (size <= 8192) return 8192;
    if (size <= 32768) return 32768;
    return PROBE_ARGUMENTS_MAX + 16384;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx) {
    struct task_struct *task = (void *)ctx->args[0];
    struct linux_binprm *binprm = (void *)ctx->args[2];
    int number = process_number(task);
    if (!number) return 0;
    struct probe_counters *count = find_counters();
    if (!count) return 0;
    __sync_fetch_and_add(&count->seen[PROBE_EXEC], 1);

    __u64 now = bpf_ktime_get_ns();
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    struct file *file = BPF_CORE_READ(mm, exe_file);
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    struct kernfs_node *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
    struct execution execution = {
        .executable = (void *)file + bpf_core_field_offset(file->f_path),
        .working_directory = (void *)fs + bpf_core_field_offset(fs->pwd),
        .cgroup = cgroup,
        .filename = BPF_CORE_READ(binprm, filename),
        .arguments = BPF_CORE_READ(mm, arg_start),
    };
    execution.arguments_size = BPF_CORE_READ(mm, arg_end) - execution.arguments;
    execution.text_size = launder(measure(&execution), now);

    __u64 room = class_for(sizeof(struct probe_exec) + execution.arguments_size + execution.text_size + NAME_SIZE);
    // Each reservation is compared with NULL once: verifiers up to 6.1 follow both ways of a second comparison, and miss
    // the submission on the impossible one.
    struct probe_exec *record = bpf_ringbuf_reserve(&ring, room, 0);
    if (record) goto reserved;
    if (room > 4096) {
        // Better a start without all of its arguments than none.
        room = 4096;
        record = bpf_ringbuf_reserve(&ring, room, 0);
        if (record) {
            __sync_fetch_and_add(&count->shortened, 1);
            goto reserved;
        }
    }
    count_lost(count, PROBE_EXEC);
    return 0;

reserved:
    fill_text(record, room, &execution);
    fill_header(&record->header, count, PROBE_EXEC, now);
    fill_process(&record->process, task, number);
    record->inode = BPF_CORE_READ(file, f_inode, i_ino);
    record->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    record->flags = exec_flags(task, binprm, file);
    record->tty[0] = 0;
    struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
    if (tty) bpf_probe_read_kernel_str(record->tty, sizeof(record->tty), &tty->name);
    submit(record, count, PROBE_EXEC, now);
    return 0;
}

// MARK: - Fork and exit

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx) {
    struct task_struct *child = (void *)ctx->args[1];
    // A new thread is not a new process.
    if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid)) return 0;
    int number = process_number(child);
    if (!number) return 0;
    struct probe_counters *count = find_counters();
    if (!count) return 0;
    __sync_fetch_and_add(&count->seen[PROBE_FORK], 1);

    __u64 now = bpf_ktime_get_ns();
    struct probe_fork *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    if (!record) {
        count_lost(count, PROBE_FORK);
        return 0;
    }
    fill_header(&record->header, count, PROBE_FORK, now);
    record->header.size = sizeof(*record);
    fill_process(&record->process, child, number);
    submit(record, count, PROBE_FORK, now);
    return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx) {
    struct task_struct *task = (void *)ctx->args[0];
    // Before 6.16 only the count of live threads tells, and two threads that end at once may both find it at 0: user
    // space drops the second record of the same process.
    if (bpf_core_type_matches(btf_trace_sched_process_exit___group_dead)) {
        if (!(ctx->args[1] & 1)) return 0;
    } else if (BPF_CORE_READ(task, signal, live.counter)) {
        return 0;
    }
    int number = process_number(task);
    if (!number) return 0;
    struct probe_counters *count = find_counters();
    if (!count) return 0;
    __sync_fetch_and_add(&count->seen[PROBE_EXIT], 1);

    __u64 now = bpf_ktime_get_ns();
    struct probe_exit *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    if (!record) {
        count_lost(count, PROBE_EXIT);
        return 0;
    }
    fill_header(&record->header, count, PROBE_EXIT, now);
    record->header.size = sizeof(*record);
    fill_process(&record->process, task, number);
    record->boottime_nsec = bpf_ktime_get_boot_ns();
    struct signal_struct *signal = BPF_CORE_READ(task, signal);
    // As wait_task_zombie() chooses.
    if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
        record->status = BPF_CORE_READ(signal, group_exit_code);
    else
        record->status = BPF_CORE_READ(task, group_leader, exit_code);
    record->reserved = 0;
    submit(record, count, PROBE_EXIT, now);
    return 0;
}
