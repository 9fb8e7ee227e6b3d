// The least that tells an execution with its arguments: one raw tracepoint, one ring buffer.

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "execs.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct mm_struct {
    unsigned long arg_start, arg_end;
};
struct task_struct {
    int tgid;
    struct mm_struct *mm;
};
#pragma clang attribute pop

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 22);
} ring SEC(".maps");

SEC("raw_tp/sched_process_exec")
int told(struct bpf_raw_tracepoint_args *context) {
    struct task_struct *task = (struct task_struct *)context->args[0];
    struct execution *execution = bpf_ringbuf_reserve(&ring, sizeof *execution, 0);
    if (!execution) return 0;
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    unsigned long begin = BPF_CORE_READ(mm, arg_start), size = BPF_CORE_READ(mm, arg_end) - begin;
    if (size > ARGUMENTS_SIZE) size = ARGUMENTS_SIZE;
    execution->pid = (__u32)BPF_CORE_READ(task, tgid);
    execution->size = (__u32)size;
    if (bpf_probe_read_user(execution->arguments, (__u32)size, (const void *)begin)) execution->size = 0;
    bpf_ringbuf_submit(execution, 0);
    return 0;
}
