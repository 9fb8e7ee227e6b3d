import CLibBPF
import Glibc
import TocsinLinux

/// How often the kernel did not run a probe because it was running on that processor already: what happened then is in
/// no counter of the probes. `bpf_prog_info.recursion_misses`; kernels before 5.12 do not tell, and to find a program
/// by its number needs CAP_SYS_ADMIN, which a daemon with no other source can do without.
struct SkippedRuns: ~Copyable, Sendable {
    private let exit: FileDescriptor
    private let exec: FileDescriptor
    private let fork: FileDescriptor

    init(of probes: borrowing Probes) throws(SystemError) {
        let exit = try Self.program(of: probes.exitLink)
        let exec = try Self.program(of: probes.execLink)
        self.init(exit, exec, try Self.program(of: probes.forkLink))
    }

    private init(
        _ exit: consuming FileDescriptor, _ exec: consuming FileDescriptor, _ fork: consuming FileDescriptor
    ) {
        self.exit = exit
        self.exec = exec
        self.fork = fork
    }

    /// Of all probes, since they were loaded; nil where the kernel does not tell.
    var count: UInt64? {
        guard let exits = Self.misses(of: exit), let execs = Self.misses(of: exec), let forks = Self.misses(of: fork)
        else { return nil }
        return exits + execs + forks
    }

    private static func program(of link: borrowing FileDescriptor) throws(SystemError) -> FileDescriptor {
        var info = bpf_link_info()
        var size = UInt32(MemoryLayout<bpf_link_info>.size)
        let number = link.rawValue
        try syscall("BPF_OBJ_GET_INFO_BY_FD") { bpf_obj_get_info_by_fd(number, &info, &size) }
        return FileDescriptor(owning: try syscall("BPF_PROG_GET_FD_BY_ID") { bpf_prog_get_fd_by_id(info.prog_id) })
    }

    private static func misses(of program: borrowing FileDescriptor) -> UInt64? {
        var info = bpf_prog_info()
        // Returned is how much of it this kernel knows.
        var size = UInt32(MemoryLayout<bpf_prog_info>.size)
        guard bpf_obj_get_info_by_fd(program.rawValue, &info, &size) == 0,
            let offset = MemoryLayout<bpf_prog_info>.offset(of: \.recursion_misses),
            Int(size) >= offset + MemoryLayout<UInt64>.size
        else { return nil }
        return info.recursion_misses
    }
}
