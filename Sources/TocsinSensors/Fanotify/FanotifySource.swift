import Synchronization
import TocsinLinux

/// Executions from fanotify's FAN_OPEN_EXEC: event-driven, complete while the kernel's queue has room, a little late.
///
/// The queue is bounded (16,384 events unless the administrator says otherwise): unbounded, a storm of executions
/// would grow the kernel's memory on this daemon's account until it is killed, and a gap is better than that.
///
/// The group reports descriptors, not handles: overlayfs, which most containers are on, has none that a mark of the
/// whole file system would be allowed with. Where descriptors are kept, the group outlives this process, and with it
/// what was read and not logged: see `OpenJournal`, and `TwinQueue` for what is lost with a descriptor.
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
    private let armed = Slot<ArmedGroup<ExecWatch>>()

    /// A change of what the group reports, or of how it is marked, is another version.
    private static let storedName = "fanotify-exec-v2"
    private static let storedTwinName = "fanotify-twin-v1"

    package init(reader: ProcessReader, store: (any DescriptorKeeping)? = nil) {
        self.reader = reader
        self.store = store
    }

    package var isResumed: Bool { resumed.load(ordering: .relaxed) }

    package func open() throws(SourceError) {
        do throws(SystemError) {
            try stopping.open()
            // Before 5.15 the process is looked up by its number, right after the read.
            let reportsPidFD = FanotifyGroup.knowsPidFDs
            let opened = try PreservedGroup.open(
                name: Self.storedName, capacity: OpenJournal.capacity, boot: reader.boot, store: store
            ) { () throws(SystemError) in
                try FanotifyGroup(reportsPidFD ? [.reportPidFD, .unlimitedMarks] : .unlimitedMarks)
            }
            let twin = try PreservedGroup.open(
                name: Self.storedTwinName, capacity: TwinQueue.capacity, boot: reader.boot, store: store,
                isWanted: opened.group.isAdopted
            ) { () throws(SystemError) in try FanotifyGroup(.unlimitedMarks) }
            let watch = ExecWatch(
                reader: reader, journal: OpenJournal(opened.journal, reportsPidFD: reportsPidFD),
                twin: TwinQueue(twin.group, twin.journal))
            let armed = try ArmedGroup(opened.group, watch, stopping: stopping, shortcoming)
            resumed.store(armed.isAdopted, ordering: .relaxed)
            self.armed.put(armed)
        } catch { throw SourceError(.fanotify, error, hint: Self.hint(error)) }
    }

    package func keep() { armed.withValue { $0.keep() } }

    package func run(_ receiver: any RecordReceiver) throws(SourceError) {
        guard var armed = armed.take() else { return }
        do throws(SystemError) {
            try armed.run(until: stopping, counters, shortcoming, receiver)
        } catch { throw SourceError(.fanotify, error) }
        self.armed.put(armed)
    }

    package func stop() { stopping.request() }
    package var statistics: SourceStatistics { counters.statistics }

    package func close() {
        armed.clear()
        stopping.close()
    }

    private static func hint(_ error: SystemError) -> String? {
        if error.isPermission { return "needs root, or CAP_SYS_ADMIN" }
        if error.isInvalidArgument { return "needs Linux 5.0 with CONFIG_FANOTIFY" }
        return nil
    }
}
