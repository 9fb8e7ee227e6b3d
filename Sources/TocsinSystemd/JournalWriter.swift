import Synchronization
package import TocsinLinux

/// The way to the journal that never blocks its caller: a bounded queue, and a thread that does the waiting.
///
/// Owns the thread and what both sides wait on for as long as the process lives, or until `close`. Owns no socket:
/// libsystemd keeps its own. When journald is stopped, the thread blocks or its sends fail; the queue fills, further
/// entries are counted as lost, and what gets through again is followed by one entry that tells how many are missing.
package final class JournalWriter: Sendable {
    package let destination: JournalDestination
    /// SYSLOG_IDENTIFIER, and what stands before each line on standard error.
    package let identifier: String

    private let queue: Mutex<JournalQueue>
    private let send: @Sendable (JournalEntry) -> Bool
    private let work: EventFD
    private let idle: EventFD

    /// - Parameters:
    ///   - maximumEntries: entries that may wait, those being written included.
    ///   - maximumBytes: their bytes.
    package convenience init(
        identifier: String, destination: JournalDestination = .current(), maximumEntries: Int = 8192,
        maximumBytes: Int = 4 << 20
    ) throws(SystemError) {
        let send: @Sendable (JournalEntry) -> Bool =
            switch destination {
            case .journal: sendToJournal
            case .standardError: { writeToStandardError($0.line(identifier: identifier, withPriority: false)) }
            case .standardErrorWithPriority:
                { writeToStandardError($0.line(identifier: identifier, withPriority: true)) }
            }
        try self.init(
            identifier: identifier, destination: destination,
            queue: JournalQueue(maximumEntries: maximumEntries, maximumBytes: maximumBytes), send: send)
    }

    /// For tests: `send` in the place of journald.
    init(
        identifier: String, destination: JournalDestination, queue: JournalQueue,
        send: @escaping @Sendable (JournalEntry) -> Bool
    ) throws(SystemError) {
        work = try EventFD()
        idle = try EventFD()
        self.identifier = identifier
        self.destination = destination
        self.send = send
        self.queue = Mutex(queue)
        // The thread keeps the writer alive until `close`, and may hang in journald when the process ends.
        try BlockingThread(name: "journal") { self.run() }.detach()
    }

    /// Never blocks. SYSLOG_IDENTIFIER is added here.
    ///
    /// - Returns: whether the entry was accepted; otherwise it is counted as lost.
    @discardableResult
    package func submit(_ entry: consuming JournalEntry) -> Bool {
        entry.field("SYSLOG_IDENTIFIER", identifier)
        let admission = queue.withLock { $0.append(entry) }
        if admission == .wakeWriter { work.signal() }
        return admission != .lost
    }

    /// Entries that never reached the journal, since the start.
    package var lost: UInt64 { queue.withLock { $0.lost } }

    /// Waits until everything submitted so far is written, for a bounded time: before an exit. Not on the event loop.
    ///
    /// - Returns: whether it is.
    @discardableResult
    package func flush(milliseconds: UInt32 = 2000) -> Bool {
        let end = Clock.monotonicUSec() + UInt64(milliseconds) * 1000
        while queue.withLock({ $0.entries }) > 0 {
            let now = Clock.monotonicUSec()
            guard now < end else { return false }
            do {
                try idle.wait(timeoutMSec: Int32((end - now + 999) / 1000))
            } catch {
                return false
            }
        }
        return true
    }

    /// Flushes and ends the thread, or leaves it behind where journald keeps it blocked.
    @discardableResult
    package func close(milliseconds: UInt32 = 2000) -> Bool {
        queue.withLock { $0.close() }
        work.signal()
        return flush(milliseconds: milliseconds)
    }

    // MARK: The thread

    private func run() {
        while true {
            let (batch, isClosed) = queue.withLock { ($0.takeAll(), $0.isClosed) }
            guard !batch.isEmpty else {
                idle.signal()
                if isClosed { return }
                do {
                    try work.wait()
                } catch {
                    // A thread that cannot wait would spin. From now on the queue refuses, and counts.
                    queue.withLock { $0.close() }
                }
                continue
            }
            for (index, entry) in batch.enumerated() {
                let written = send(entry)
                // After the last: what was refused meanwhile is newer than all of the batch, and a report for each
                // entry would double what a journal that is behind has to take. Before that entry is finished: whoever
                // waits for it in `flush` may end the process then.
                if written, index == batch.count - 1 { reportLoss() }
                queue.withLock { $0.finished(entry, written: written) }
            }
        }
    }

    /// The journal works again: it learns what is missing.
    private func reportLoss() {
        let count = queue.withLock { $0.unreported }
        guard count > 0 else { return }
        var entry = JournalEntry(.warning, .journalLost)
        entry.field("MESSAGE", "Journal entries lost: \(count)")
        entry.field("TOCSIN_LOST", count)
        entry.field("SYSLOG_IDENTIFIER", identifier)
        if send(entry) { queue.withLock { $0.reported(count) } }
    }
}
