import Synchronization
import TocsinEvents
import TocsinLinux

/// Changes of watched files, from fanotify with directory handles and names (FAN_REPORT_DFID_NAME).
///
/// The marks are on whole file systems wherever the kernel allows, so a new directory is covered from its first
/// instant; what does not matter is dropped here, by one look into a table for each event. The queue is bounded, as
/// that of executions.
///
/// Where descriptors are kept, the group outlives this process (`PreservedGroup`), and with it what was read and not
/// logged. The next process follows the tree as it finds it: of what happened in a directory that was removed in
/// between only the removal is told.
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
    private let armed = Slot<ArmedGroup<FileWatch>>()

    /// A change of what the group reports, or of how it is marked, is another version.
    private static let storedName = "fanotify-files-v2"

    package init(_ paths: WatchedPaths, reader: ProcessReader, store: (any DescriptorKeeping)? = nil) {
        self.paths = paths
        self.reader = reader
        self.store = store
    }

    package var isResumed: Bool { resumed.load(ordering: .relaxed) }

    package func open() throws(SourceError) {
        do throws(SystemError) {
            try stopping.open()
            let opened = try PreservedGroup.open(
                name: Self.storedName, capacity: FileWatch.capacity, boot: reader.boot, store: store
            ) { () throws(SystemError) in
                try FanotifyGroup([.reportNames, .reportFiles, .reportTargets, .reportPidFD, .unlimitedMarks])
            }
            let armed = try ArmedGroup(
                opened.group, FileWatch(paths, reader: reader, journal: opened.journal), stopping: stopping,
                shortcoming)
            resumed.store(armed.isAdopted, ordering: .relaxed)
            self.armed.put(armed)
        } catch { throw SourceError(.files, error, hint: Self.hint(error)) }
    }

    package func keep() { armed.withValue { $0.keep() } }

    package func run(_ receiver: any RecordReceiver) throws(SourceError) {
        guard var armed = armed.take() else { return }
        do throws(SystemError) {
            try armed.run(until: stopping, counters, shortcoming, receiver)
        } catch { throw SourceError(.files, error) }
        self.armed.put(armed)
    }

    package func stop() { stopping.request() }
    package var statistics: SourceStatistics { counters.statistics }

    package func close() {
        armed.clear()
        stopping.close()
    }

    private static func hint(_ error: SystemError) -> String? {
        if error.isPermission { return "needs root, or CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH" }
        if error.isInvalidArgument { return "needs Linux 5.17" }
        return nil
    }
}
