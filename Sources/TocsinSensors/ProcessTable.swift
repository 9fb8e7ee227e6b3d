import TocsinEvents

/// Who is whose child, and what each process runs: completes what a source tells of a process, and knows its ancestors.
///
/// Pure. Fed by the sources' records in their order, and by what /proc shows at the start. Bounded, whatever processes
/// do: the oldest of the ended ones are forgotten first, then the oldest of all, and of arguments only a beginning is
/// kept.
///
/// Ancestry is by origin: a process that was orphaned keeps the ancestors it was born with, because who starts something
/// in the background and ends is still who started it. `parentPid` tells who adopted it.
package struct ProcessTable: ~Copyable {
    private var entries: [ProcessKey: Entry] = [:]
    /// Who has the number now.
    private var owners: [Int32: Entry] = [:]
    /// In the order of their ends; those of entries that are gone are skipped.
    private var ended = Queue()
    private var known = Queue()
    /// Of the children of a process. None is out of date; those of a few are made anew now and then.
    private var lineages: [ProcessKey: Lineage] = [:]

    private let capacity: Int
    private let endedCapacity: Int
    private static let lineageLimit = 256

    package init(capacity: Int = 16384, endedCapacity: Int = 2048) {
        self.capacity = capacity
        self.endedCapacity = endedCapacity
    }

    package var count: Int { entries.count }

    // MARK: Feeding

    /// What /proc shows. Records know better: a process that is known already stays as it is.
    package mutating func seed(_ processes: [Process]) {
        // Parents may follow their children, so links are made when all are there.
        let new = processes.filter { entries[$0.key] == nil }
        for process in new { insert(process, running: Program(of: process), parent: nil) }
        for process in new {
            guard let parent = parent(of: process) else { continue }
            entries[process.key]?.parent = parent.key
            parent.hasChildren = true
        }
    }

    /// Takes a record in, and adds to the process what is known of it besides. Returns whether it is news: an end may
    /// have been told before.
    package mutating func observe(_ type: EventType, _ process: inout Process) -> Bool {
        switch type {
        case .fork:
            let parent = parent(of: process)
            let program = parent.map { process.inherit($0.program) } ?? Program(of: process)
            insert(process, running: program, parent: parent)
        case .exec:
            let parent = entries[process.key]?.parent.flatMap { entries[$0] } ?? parent(of: process)
            insert(process, running: Program(of: process), parent: parent)
        case .exit:
            guard let entry = entries[process.key] else { return true }
            guard !entry.hasEnded else { return false }
            end(entry)
            _ = process.inherit(entry.program)
        default: break
        }
        return true
    }

    /// The owner of its parent's number, unless that is younger than the child, and so somebody else. Starts are compared
    /// in clock ticks: /proc knows no more.
    private func parent(of process: Process) -> Entry? {
        guard let parent = process.parentPid.flatMap({ owners[$0] }), parent.key != process.key,
            parent.key.startTicks <= process.key.startTicks
        else { return nil }
        return parent
    }

    private mutating func insert(_ process: Process, running program: Program, parent: Entry?) {
        let key = process.key
        parent?.hasChildren = true
        if let entry = entries[key] {
            // Its children have another parent now, and their children another grandparent.
            if entry.hasChildren { lineages.removeAll(keepingCapacity: true) }
            entry.become(process, running: program)
            entry.parent = parent?.key
            own(entry)
            return
        }
        let entry = Entry(key, process, running: program, parent: parent?.key)
        known.append(key)
        entries[key] = entry
        own(entry)
        while entries.count > capacity, let oldest = ended.removeFirst() ?? known.removeFirst() { forget(oldest) }
    }

    /// The number is its own now. Was it another's, that one has ended, told or not.
    private mutating func own(_ entry: Entry) {
        guard let last = owners.updateValue(entry, forKey: entry.key.pid), last !== entry, !last.hasEnded else {
            return
        }
        noteEnd(of: last)
    }

    private mutating func end(_ entry: Entry) {
        if owners[entry.key.pid] === entry { owners[entry.key.pid] = nil }
        noteEnd(of: entry)
    }

    private mutating func noteEnd(of entry: Entry) {
        entry.hasEnded = true
        ended.append(entry.key)
        while ended.count > endedCapacity, let oldest = ended.removeFirst() { forget(oldest) }
    }

    private mutating func forget(_ key: ProcessKey) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        if owners[key.pid] === entry { owners[key.pid] = nil }
        if entry.hasChildren { lineages[key] = nil }
        // Keys of forgotten entries stay in the order of arrival until they are many.
        if known.count > 2 * capacity { known.keep { entries[$0] != nil } }
    }

    // MARK: Asking

    /// Ends where the table knows no further.
    package mutating func lineage(of process: Process) -> Lineage {
        guard let parent = entries[process.key]?.parent ?? parent(of: process)?.key else { return .unknown }
        if let lineage = lineages[parent] { return lineage }
        var ancestors: [Process] = []
        var next: ProcessKey? = parent
        while ancestors.count < Lineage.depth, let key = next, let entry = entries[key] {
            ancestors.append(entry.process)
            next = entry.parent
        }
        guard !ancestors.isEmpty else { return .unknown }
        let lineage = Lineage(ancestors)
        if lineages.count >= Self.lineageLimit { lineages.removeAll(keepingCapacity: true) }
        lineages[parent] = lineage
        return lineage
    }
}

/// What is remembered of a process. A class, so that whoever looks one up copies a reference.
private final class Entry {
    let key: ProcessKey
    private let entityID: String
    private let startTimeNSec: UInt64
    private var parentPid: Int32?
    private var uid: UInt32?
    private var effectiveUid: UInt32?
    private var comm: ByteString?
    private var unit: String?
    private var container: String?
    private(set) var program: Program
    /// Who it was born of.
    var parent: ProcessKey?
    var hasEnded = false
    var hasChildren = false

    init(_ key: ProcessKey, _ process: Process, running program: Program, parent: ProcessKey?) {
        self.key = key
        entityID = process.entityID
        startTimeNSec = process.startTimeNSec
        self.program = program
        self.parent = parent
        become(process, running: program)
    }

    func become(_ process: Process, running program: Program) {
        parentPid = process.parentPid
        uid = process.uid
        effectiveUid = process.effectiveUid
        comm = process.comm
        unit = process.unit
        container = process.container
        self.program = program
    }

    /// As an ancestor.
    var process: Process {
        var process = Process(entityID: entityID, pid: key.pid, startTimeNSec: startTimeNSec)
        process.parentPid = parentPid
        process.uid = uid
        process.effectiveUid = effectiveUid
        process.comm = comm
        process.unit = unit
        process.container = container
        _ = process.inherit(program)
        return process
    }
}

/// What a process runs. Its children run the same until they execute something, and share this.
private final class Program {
    let executable: ByteString?
    let device: UInt64?
    let inode: UInt64?
    let filename: ByteString?
    /// A beginning of them.
    let arguments: [ByteString]?
    let argumentsTruncated: Bool
    let flags: Process.ExecFlags

    init(of process: Process) {
        executable = process.executable
        device = process.executableDevice
        inode = process.executableInode
        filename = process.filename
        (arguments, argumentsTruncated) = process.arguments(upTo: Lineage.parentArgumentBytes)
        flags = process.flags
    }
}

extension Process {
    /// It runs what another one runs: a child until it executes, or the same at another time. What was not told of
    /// this one and may have changed since, as the working directory, is not taken over. Returns what it runs then.
    fileprivate mutating func inherit(_ program: Program) -> Program {
        let knowsNothing = executable == nil && arguments == nil && filename == nil
        executable = executable ?? program.executable
        executableDevice = executableDevice ?? program.device
        executableInode = executableInode ?? program.inode
        filename = filename ?? program.filename
        if arguments == nil {
            arguments = program.arguments
            argumentsTruncated = program.argumentsTruncated
        }
        flags.formUnion(program.flags)
        return knowsNothing ? program : Program(of: self)
    }
}

/// First in, first out; removing is cheap on average.
private struct Queue: Sendable {
    private var keys: [ProcessKey] = []
    private var head = 0

    var count: Int { keys.count - head }

    mutating func append(_ key: ProcessKey) { keys.append(key) }

    mutating func removeFirst() -> ProcessKey? {
        guard head < keys.count else { return nil }
        defer { head += 1 }
        if head > 1024, head > keys.count / 2 {
            keys.removeFirst(head)
            head = 0
        }
        return keys[head]
    }

    mutating func keep(_ isWanted: (ProcessKey) -> Bool) {
        keys = keys[head...].filter(isWanted)
        head = 0
    }
}
