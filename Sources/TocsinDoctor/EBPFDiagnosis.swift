import Glibc
import TocsinLinux

/// What this machine grants of what the probes need.
package struct EBPFFacts: Hashable, Sendable {
    /// As of `uname(2)`.
    package var kernelRelease: String
    /// Whether `/sys/kernel/btf/vmlinux` is there.
    package var hasBTF: Bool
    /// Effective capabilities, as in `/proc/self/status`.
    package var capabilities: UInt64
    /// The mode in brackets of `/sys/kernel/security/lockdown`; nil where the kernel has none.
    package var lockdown: String?
    /// Inode number of this process's pid namespace; nil where it cannot be told.
    package var pidNamespace: UInt64?
    /// Numbers that this process has, from the pid namespace that `/proc` shows to its own: one, where that is the
    /// same.
    package var processNumbers: Int

    package init(
        kernelRelease: String, hasBTF: Bool, capabilities: UInt64, lockdown: String?, pidNamespace: UInt64? = nil,
        processNumbers: Int = 1
    ) {
        self.pidNamespace = pidNamespace
        self.processNumbers = processNumbers
        self.kernelRelease = kernelRelease
        self.hasBTF = hasBTF
        self.capabilities = capabilities
        self.lockdown = lockdown
    }

    package static func current() -> EBPFFacts {
        func read(_ path: String) -> [UInt8] {
            do throws(SystemError) {
                return try FileDescriptor.open(path).readToEnd(limit: 64 << 10, hint: 4096)
            } catch { return [] }
        }
        let status = String(decoding: read("/proc/self/status"), as: UTF8.self)
        let effective = status.split(separator: "\n").first { $0.hasPrefix("CapEff:\t") }
        // Since 4.1.
        let numbers = status.split(separator: "\n").first { $0.hasPrefix("NSpid:\t") }
        let lockdown = String(decoding: read("/sys/kernel/security/lockdown"), as: UTF8.self)
        return EBPFFacts(
            kernelRelease: String(decoding: read("/proc/sys/kernel/osrelease").prefix { $0 != 10 }, as: UTF8.self),
            hasBTF: access("/sys/kernel/btf/vmlinux", R_OK) == 0,
            capabilities: effective.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0,
            lockdown: lockdown.split(separator: "[").dropFirst().first?.split(separator: "]").first.map(String.init),
            // `self`, because a number could be another process's in the namespace that is shown.
            pidNamespace: try? FileDescriptor.openDirectory("/proc/self").status(at: "ns/pid").identity.inode,
            processNumbers: numbers.map { $0.split(separator: "\t").count - 1 } ?? 1)
    }

    /// Where this process is not in the machine's pid namespace: its own, by its inode number.
    package var nestedPidNamespace: UInt64? {
        // PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h.
        pidNamespace.flatMap { $0 == 0xEFFF_FFFC ? nil : $0 }
    }
}

/// Why the probes do not work here, and what would help. Pure.
package struct EBPFDiagnosis: Hashable, Sendable {
    package var facts: EBPFFacts

    package init(facts: EBPFFacts) { self.facts = facts }

    // linux/capability.h
    static let sysAdmin: UInt64 = 1 << 21
    private static let perfmon: UInt64 = 1 << 38
    private static let bpf: UInt64 = 1 << 39

    /// Everything that stands in the way, whether or not it was tried.
    package var obstacles: [String] {
        var obstacles: [String] = []
        if let version = Self.version(facts.kernelRelease), version < (5, 8) {
            obstacles.append("Linux \(facts.kernelRelease) is older than 5.8, which brought the ring buffer")
        }
        if !facts.hasBTF {
            obstacles.append(
                "the kernel does not describe its types: no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)")
        }
        // CAP_SYS_ADMIN still includes the two that 5.8 took out of it.
        if facts.capabilities & Self.sysAdmin == 0 {
            if facts.capabilities & Self.bpf == 0 { obstacles.append("no CAP_BPF: run as root, or grant it") }
            if facts.capabilities & Self.perfmon == 0 { obstacles.append("no CAP_PERFMON: run as root, or grant it") }
        }
        // Lockdown "integrity" lets probes read kernel memory; "confidentiality" does not (kernel_lockdown(7)).
        if facts.lockdown == "confidentiality" {
            obstacles.append(
                "kernel lockdown is in its mode \"confidentiality\", which forbids probes to read kernel memory")
        }
        if let obstacle = namespaceObstacle { obstacles.append(obstacle) }
        return obstacles
    }

    /// The probes tell numbers of this process's pid namespace. Where /proc shows another's, nothing that is told would
    /// fit to anything. This alone does not make loading fail.
    package var namespaceObstacle: String? {
        guard facts.processNumbers > 1 else { return nil }
        return
            "/proc shows another pid namespace than the one this runs in: mount it anew, as unshare --mount-proc does"
    }

    /// For an error message: the reason of one failed step. `log` is what libbpf and the verifier said.
    package func reason(failure code: Int32, log: String) -> String {
        let known = obstacles
        if !known.isEmpty { return known.joined(separator: "; ") }
        let text = SystemError(operation: "", code: code).reason
        switch code {
        // The verifier, too, says EACCES, but not without a log.
        case EPERM where !log.contains("PROG LOAD LOG"), EACCES where !log.contains("PROG LOAD LOG"):
            return "\(text): a seccomp filter or a security module forbids bpf(2)"
        case ENOMEM: return "\(text): no kernel memory for the ring buffer; configure a smaller one"
        default:
            let lines = log.split(separator: "\n").suffix(12).joined(separator: "\n")
            return lines.isEmpty ? text : "\(text)\n\(lines)"
        }
    }

    static func version(_ release: String) -> (Int, Int)? {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }
}
