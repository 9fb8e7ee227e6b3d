import TocsinEvents
import TocsinLinux

/// Turns the kernel's reports into records: follows the tree, walks where it asks for it, and looks up who did it.
///
/// Events carry handles and names, so whoever finds them in the journal after this process was killed can tell of them
/// as well. Each has a number, by which a record is known to be logged or not.
///
/// Lives on the source's thread. Holds no descriptor of a watched file system, which could not be unmounted then.
struct FileWatch: ~Copyable {
    private let paths: WatchedPaths
    private var journal: ReadJournal
    /// Events of the journal that are taken in.
    private var taken: UInt64 = 0
    /// Records of the latest of them.
    private var recordsOfEvent: UInt64 = 0
    /// When the process that read the events was alive, where it was another.
    private var readBefore: UInt64?
    private var tree: WatchedTree
    private var walk = TreeWalk()
    private var culprits: Culprits
    private var records: [SensorRecord] = []
    /// Since the last delivery; a repetition of it says nothing new.
    private var last: (pid: Int32, change: WatchedTree.Change)?
    /// A look at everything is due: events were lost, or a mount changed.
    private var isWalkDue = true
    private var lastWalkUSec: UInt64 = 0

    private static let walkIntervalUSec: UInt64 = 1_000_000
    /// Bytes of the journal: some 20 events, each with two names at most.
    static let capacity = 4096
    /// A walk may find many files for one event.
    private static let recordBits: UInt64 = 20

    init(_ paths: WatchedPaths, reader: ProcessReader, journal: consuming ReadJournal) {
        self.paths = paths
        self.journal = journal
        tree = WatchedTree(paths)
        culprits = Culprits(reader: reader)
    }

    mutating func takeRecords() -> [SensorRecord] {
        last = nil
        let taken = records
        records.removeAll(keepingCapacity: true)
        return taken
    }

    /// Why nothing at all can be watched; nil where something is.
    private var blindness: SystemError? { tree.directoryCount > 0 ? nil : walk.failures.first?.failure }

    /// Why a walk saw less than there is, where it would see all of it another time.
    private var starvation: SystemError? { walk.failures.first { $0.failure.isOutOfDescriptors }?.failure }

    /// What cannot be watched, in words; nil where all is.
    var shortcoming: String? {
        if tree.refused > 0 { return "\(tree.refused) directories and files are more than can be followed" }
        return walk.failures.first.map { "\($0.path.string): \($0.failure.description)" }
    }

    /// Walks where that is due; not more than once a second while events pour in.
    private mutating func walkIfDue(_ group: borrowing FanotifyGroup, isDrained: Bool) {
        let now = Clock.monotonicUSec()
        guard isWalkDue, isDrained || now > lastWalkUSec + Self.walkIntervalUSec else { return }
        isWalkDue = false
        lastWalkUSec = now
        walk.walkAll(paths, &tree, group)
    }

    private mutating func append(_ body: SensorRecord.Body) {
        var record = SensorRecord(now: body)
        record.position = (journal.number &+ taken) << Self.recordBits | min(recordsOfEvent, 1 << Self.recordBits - 1)
        recordsOfEvent += 1
        records.append(record)
    }

    /// Takes an event of a group that reports handles.
    private mutating func take(_ event: consuming FanotifyEvent, _ group: borrowing FanotifyGroup) {
        var report = WatchedTree.Report(mask: event.mask)
        for object in event.objects {
            let place = object.name.map { WatchedTree.Place(directory: object.handle, name: $0) }
            switch object.role {
            case .directory, .newDirectory: report.at = place
            case .oldDirectory: report.from = place
            case .file: report.file = object.handle
            }
        }
        let actions = tree.follow(report, exists: Self.exists, locate: Self.locate)
        guard !actions.isEmpty else { return }
        var changes: [WatchedTree.Change] = []
        for action in actions {
            switch action {
            case .tell(let change): changes.append(change)
            case .tellIfLinked(let change):
                // A report without a name says that the number of names changed. Where this was the last one, the
                // deletion says the same.
                if Self.links(of: change.file, at: change.path) > (report.at == nil ? 0 : 1) { changes.append(change) }
            case .walk(let path, let handle): _ = walk.walk(path, expecting: handle, paths, &tree, group)
            case .entered(let path, let handle): changes += enter(path, handle, group)
            }
        }
        // The daemon's own changes are no news, though the tree has to know them.
        guard !changes.isEmpty, event.pid != Proc.ownPid else { return }
        tell(changes, by: event.pid, event.process.take(), isGone: event.processIsGone)
    }

    // MARK: Private

    /// A new directory where each has to be marked: what was made in it before the mark has caused no event.
    private mutating func enter(
        _ path: ByteString, _ handle: FileHandle, _ group: borrowing FanotifyGroup
    ) -> [WatchedTree.Change] {
        guard let status = Self.look(path)?.status, walk.marksDirectories(on: status.identity.device) else { return [] }
        return walk.walk(path, expecting: handle, paths, &tree, group)
            .map { WatchedTree.Change(type: .create, path: $0.path, file: $0.handle) }
    }

    private mutating func tell(
        _ changes: [WatchedTree.Change], by pid: Int32, _ pidfd: consuming PidFD?, isGone: Bool
    ) {
        var process: Process?
        var pidfd: PidFD? = consume pidfd
        for change in changes {
            if let last, last.pid == pid, last.change == change { continue }
            last = (pid, change)
            // 0: a process outside of this one's pid namespace.
            if process == nil, pid > 0 {
                process = culprits.process(pid, pidfd.take(), isGone: isGone, startedBefore: readBefore)
            }
            var file = File(path: change.path, oldPath: change.oldPath)
            if change.type != .delete, let now = Self.look(change.path), change.file == nil || now.handle == change.file
            {
                file.device = now.status.identity.device
                file.inode = now.status.identity.inode
            }
            append(.file(change.type, file, by: process))
        }
    }

    /// What has the path now.
    private static func look(_ path: ByteString) -> (status: FileStatus, handle: FileHandle?)? {
        guard let root = try? FileDescriptor.open("/"),
            let file = try? root.locate(inRoot: path.bytes, followingLinks: false),
            let status = try? file.status()
        else { return nil }
        let fileSystem = try? file.fileSystemID()
        return (status, fileSystem.flatMap { try? file.handle(fileSystem: $0) })
    }

    /// How many names the file has; 0 where the path is another's now.
    private static func links(of handle: FileHandle?, at path: ByteString) -> UInt64 {
        guard let now = look(path), now.handle == handle else { return 0 }
        return now.status.links
    }

    private static func exists(_ path: ByteString) -> Bool { look(path) != nil }

    /// Where a directory is now that is not known. Its file system is opened by a known directory for the moment.
    private static func locate(_ handle: FileHandle, near known: ByteString) -> ByteString? {
        guard let root = try? FileDescriptor.open("/"),
            let place = try? root.locate(inRoot: known.bytes, followingLinks: false),
            let readable = try? place.readableDirectory(),
            let directory = try? readable.open(handle), let path = try? directory.path()
        else { return nil }
        return path.first == UInt8(ascii: "/") ? ByteString(path) : nil
    }
}

extension FileWatch: GroupWatch {
    mutating func arm(
        _ group: borrowing FanotifyGroup, _ mounts: borrowing MountTable, isAdopted: Bool
    ) throws(SystemError) {
        walkIfDue(group, isDrained: true)
        if let failure = blindness ?? starvation { throw failure }
    }

    mutating func mountsChanged(_ group: borrowing FanotifyGroup, _ mounts: borrowing MountTable) throws(SystemError) {
        _ = try mounts.read()
        isWalkDue = true
    }

    mutating func resume(_ group: borrowing FanotifyGroup) {
        readBefore = journal.time
        let bytes = UnsafeRawBufferPointer(journal.content)
        let count = take(bytes, ownsDescriptors: false, group)
        // The kernel could not write the rest of an event for a process that was being killed.
        if bytes[count...].contains(where: { $0 != 0 }) { records.append(SensorRecord(now: .abandoned(count: 1))) }
        readBefore = nil
    }

    mutating func read(_ group: borrowing FanotifyGroup, _ counters: SourceCounters) throws(SystemError) -> Bool {
        journal.setTime(Clock.boottimeNSec())
        let content = journal.content
        // Zeros already; this brings in the pages.
        content[0] = 0
        content[content.count - 1] = 0
        let count = try group.read(into: content)
        if let count {
            let bytes = UnsafeRawBufferPointer(rebasing: content[..<count])
            guard take(bytes, ownsDescriptors: true, group, counters) == count else {
                throw SystemError(operation: "read fanotify", code: 74)
            }
        } else {
            culprits.releaseEnded()
        }
        walkIfDue(group, isDrained: count == nil)
        // What the walk did not see it would never tell of. To begin anew says that something is missing, and walks
        // again.
        if let starvation { throw starvation }
        return count != nil
    }

    /// Returns how many bytes were whole events.
    private mutating func take(
        _ bytes: UnsafeRawBufferPointer, ownsDescriptors: Bool, _ group: borrowing FanotifyGroup,
        _ counters: SourceCounters? = nil
    ) -> Int {
        FanotifyGroup.events(in: bytes, ownsDescriptors: ownsDescriptors) { event in
            recordsOfEvent = 0
            if event.mask.contains(.overflow) {
                counters?.overflowed()
                append(.gap(count: nil))
                isWalkDue = true
            } else {
                take(event, group)
            }
            taken += 1
        }
    }

    mutating func delivered() {
        guard taken > 0 else { return }
        journal.turnOver(number: journal.number + taken) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        taken = 0
    }

    func keep() {}
    var isSettled: Bool { records.isEmpty }
    var nextRetry: UInt64? { nil }
}
