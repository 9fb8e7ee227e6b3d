import TocsinEvents

/// Who is whose child, and what each process runs: completes what a source tells of a process, and knows its ancestors.
///
/// Pure. Fed by the sources' records in their order, and by what /proc shows at the start. Bounded, in processes and in
/// bytes, whatever processes do: of arguments only a beginning is kept, a shorter one where half of the bytes are used;
/// then the oldest of the ended ones are forgotten, then the oldest of all.
///
/// Ancestry is by origin: a process that was orphaned keeps the ancestors it was born with, because who starts
/// something in the background and ends is still who started it. `parentPid` tells who adopted it.
package struct ProcessTable: ~Copyable {
    private var entries: [ProcessKey: Entry] = [:]
    /// Who has the number now. Whoever is asked of is mostly one of these, and mostly the one observed last.
    private var owners: [Int32: Entry] = [:]
    private var latest: Entry?
    /// In the order of their ends; those of entries that are gone are skipped.
    private var ended = KeyQueue()
    private var arrived = KeyQueue()
    /// Those that have a lineage for their children. None is out of date; those of a few are made anew now and then.
    private var lineal: [Entry] = []
    private var lineageBytes = 0
    /// What the entries hold.
    package private(set) var byteCount = 0

    private let capacity: Int
    private let endedCapacity: Int
    private let byteCapacity: Int
    /// A lineage has a few kilobytes, and a hundred times as many where somebody wants it to.
    private static let (lineageLimit, lineageByteLimit) = (256, 1 << 20)

    /// A class, so that whoever looks one up copies a reference.
    private final class Entry {
        let key: ProcessKey
        /// nil once it is forgotten: only a key is left for its children to refer to.
        var known: KnownProcess?
        /// Who it was born of.
        var parent: Entry?
        /// Of its children.
        var lineage: Lineage?
        var hasEnded = false
        var hasChildren = false

        init(_ known: KnownProcess, parent: Entry?) {
            key = known.key
            self.known = known
            self.parent = parent
        }
    }

    /// `byteCapacity` in bytes: an ordinary process takes 900.
    package init(capacity: Int = 16384, endedCapacity: Int = 2048, byteCapacity: Int = 6 << 20) {
        self.capacity = capacity
        self.endedCapacity = endedCapacity
        self.byteCapacity = byteCapacity
    }

    // So that no child takes a long line of ancestors with it, each from within the other.
    deinit { for entry in entries.values { entry.parent = nil } }

    package var count: Int { entries.count }

    // MARK: Feeding

    /// What /proc shows. Records know better: a process that is known already stays as it is.
    package mutating func seed(_ processes: [Process]) {
        // Parents may follow their children, so links are made when all are there.
        let new = processes.filter { entries[$0.key] == nil }
        for process in new { insert(process, program(of: process), parent: nil) }
        for process in new {
            guard let parent = parent(of: process) else { continue }
            entries[process.key]?.parent = parent
            parent.hasChildren = true
        }
    }

    /// Takes a record in.
    package mutating func observe(_ type: EventType, _ process: borrowing Process) -> Observation {
        switch type {
        case .fork:
            let parent = parent(of: process)
            // What the parent runs is shared.
            let inherited = parent?.known?.running
            insert(process, (process.sharedProgram == nil ? inherited : nil) ?? program(of: process), parent: parent)
            return .news(running: inherited)
        case .exec:
            if let entry = entry(process.key) {
                update(entry, process, program(of: process), parent: entry.parent ?? parent(of: process))
            } else {
                // It may have had children before it was known, or known again.
                forgetLineages()
                insert(process, program(of: process), parent: parent(of: process))
            }
            return .news(running: nil)
        case .exit:
            guard let entry = entry(process.key) else { return .news(running: nil) }
            guard !entry.hasEnded else { return .repetition }
            // It may be forgotten at once.
            let running = entry.known?.running
            end(entry)
            return .news(running: running)
        default: return .news(running: nil)
        }
    }

    package enum Observation {
        /// An end that was told before.
        case repetition
        /// With what the process runs, where that is known besides what the record tells.
        case news(running: KnownProgram?)
    }

    /// The owner of its parent's number, unless that is younger than the child, and so somebody else. Starts are
    /// compared in clock ticks: /proc knows no more.
    private func parent(of process: borrowing Process) -> Entry? {
        guard let parent = process.parentPid.flatMap({ owners[$0] }), parent.key != process.key,
            parent.key.startTicks <= process.key.startTicks
        else { return nil }
        return parent
    }

    private func program(of process: borrowing Process) -> KnownProgram {
        let isSpacious = byteCount < byteCapacity / 2
        return KnownProgram(
            process.sharedProgram, argumentBytes: isSpacious ? Lineage.parentArgumentBytes : Lineage.argumentBytes)
    }

    private mutating func entry(_ key: ProcessKey) -> Entry? {
        if let latest, latest.key == key, latest.known != nil { return latest }
        if let owner = owners[key.pid], owner.key == key { latest = owner } else { latest = entries[key] }
        return latest
    }

    private mutating func insert(_ process: borrowing Process, _ running: KnownProgram, parent: Entry?) {
        let known = KnownProcess(process, running: running)
        let entry = Entry(known, parent: parent)
        if let before = entries.updateValue(entry, forKey: entry.key) {
            entries[before.key] = before
            return update(before, process, running, parent: parent)
        }
        latest = entry
        use(known)
        parent?.hasChildren = true
        arrived.append(entry.key)
        own(entry)
        stayInBounds()
    }

    private mutating func update(_ entry: Entry, _ process: borrowing Process, _ running: KnownProgram, parent: Entry?)
    {
        // Its children have another parent now, and their children another grandparent.
        if entry.hasChildren { forgetLineages() }
        let known = KnownProcess(process, running: running)
        use(known)
        if let before = entry.known { leave(before) }
        entry.known = known
        entry.parent = parent
        parent?.hasChildren = true
        own(entry)
        stayInBounds()
    }

    private mutating func stayInBounds() {
        while entries.count > capacity || byteCount > byteCapacity,
            let oldest = ended.removeFirst() ?? arrived.removeFirst()
        {
            forget(oldest)
        }
    }

    private mutating func use(_ known: KnownProcess) {
        byteCount += known.byteCount
        if known.running.users == 0 { byteCount += known.running.byteCount }
        known.running.users += 1
    }

    private mutating func leave(_ known: KnownProcess) {
        byteCount -= known.byteCount
        known.running.users -= 1
        if known.running.users == 0 { byteCount -= known.running.byteCount }
    }

    /// The number is its own now. Was it another's, that one has ended, told or not.
    private mutating func own(_ entry: Entry) {
        guard let last = owners.updateValue(entry, forKey: entry.key.pid), last !== entry, !last.hasEnded else {
            return
        }
        noteEnd(of: last)
    }

    private mutating func end(_ entry: Entry) {
        if let owner = owners.index(forKey: entry.key.pid), owners[owner].value === entry { owners.remove(at: owner) }
        noteEnd(of: entry)
    }

    private mutating func noteEnd(of entry: Entry) {
        entry.hasEnded = true
        ended.append(entry.key)
        while ended.count > endedCapacity, let oldest = ended.removeFirst() { forget(oldest) }
    }

    private mutating func forget(_ key: ProcessKey) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        if let known = entry.known { leave(known) }
        entry.known = nil
        // Else whoever refers to it would keep a line of those before it.
        entry.parent = nil
        if owners[key.pid] === entry { owners[key.pid] = nil }
        if let lineage = entry.lineage {
            entry.lineage = nil
            lineageBytes -= lineage.byteCount
            lineal.removeAll { $0 === entry }
        }
        // Keys of forgotten entries stay in the order of arrival until they are many.
        if arrived.count > 2 * max(entries.count, 1024) { arrived.keep { entries[$0] != nil } }
    }

    // MARK: Asking

    /// Ends where the table knows no further.
    package mutating func lineage(of process: borrowing Process) -> Lineage {
        guard let parent = entry(process.key).flatMap({ origin(of: $0) }) ?? parent(of: process), parent.known != nil
        else {
            return .unknown
        }
        if let lineage = parent.lineage { return lineage }
        var ancestors: [Process] = []
        var next: Entry? = parent
        while ancestors.count < Lineage.depth, let entry = next, let known = entry.known {
            ancestors.append(known.process)
            next = origin(of: entry)
        }
        let lineage = Lineage(ancestors)
        if lineal.count >= Self.lineageLimit || lineageBytes >= Self.lineageByteLimit { forgetLineages() }
        lineageBytes += lineage.byteCount
        lineal.append(parent)
        parent.lineage = lineage
        parent.hasChildren = true
        return lineage
    }

    /// Its parent, which may have been forgotten and be known again.
    private func origin(of entry: Entry) -> Entry? {
        if let parent = entry.parent, parent.known == nil, let again = entries[parent.key] {
            entry.parent = again
            again.hasChildren = true
        }
        return entry.parent
    }

    private mutating func forgetLineages() {
        for entry in lineal { entry.lineage = nil }
        lineal.removeAll(keepingCapacity: true)
        lineageBytes = 0
    }
}
