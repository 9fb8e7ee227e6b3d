import CSystemd
import Glibc
internal import TocsinLinux

// The unsafe part of the journal: the calls that move bytes. They block as long as the other side does.

/// Sends to journald.
///
/// - Returns: whether journald has it. `sd_journal_sendv` reports success when the socket does not exist, so that
///   programs work off systemd; whoever counts losses has to look first.
func sendToJournal(_ entry: JournalEntry) -> Bool {
    guard access(JournalDestination.socketPath, F_OK) == 0 else { return false }
    return entry.bytes.withUnsafeBytes { bytes in
        // The call does not write through iov_base; the type of iovec(3type) has no const.
        guard let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return false }
        var start = 0
        let vectors = entry.ends.map { end in
            defer { start = end }
            return iovec(iov_base: base + start, iov_len: end - start)
        }
        return sd_journal_sendv(vectors, Int32(vectors.count)) == 0
    }
}

/// Writes all of `bytes` to standard error, or gives up.
func writeToStandardError(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        do throws(SystemError) {
            let written = try syscallOrWouldBlock("write") {
                rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            }
            if let written {
                rest = rest.dropFirst(written)
            } else {
                // Somebody else's O_NONBLOCK on a shared terminal: wait here, on the writer's own thread.
                var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                try syscall("poll") { poll(&descriptor, 1, -1) }
            }
        } catch {
            return false
        }
    }
    return true
}
