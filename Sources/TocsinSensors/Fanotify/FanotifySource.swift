import Synchronization
import TocsinLinux

/// Executions from fanotify's FAN_OPEN_EXEC: event-driven, complete while the kernel's queue has room, a little late.
///
/// Owns the fanotify group, an epoll, a timerfd, an eventfd and the mount table's descriptor from `open` to `close`;
/// the descriptors that come with events are closed as soon as each is looked at. A notification group only, never a
/// permission group: no process ever waits for this one.
///
/// The queue is bounded (16,384 events unless the administrator says otherwise): unbounded, a storm of executions
/// would grow the kernel's memory on this daemon's account until it is killed, and a gap is better than that.
///
/// Where descriptors are kept, the group outlives this process, and the next one reads what was queued in between; see
/// `PreservedGroup`. An execution that was half told, some of its opens read and others not, may then be told as that of
/// the interpreter alone, or not at all; that is among what `isResumed` denies.
package final class FanotifySource: Source {
    package let name = SourceName.fanotify
    package var limitation: String { shortcoming.appended(to: Self.limitation) }
    private static let limitation = """
        arguments are read after the fact: of a process that ended at once, or executed again, only the executable is \
        told; static programs in memory (memfd), the same file executed again before it was read, forks and exits are \
        missed
        """
    private let reader: ProcessReader
    private let store: (any DescriptorKeeping)?
    private let resumed = Atomic(false)
    private let stopping = StopSignal()
    private let counters = SourceCounters()
    private let shortcoming = Shortcoming()
    private let armed = Slot<Armed>()

    private struct Armed: ~Copyable, Sendable {
        let group: PreservedGroup
        let epoll: Epoll
        let timer: TimerFD
        let mounts: MountTable
        var marker: FileSystemMarker
        var watch: ExecWatch
    }

    private enum Token: UInt64 {
        case stop, events, mounts, timer
    }

    /// A change of what the group reports, or of how it is marked, is another version.
    private static let storedName = "fanotify-exec-v1"
    private static let stopPatienceUSec: UInt64 = 200_000

    package init(reader: ProcessReader, store: (any DescriptorKeeping)? = nil) {
        self.reader = reader
        self.store = store
    }

    package var isResumed: Bool { resumed.load(ordering: .relaxed) }

    package func open() throws(SourceError) {
        do throws(SystemError) {
            try stopping.open()
            let group = try PreservedGroup.open(name: Self.storedName, store: store, make: Self.newGroup)
            let isAdopted = group.isAdopted
            resumed.store(group.missedNothing, ordering: .relaxed)
            var armed = Armed(
                group: consume group, epoll: try Epoll(), timer: try TimerFD(), mounts: try MountTable(),
                marker: FileSystemMarker(mask: .openExec), watch: ExecWatch(reader: reader))
            try stopping.add(to: armed.epoll, token: Token.stop.rawValue)
            try armed.epoll.add(armed.group.group.descriptor, token: Token.events.rawValue)
            try armed.epoll.add(armed.timer.descriptor, token: Token.timer.rawValue)
            try armed.epoll.add(armed.mounts.descriptor, token: Token.mounts.rawValue, for: .priority)
            // Before the marks: what executes later must not be taken for what ran before. With a queue from before
            // nothing is known to have run before: what a process executed meanwhile is in both.
            if !isAdopted { try armed.watch.learnBaseline() }
            try armed.marker.markOwn(armed.mounts, armed.group.group)
            armed.marker.markForeign(of: try Proc.pids(), armed.group.group)
            shortcoming.set(armed.marker.shortcoming)
            self.armed.put(armed)
        } catch { throw SourceError(.fanotify, error, hint: Self.hint(error)) }
    }

    package func keep() { armed.withValue { $0.group.keep() } }

    package func run(_ deliver: ([SensorRecord]) -> Void) throws(SourceError) {
        guard var armed = armed.take() else { return }
        do throws(SystemError) {
            var deadline: UInt64?
            while !isOver(&deadline, armed.watch) {
                let ready = try armed.epoll.wait()
                if ready.contains(where: { $0.token == Token.mounts.rawValue }) {
                    try armed.marker.markOwn(armed.mounts, armed.group.group)
                    shortcoming.set(armed.marker.shortcoming)
                }
                _ = try armed.timer.takeExpirations()
                // One read at a time between deliveries, so that a storm does not pile up records here.
                armed.group.beginReading()
                while !isOver(&deadline, armed.watch) {
                    let more = try read(armed.group.group, &armed.watch, &armed.marker)
                    let records = armed.watch.takeRecords()
                    if !records.isEmpty {
                        counters.delivered(records.count)
                        deliver(records)
                    }
                    if !more { break }
                }
                if armed.watch.isSettled { armed.group.settle() }
                let now = Clock.monotonicUSec()
                if let next = armed.watch.nextRetry {
                    try armed.timer.start(afterNSec: (max(next, now + 1) - now) * 1000)
                }
            }
        } catch { throw SourceError(.fanotify, error) }
        self.armed.put(armed)
    }

    package func stop() { stopping.request() }
    package var statistics: SourceStatistics { counters.statistics }

    package func close() {
        armed.clear()
        stopping.close()
    }

    // MARK: Private

    /// Reads once, and looks again at what had to wait. False where the queue was empty.
    private func read(
        _ group: borrowing FanotifyGroup, _ watch: inout ExecWatch, _ marker: inout FileSystemMarker
    ) throws(SystemError) -> Bool {
        let now = Clock.monotonicUSec()
        var isDrained = false
        var met: [(process: HeldProcess, mountNamespace: UInt64)] = []
        do throws(SystemError) {
            isDrained = try !group.read { event in
                if event.mask.contains(.overflow) {
                    counters.overflowed()
                    return watch.append(SensorRecord(now: .gap(count: nil)))
                }
                if let process = watch.opened(event) { met.append(process) }
            }
        } catch {
            guard error.costsOneEvent else { throw error }
            counters.lost(1)
            watch.append(SensorRecord(now: .gap(count: 1)))
        }
        for (process, namespace) in met {
            marker.markForeign(namespace, of: process.directory, nowUSec: now, group)
        }
        if isDrained { watch.drained(nowUSec: now) }
        watch.retry(nowUSec: now)
        return !isDrained
    }

    /// Once it is to stop, goes on until everything that was read is told, so that the next process misses nothing; not
    /// for long, should somebody keep an execution hanging.
    private func isOver(_ deadline: inout UInt64?, _ watch: borrowing ExecWatch) -> Bool {
        guard stopping.isRequested else { return false }
        let now = Clock.monotonicUSec()
        if deadline == nil { deadline = now + Self.stopPatienceUSec }
        return watch.isSettled || now > deadline ?? now
    }

    private static func newGroup() throws(SystemError) -> FanotifyGroup {
        do throws(SystemError) {
            return try FanotifyGroup([.reportPidFD, .unlimitedMarks])
        } catch  where error.isInvalidArgument {
            // Before 5.15: the process is looked up by its number, right after the read.
            return try FanotifyGroup(.unlimitedMarks)
        }
    }

    private static func hint(_ error: SystemError) -> String? {
        if error.isPermission { return "needs root, or CAP_SYS_ADMIN" }
        if error.isInvalidArgument { return "needs Linux 5.0 with CONFIG_FANOTIFY" }
        return nil
    }
}
