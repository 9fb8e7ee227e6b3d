#pragma once

// The few members of kernel structures that the probes read. Their places are not these: libbpf relocates every access
// by name and with the running kernel's BTF (CO-RE), so neither headers of that kernel nor a vmlinux.h is needed.
// A suffix after ___ names a variant of the structure; it is no part of the name that is looked up.

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpadded"

typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
typedef struct { int counter; } atomic_t;

struct ns_common { unsigned int inum; };
struct pid_namespace { struct ns_common ns; };
struct mnt_namespace { struct ns_common ns; };
struct net { struct ns_common ns; };
struct user_namespace { struct ns_common ns; };

struct nsproxy {
    struct mnt_namespace *mnt_ns;
    struct net *net_ns;
};

struct cred {
    kuid_t uid;
    kgid_t gid;
    kuid_t euid;
    kgid_t egid;
    struct user_namespace *user_ns;
};

struct upid {
    int nr;
    struct pid_namespace *ns;
};

struct pid {
    unsigned int level;
    struct upid numbers[1];
};

struct tty_struct { char name[64]; };

// enum pid_type, since 4.19.
#define PIDTYPE_TGID 1
#define PIDTYPE_PGID 2

// MAX_PID_NS_LEVEL
#define NAMESPACE_LEVELS 32

// signal_struct.flags
#define SIGNAL_GROUP_EXIT 4

struct signal_struct {
    atomic_t live;
    int group_exit_code;
    unsigned int flags;
    struct pid *pids[4];
    struct tty_struct *tty;
};

struct super_block { __u32 s_dev; };

#define S_ISUID 04000
#define S_ISGID 02000
#define S_IXGRP 00010

struct inode {
    unsigned short i_mode;
    struct super_block *i_sb;
    unsigned long i_ino;
};

struct qstr {
    __u32 len;
    const unsigned char *name;
};

struct hlist_bl_node { struct hlist_bl_node **pprev; };

struct dentry {
    struct hlist_bl_node d_hash;
    struct dentry *d_parent;
    struct qstr d_name;
};

struct vfsmount { struct dentry *mnt_root; };

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
};

struct mm_struct {
    unsigned long arg_start;
    unsigned long arg_end;
    struct file *exe_file;
};

struct fs_struct { struct path pwd; };

// kernfs_node.parent became __parent in 6.15.
struct kernfs_node___parent { struct kernfs_node___parent *parent; };
struct kernfs_node {
    struct kernfs_node *__parent;
    const char *name;
    __u64 id;
};

struct cgroup { struct kernfs_node *kn; };
struct css_set { struct cgroup *dfl_cgrp; };

struct task_struct {
    int pid;
    int tgid;
    int exit_code;
    __u64 start_boottime;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct pid *thread_pid;
    struct cred *cred;
    struct signal_struct *signal;
    struct nsproxy *nsproxy;
    struct mm_struct *mm;
    struct fs_struct *fs;
    struct css_set *cgroups;
    // Absent without CONFIG_AUDIT.
    kuid_t loginuid;
    unsigned int sessionid;
    char comm[16];
};

struct linux_binprm {
    unsigned int per_clear;
    const char *filename;
    const char *interp;
};

// sched_process_exit tells since 6.16 whether the thread is the last of its group.
typedef void (*btf_trace_sched_process_exit___group_dead)(void *, struct task_struct *, _Bool);

#pragma clang diagnostic pop
#pragma clang attribute pop
