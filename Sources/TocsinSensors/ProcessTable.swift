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
    private var entries: [String: Entry] = [:]
    /// Who has the number now.
    private var owners: [Int32: String] = [:]
    /// In the order of their ends; those of entries that are gone are skipped.
    private var ended = Queue()
    private var known = Queue()
    /// Of the children of a process, by its id. None is out of date; those of a few are made anew now and then.
    private var lineages: [String: Lineage] = [:]

    private let capacity: Int
    private let endedCapacity: Int
    private static let lineageLimit = 256

    /// A class, so that whoever looks one up copies a reference, not all that is known of a process.
    private final class Entry {
        var process: Process
        var parent: String?
        var hasEnded = false
        var hasChildren = false

        init(_ process: Process, parent: String?) {
            self.process = process
            self.parent = parent
        }
    }

    package init(capacity: Int = 16384, endedCapacity: Int = 2048) {
        self.capacity = capacity
        self.endedCapacity = endedCapacity
    }

    package var count: Int { entries.count }

    // MARK: Feeding

    /// What /proc shows. Records know better: a process that is known already stays as it is.
    package mutating func seed(_ processes: [Process]) {
        // Parents may follow their children, so links are made when all are there.
        let new = processes.filter { entries[$0.entityID] == nil }
        for process in new { insert(process, parent: nil) }
        for process in new {
            guard let parent = parent(of: process) else { continue }
            entries[process.entityID]?.parent = parent
            entries[parent]?.hasChildren = true
        }
    }

    /// Takes a record in, and adds to the process what is known of it besides. Returns whether it is news: an end may
    /// have been told before.
    package mutating func observe(_ type: EventType, _ process: inout Process) -> Bool {
        let id = process.entityID
        switch type {
        case .fork:
            let parent = parent(of: process)
            if let parent, let entry = entries[parent] { process.run(programOf: entry.process) }
            insert(process, parent: parent)
        case .exec:
            insert(process, parent: entries[id]?.parent ?? parent(of: process))
        case .exit:
            guard let entry = entries[id] else { return true }
            guard !entry.hasEnded else { return false }
            end(id)
            process.run(programOf: entry.process)
        default: break
        }
        return true
    }

    /// The owner of its parent's number, unless that is younger than the child, and so somebody else. Starts are compared
    /// in clock ticks: /proc knows no more.
    private func parent(of process: Process) -> String? {
        let tick: UInt64 = 10_000_000
        guard let parent = process.parentPid.flatMap({ owners[$0] }), parent != process.entityID,
            let start = entries[parent]?.process.startTimeNSec, start / tick <= process.startTimeNSec / tick
        else { return nil }
        return parent
    }

    private mutating func insert(_ process: Process, parent: String?) {
        let id = process.entityID
        // The number was given away again, so its last owner has ended, told or not.
        if let last = owners[process.pid], last != id { end(last) }
        owners[process.pid] = id
        let process = process.keepingArguments(upTo: Lineage.parentArgumentBytes)
        if let entry = entries[id] {
            // Its children have another parent now, and their children another grandparent.
            if entry.hasChildren { lineages.removeAll(keepingCapacity: true) }
            entry.process = process
            entry.parent = parent
        } else {
            known.append(id)
            entries[id] = Entry(process, parent: parent)
        }
        if let parent { entries[parent]?.hasChildren = true }
        while entries.count > capacity, let oldest = ended.removeFirst() ?? known.removeFirst() { forget(oldest) }
    }

    private mutating func end(_ id: String) {
        guard let entry = entries[id], !entry.hasEnded else { return }
        entry.hasEnded = true
        if owners[entry.process.pid] == id { owners[entry.process.pid] = nil }
        ended.append(id)
        while ended.count > endedCapacity, let oldest = ended.removeFirst() { forget(oldest) }
    }

    private mutating func forget(_ id: String) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        if owners[entry.process.pid] == id { owners[entry.process.pid] = nil }
        lineages[id] = nil
        // Ids of forgotten entries stay in the order of arrival until they are many.
        if known.count > 2 * capacity { known.keep { entries[$0] != nil } }
    }

    // MARK: Asking

    /// Ends where the table knows no further.
    package mutating func lineage(of process: Process) -> Lineage {
        guard let parent = entries[process.entityID]?.parent ?? parent(of: process), entries[parent] != nil else {
            return .unknown
        }
        if let lineage = lineages[parent] { return lineage }
        var ancestors: [Process] = []
        var next: String? = parent
        while ancestors.count < Lineage.depth, let id = next, let entry = entries[id] {
            ancestors.append(entry.process)
            next = entry.parent
        }
        let lineage = Lineage(ancestors)
        if lineages.count >= Self.lineageLimit { lineages.removeAll(keepingCapacity: true) }
        lineages[parent] = lineage
        return lineage
    }
}

extension Process {
    /// It runs what another one runs: a child until it executes, or the same at another time. What was not told of
    /// this one and may have changed since, as the working directory, is not taken over.
    fileprivate mutating func run(programOf other: Process) {
        executable = executable ?? other.executable
        executableDevice = executableDevice ?? other.executableDevice
        executableInode = executableInode ?? other.executableInode
        filename = filename ?? other.filename
        if arguments == nil {
            arguments = other.arguments
            argumentsTruncated = other.argumentsTruncated
        }
        flags.formUnion(other.flags)
    }
}

/// First in, first out; removing is cheap on average.
private struct Queue: Sendable {
    private var ids: [String] = []
    private var head = 0

    var count: Int { ids.count - head }

    mutating func append(_ id: String) { ids.append(id) }

    mutating func removeFirst() -> String? {
        guard head < ids.count else { return nil }
        defer { head += 1 }
        if head > 1024, head > ids.count / 2 {
            ids.removeFirst(head)
            head = 0
        }
        return ids[head]
    }

    mutating func keep(_ isWanted: (String) -> Bool) {
        ids = ids[head...].filter(isWanted)
        head = 0
    }
}
