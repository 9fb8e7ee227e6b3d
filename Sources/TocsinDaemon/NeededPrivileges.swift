import TocsinLinux

/// What the daemon keeps of what it was started with, from its first moment to its last.
///
/// Nothing more is given up once the sources run. A capability is a thread's, so each thread would have to do it; and
/// all of them stay in use: file systems that are mounted later want a mark (CAP_SYS_ADMIN), each file event's handle
/// is opened (CAP_DAC_READ_SEARCH), each process read (CAP_SYS_PTRACE), and a source that fails is opened again as it
/// was the first time.
func giveUpPrivileges() {
    do throws(SystemError) {
        try Privileges.keep(neededCapabilities)
    } catch {
        complain("cannot give up privileges, continuing: \(error)")
    }
}

/// Under systemd the unit allows the first three only.
let neededCapabilities: Capabilities = [
    // fanotify's marks on whole file systems, and BPF on kernels and in units that do not grant the two below.
    .sysAdmin,
    // /proc/PID/exe, cwd and root of other users' processes.
    .sysPtrace,
    // open_by_handle_at(2), and paths in closed directories.
    .dacReadSearch,
    // For a unit that grants these instead of CAP_SYS_ADMIN, with ebpf as the only source.
    .bpf, .perfmon,
    // BPF maps beyond RLIMIT_MEMLOCK, on kernels before 5.11.
    .sysResource,
    // A socket that the daemon makes itself: its group, and a directory of another user.
    .chown, .dacOverride,
]
