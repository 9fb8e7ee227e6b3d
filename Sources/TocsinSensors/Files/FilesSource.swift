import Synchronization
import TocsinEvents
import TocsinLinux

/// Changes of watched files, from fanotify with directory handles and names (FAN_REPORT_DFID_NAME).
///
/// Owns the fanotify group, an epoll, an eventfd and the mount table's descriptor from `open` to `close`. The marks are
/// on whole file systems wherever the kernel allows, so a new directory is covered from its first instant; what does
/// not matter is dropped here, by one look into a table for each event. The queue is bounded, as that of executions.
///
/// Where descriptors are kept, the group outlives this process (`PreservedGroup`). The next process follows the tree as
/// it finds it: of a directory that was made and removed in between nothing is told.
package final class FilesSource: Source {
    package let name = SourceName.files
    package var limitation: String { shortcoming.appended(to: Self.limitation) }
    private static let limitation = """
        a file is told as modified when its writer closes it; changes by truncate(2) alone and by other machines on \
        network file systems are missed, and where a file system's directories have to be marked one by one, a new \
        directory's first files may be told without their writer's end
        """
    private let paths: WatchedPaths
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
        let mounts: MountTable
        var watch: FileWatch
    }

    private enum Token: UInt64 {
        case stop, events, mounts
    }

    /// A change of what the group reports, or of how it is marked, is another version.
    private static let storedName = "fanotify-files-v1"

    package init(_ paths: WatchedPaths, reader: ProcessReader, store: (any DescriptorKeeping)? = nil) {
        self.paths = paths
        self.reader = reader
        self.store = store
    }

    package var isResumed: Bool { resumed.load(ordering: .relaxed) }

    package func open() throws(SourceError) {
        do throws(SystemError) {
            try stopping.open()
            let group = try PreservedGroup.open(name: Self.storedName, store: store) { () throws(SystemError) in
                try FanotifyGroup([.reportNames, .reportFiles, .reportTargets, .reportPidFD, .unlimitedMarks])
            }
            resumed.store(group.missedNothing, ordering: .relaxed)
            var armed = Armed(
                group: consume group, epoll: try Epoll(), mounts: try MountTable(),
                watch: FileWatch(paths, reader: reader))
            try stopping.add(to: armed.epoll, token: Token.stop.rawValue)
            try armed.epoll.add(armed.group.group.descriptor, token: Token.events.rawValue)
            try armed.epoll.add(armed.mounts.descriptor, token: Token.mounts.rawValue, for: .priority)
            _ = armed.watch.walkIfDue(armed.group.group, nowUSec: Clock.monotonicUSec(), isDrained: true)
            shortcoming.set(armed.watch.shortcoming)
            if let blindness = armed.watch.blindness { throw blindness }
            self.armed.put(armed)
        } catch { throw SourceError(.files, error, hint: Self.hint(error)) }
    }

    package func keep() { armed.withValue { $0.group.keep() } }

    package func run(_ deliver: ([SensorRecord]) -> Void) throws(SourceError) {
        guard var armed = armed.take() else { return }
        do throws(SystemError) {
            while !stopping.isRequested {
                let ready = try armed.epoll.wait()
                if ready.contains(where: { $0.token == Token.mounts.rawValue }) {
                    _ = try armed.mounts.read()
                    armed.watch.requestWalk()
                }
                armed.group.beginReading()
                while !stopping.isRequested {
                    let more = try read(armed.group.group, &armed.watch)
                    let records = armed.watch.takeRecords()
                    if !records.isEmpty {
                        counters.delivered(records.count)
                        deliver(records)
                    }
                    if !more { break }
                }
                armed.group.settle()
            }
        } catch { throw SourceError(.files, error) }
        self.armed.put(armed)
    }

    package func stop() { stopping.request() }
    package var statistics: SourceStatistics { counters.statistics }

    package func close() {
        armed.clear()
        stopping.close()
    }

    // MARK: Private

    /// Reads once. False where the queue was empty.
    private func read(_ group: borrowing FanotifyGroup, _ watch: inout FileWatch) throws(SystemError) -> Bool {
        var more = false
        do throws(SystemError) {
            more = try group.read { event in
                if event.mask.contains(.overflow) {
                    counters.overflowed()
                    watch.lostEvents(nil)
                } else {
                    watch.take(event, group)
                }
            }
        } catch {
            guard error.costsOneEvent else { throw error }
            counters.lost(1)
            watch.lostEvents(1)
            more = true
        }
        if watch.walkIfDue(group, nowUSec: Clock.monotonicUSec(), isDrained: !more) {
            shortcoming.set(watch.shortcoming)
        }
        if !more { watch.drained() }
        return more
    }

    private static func hint(_ error: SystemError) -> String? {
        if error.isPermission { return "needs root, or CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH" }
        if error.isInvalidArgument { return "needs Linux 5.17" }
        return nil
    }
}
