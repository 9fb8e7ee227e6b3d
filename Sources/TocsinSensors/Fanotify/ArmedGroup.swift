import TocsinLinux

/// What is done with the events of a fanotify group. Lives on the source's thread.
protocol GroupWatch: ~Copyable, Sendable {
    /// Marks what is to be watched: what happens afterwards is in the queue.
    ///
    /// - Parameter isAdopted: there is a queue from before.
    mutating func arm(
        _ group: borrowing FanotifyGroup, _ mounts: borrowing MountTable, isAdopted: Bool
    ) throws(SystemError)

    /// Takes in what an earlier process had read and not logged. Once, before the first `read`.
    mutating func resume(_ group: borrowing FanotifyGroup)

    /// Reads a batch. False where the queue was empty.
    mutating func read(_ group: borrowing FanotifyGroup, _ counters: SourceCounters) throws(SystemError) -> Bool

    mutating func mountsChanged(_ group: borrowing FanotifyGroup, _ mounts: borrowing MountTable) throws(SystemError)

    /// What has been found out since the last call.
    mutating func takeRecords() -> [SensorRecord]

    /// The records taken last are logged.
    mutating func delivered()

    /// Has kept what else it has for the next process.
    func keep()

    /// Whether everything that was read is told.
    var isSettled: Bool { get }

    /// When to call `read` though there is no event: monotonic microseconds.
    var nextRetry: UInt64? { get }

    /// What cannot be watched at the moment, in words.
    var shortcoming: String? { get }
}

/// A fanotify group that is marked and read: the wait for events, for changes of the mount table, for time and for the
/// stop, and one delivery after each batch.
///
/// Owns the group, an epoll, a timerfd and the mount table's descriptor. A notification group only, never a permission
/// group: no process ever waits for this one.
struct ArmedGroup<Watch: GroupWatch & ~Copyable>: ~Copyable, Sendable {
    private let group: PreservedGroup
    private let epoll: Epoll
    private let timer: TimerFD
    private let mounts: MountTable
    private var watch: Watch

    private enum Token: UInt64 {
        case stop, events, mounts, timer
    }

    private static var stopPatienceUSec: UInt64 { 200_000 }

    init(
        _ group: consuming PreservedGroup, _ watch: consuming Watch, stopping: StopSignal, _ shortcoming: Shortcoming
    ) throws(SystemError) {
        let epoll = try Epoll()
        let timer = try TimerFD()
        let mounts = try MountTable()
        try stopping.add(to: epoll, token: Token.stop.rawValue)
        try epoll.add(group.group.descriptor, token: Token.events.rawValue)
        try epoll.add(timer.descriptor, token: Token.timer.rawValue)
        try epoll.add(mounts.descriptor, token: Token.mounts.rawValue, for: .priority)
        try watch.arm(group.group, mounts, isAdopted: group.isAdopted)
        shortcoming.set(watch.shortcoming)
        self.group = group
        self.epoll = epoll
        self.timer = timer
        self.mounts = mounts
        self.watch = watch
    }

    /// Nothing is missing since an earlier process.
    var isAdopted: Bool { group.isAdopted }

    func keep() {
        watch.keep()
        group.keep()
    }

    mutating func run(
        until stopping: StopSignal, _ counters: SourceCounters, _ shortcoming: Shortcoming,
        _ receiver: any RecordReceiver
    ) throws(SystemError) {
        watch.resume(group.group)
        handOver(counters, receiver)
        try awaitRetry()
        var deadline: UInt64?
        while !isOver(stopping, &deadline) {
            let ready = try epoll.wait()
            if ready.contains(where: { $0.token == Token.mounts.rawValue }) {
                try watch.mountsChanged(group.group, mounts)
            }
            _ = try timer.takeExpirations()
            // One batch at a time between deliveries, so that a storm does not pile up records here.
            while !isOver(stopping, &deadline) {
                let more = try watch.read(group.group, counters)
                handOver(counters, receiver)
                if !more { break }
            }
            shortcoming.set(watch.shortcoming)
            try awaitRetry()
        }
    }

    private func awaitRetry() throws(SystemError) {
        guard let next = watch.nextRetry else { return }
        let now = Clock.monotonicUSec()
        try timer.start(afterNSec: (max(next, now + 1) - now) * 1000)
    }

    private mutating func handOver(_ counters: SourceCounters, _ receiver: any RecordReceiver) {
        let records = watch.takeRecords()
        if !records.isEmpty {
            counters.delivered(records.count)
            receiver.take(records)
        }
        // Only now: what a daemon that dies before has not logged is in the journal for the next.
        watch.delivered()
    }

    /// Once it is to stop, goes on until everything that was read is told: this process knows more of it than the next
    /// will. Not for long, should somebody keep an execution hanging.
    private func isOver(_ stopping: StopSignal, _ deadline: inout UInt64?) -> Bool {
        guard stopping.isRequested else { return false }
        let now = Clock.monotonicUSec()
        if deadline == nil { deadline = now + Self.stopPatienceUSec }
        return watch.isSettled || now > deadline ?? now
    }
}
