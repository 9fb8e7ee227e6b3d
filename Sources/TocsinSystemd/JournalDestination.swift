import Glibc

/// Where entries go.
package enum JournalDestination: Sendable, Hashable {
    /// journald's socket, native protocol.
    case journal
    /// Standard error, which somebody reads: a terminal, a file, a container runtime.
    case standardError
    /// Standard error that journald reads, where its socket cannot be reached: `<N>` before each line gives the
    /// priority, sd-daemon(3).
    case standardErrorWithPriority

    static let socketPath = "/run/systemd/journal/socket"

    /// systemd.exec(5), `$JOURNAL_STREAM`: the journal is for a process whose standard error is the journal already.
    /// Whoever redirected it, or runs the daemon in a terminal, wants to read it there.
    package static func current() -> JournalDestination {
        var status = stat()
        let standardError = fstat(STDERR_FILENO, &status) == 0 ? (UInt64(status.st_dev), UInt64(status.st_ino)) : nil
        return choose(
            journalStream: getenv("JOURNAL_STREAM").map { String(cString: $0) }, standardError: standardError,
            socketReachable: access(socketPath, W_OK) == 0)
    }

    static func choose(
        journalStream: String?, standardError: (device: UInt64, inode: UInt64)?, socketReachable: Bool
    ) -> JournalDestination {
        guard let journalStream, let standardError,
            journalStream == "\(standardError.device):\(standardError.inode)"
        else { return .standardError }
        return socketReachable ? .journal : .standardErrorWithPriority
    }
}

extension JournalEntry {
    /// The entry as a line for standard error: `tocsind: warning: message`.
    func line(identifier: String, withPriority: Bool) -> [UInt8] {
        let priority =
            value("PRIORITY").flatMap { UInt8(String(decoding: $0, as: UTF8.self)) }
            .flatMap(Priority.init(rawValue:)) ?? .info
        var line: [UInt8] = []
        if withPriority {
            line.append(contentsOf: "<\(priority.rawValue)>".utf8)
        } else {
            line.append(contentsOf: "\(identifier): \(priority): ".utf8)
        }
        line.append(contentsOf: value("MESSAGE") ?? [])
        line.append(UInt8(ascii: "\n"))
        return line
    }
}
