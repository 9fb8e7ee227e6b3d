import CTocsinLinux
import Glibc

/// A set of capabilities, one bit each, as /proc/PID/status shows them. capabilities(7)
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(_ number: Int32) { rawValue = 1 << UInt64(number) }

    package static let chown = Capabilities(CAP_CHOWN)
    package static let dacOverride = Capabilities(CAP_DAC_OVERRIDE)
    package static let dacReadSearch = Capabilities(CAP_DAC_READ_SEARCH)
    package static let sysPtrace = Capabilities(CAP_SYS_PTRACE)
    package static let sysAdmin = Capabilities(CAP_SYS_ADMIN)
    package static let sysResource = Capabilities(CAP_SYS_RESOURCE)
    /// Since 5.8.
    package static let perfmon = Capabilities(CAP_PERFMON)
    /// Since 5.8.
    package static let bpf = Capabilities(CAP_BPF)
}

/// Gives up what is not needed, for good.
///
/// Capabilities and no_new_privs belong to a thread, and a new thread inherits them: so before there is a second
/// thread.
package enum Privileges {
    /// Keeps of this thread's capabilities those that are named, and lets no execve(2) bring others back: neither
    /// set-user-ID and file capabilities (no_new_privs) nor being root (bounding set).
    package static func keep(_ kept: Capabilities) throws(SystemError) {
        try syscall("prctl PR_SET_NO_NEW_PRIVS") { tocsin_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) }
        try boundBy(kept)
        try syscall("prctl PR_CAP_AMBIENT") { tocsin_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0) }
        var permitted: UInt64 = 0
        var inheritable: UInt64 = 0
        try syscall("capget") { tocsin_get_capabilities(&permitted, &inheritable) }
        // Not where nothing changes: the unit's filter does not even allow the call.
        guard permitted & ~kept.rawValue != 0 || inheritable != 0 else { return }
        try syscall("capset") { tocsin_set_capabilities(permitted & kept.rawValue, 0) }
    }

    private static func boundBy(_ kept: Capabilities) throws(SystemError) {
        for number in 0..<64 as Range<UInt> where kept.rawValue >> UInt64(number) & 1 == 0 {
            let isThere = tocsin_prctl(PR_CAPBSET_READ, number, 0)
            // EINVAL: the kernel knows no more.
            guard isThere >= 0 else { return }
            guard isThere == 1 else { continue }
            do throws(SystemError) {
                try syscall("prctl PR_CAPBSET_DROP") { tocsin_prctl(PR_CAPBSET_DROP, number, 0) }
            } catch {
                // Without CAP_SETPCAP the bounding set stays; no_new_privs alone keeps what it holds away.
                guard error.isPermission else { throw error }
                return
            }
        }
    }
}
