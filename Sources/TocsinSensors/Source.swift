import TocsinEvents
import TocsinLinux

/// The seam of all sources: open, batches of records, statistics, close.
///
/// `open` arms the source: what happens after it returns is recorded, so readiness can be announced. `run` then
/// occupies a thread of its own and feeds a receiver until `stop`. The source owns its descriptors; `close`
/// releases them, after `run` has returned.
package protocol Source: Sendable {
    var name: SourceName { get }

    /// What this source can miss, in one sentence, for status and journal.
    var limitation: String { get }

    /// Arms the source. The error says why it cannot work here.
    func open() throws(SourceError)

    /// Once open: whether it goes on where an earlier process stopped, so that nothing is missing in between.
    var isResumed: Bool { get }

    /// Has its descriptors kept for the next process, where it has a store for them. After `open`, before `run`: when
    /// the receiver knows whether it is resumed.
    func keep()

    /// Blocks until `stop`; what there is goes to the receiver. Throws when the source can go on no longer.
    func run(_ receiver: any RecordReceiver) throws(SourceError)

    /// Makes `run` return soon. From any thread, more than once, also before `run`.
    func stop()

    /// From any thread, at any time.
    var statistics: SourceStatistics { get }

    /// Releases the descriptors. Once, after `run` has returned or was never called.
    func close()
}

extension Source {
    package var isResumed: Bool { false }
    package func keep() {}
}

/// Where records go. Called on the source's thread.
package protocol RecordReceiver: Sendable {
    /// Returns when the records are safe, in memory that outlives this process. That may take a while: then the
    /// kernel's queue fills, and what it drops is counted and delivered as a gap.
    func take(_ records: [SensorRecord])

    /// Waits from now on, until `finish`, for `bell`: a descriptor that becomes readable, to be read, when there is
    /// something in the queue again. The descriptor is the receiver's, whatever this says: whether it waits. Else the
    /// source does, and says `empty`.
    func listen(to bell: Int32, of queue: any RecordQueue) -> Bool

    /// There is something in the queue. Returns at once: the receiver reads it where it logs it, and may be told again
    /// before it has.
    func empty(_ queue: any RecordQueue)

    /// The same, but returns when nothing is left. For a queue that grows no longer.
    func finish(_ queue: any RecordQueue)
}

extension RecordReceiver {
    package func listen(to bell: Int32, of queue: any RecordQueue) -> Bool {
        _ = FileDescriptor(owning: bell)
        return false
    }
}

/// Records in memory that the kernel writes and that outlives this process: nobody has to wait until they are logged,
/// but whoever logs them. Called on the receiver's thread.
package protocol RecordQueue: Sendable {
    /// The next ones, oldest first, and not many at a time. They stay in the queue until `release`.
    func read(_ take: (consuming SensorRecord) -> Void)

    /// What was read is safe. Says what is left.
    func release() -> QueueRest
}

package enum QueueRest: Sendable, Hashable {
    /// Nothing: the source tells when there is something again.
    case nothing
    case more
    /// A record that is being written. The source tells when it is there, unless the queue is full then: who has heard
    /// nothing for a while had better look.
    case unfinished
}

package enum SourceName: String, Sendable, Hashable, CaseIterable {
    case ebpf, fanotify, proc, files, heartbeat
}

/// Why a source does not work, or works no longer.
package struct SourceError: Error, Hashable, CustomStringConvertible {
    package var source: SourceName
    /// What was tried, as in "fanotify_init".
    package var operation: String
    /// What the kernel said and what would help, as in "Operation not permitted: needs CAP_SYS_ADMIN".
    package var reason: String

    package init(source: SourceName, operation: String, reason: String) {
        self.source = source
        self.operation = operation
        self.reason = reason
    }

    package var description: String { "\(source.rawValue): \(operation): \(reason)" }
}

/// Counters since `open`.
package struct SourceStatistics: Sendable, Hashable {
    /// Records delivered.
    package var seen: UInt64 = 0
    /// Records the kernel dropped, as far as it counts them.
    package var lost: UInt64 = 0
    /// Times the kernel's queue overflowed.
    package var overflows: UInt64 = 0
    /// Of each type, where the kernel's side counts them; else empty.
    package var records: [RecordCount] = []
    /// Records that were taken from the queue and could not be read. They are among `lost`.
    package var undecodable: UInt64 = 0
    /// Times the kernel's side did not look; nil where nobody can know. They are among `lost`, once they were told.
    package var skipped: UInt64?
    /// Events told with less than was there, because the queue had no room for more.
    package var shortened: UInt64 = 0

    package init() {}
}

/// The records of one type, on both sides of a queue. It may be older than this process, and so may these counts be.
///
/// `seen == submitted + lost`, and what was submitted is delivered, undecodable or still in the queue.
package struct RecordCount: Sendable, Hashable {
    package var type: EventType
    /// It happened.
    package var seen: UInt64
    /// It is in the queue, or was.
    package var submitted: UInt64
    /// The queue had no room.
    package var lost: UInt64
    /// It was taken out of the queue and logged.
    package var delivered: UInt64

    package init(type: EventType, seen: UInt64, submitted: UInt64, lost: UInt64, delivered: UInt64) {
        self.type = type
        self.seen = seen
        self.submitted = submitted
        self.lost = lost
        self.delivered = delivered
    }
}
