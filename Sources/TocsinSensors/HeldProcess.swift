import TocsinLinux

/// A process, held: neither its directory in /proc nor its pidfd can come to mean another one.
///
/// Owns both descriptors; the last reference closes them.
final class HeldProcess: Sendable {
    let directory: ProcDirectory
    let pidfd: PidFD

    /// Takes the kernel's pidfd, or opens one. nil where the process is gone.
    init?(pid: Int32, _ given: consuming PidFD?) {
        do throws(SystemError) {
            let pidfd = try Self.pidfd(pid, given)
            let directory = try ProcDirectory(pid: pid)
            // Only now is it sure that the directory belongs to the process of the pidfd: it owns its number still.
            guard pidfd.ownsNumber else { return nil }
            self.pidfd = pidfd
            self.directory = directory
        } catch { return nil }
    }

    private static func pidfd(_ pid: Int32, _ given: consuming PidFD?) throws(SystemError) -> PidFD {
        switch consume given {
        case .some(let given): given
        case nil: try PidFD(pid: pid)
        }
    }
}
