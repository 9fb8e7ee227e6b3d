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
    private var places = ProcessPlaces()
    /// In the order of their ends; those that are gone are skipped.
    private var ended = KeyQueue()
    private var arrived = KeyQueue()
    /// Those that have a lineage for their children. None is out of date; those of a few are made anew now and then.
    private var lineal: [ProcessKey] = []
    private var lineageBytes = 0
    /// What the processes take.
    package private(set) var byteCount = 0

    private let capacity: Int
    private let endedCapacity: Int
    private let byteCapacity: Int
    /// A lineage has a few kilobytes, and a hundred times as many where somebody wants it to.
    private static let (lineageLimit, lineageByteLimit) = (256, 1 << 20)

    /// `byteCapacity` in bytes: an ordinary process takes 700.
    package init(capacity: Int = 16384, endedCapacity: Int = 2048, byteCapacity: Int = 6 << 20) {
        self.capacity = capacity
        self.endedCapacity = endedCapacity
        self.byteCapacity = byteCapacity
    }

    package var count: Int { places.count }

    // MARK: Feeding

    /// What /proc shows. Records know better: a process that is known already stays as it is.
    package mutating func seed(_ processes: [Process]) {
        // Parents may follow their children, so links are made when all are there.
        var new: [Process] = []
        for process in processes where places.find(process.key) == nil { new.append(process) }
        for process in new { insert(process, program(of: process), origin: nil) }
        for process in new {
            guard let place = places.find(process.key) else { continue }
            places[place].origin = parent(of: process).map { places.origin($0) }
        }
    }

    /// Takes a record in.
    package mutating func observe(_ type: EventType, _ process: borrowing Process) -> Observation {
        switch type {
        case .fork:
            guard let parent = parent(of: process) else {
                insert(process, program(of: process), origin: nil)
                return .news(running: nil)
            }
            // What the parent runs is shared.
            let inherited = places[parent].known.running
            let running = process.sharedProgram == nil ? inherited : program(of: process)
            insert(process, running, origin: places.origin(parent))
            return .news(running: inherited)
        case .exec:
            let running = program(of: process)
            if let place = places.find(process.key) {
                let origin = places[place].origin ?? parent(of: process).map { places.origin($0) }
                update(place, process, running, origin: origin)
            } else {
                // It may have had children before it was known, or known again.
                forgetLineages()
                insert(process, running, origin: parent(of: process).map { places.origin($0) })
            }
            return .news(running: nil)
        case .exit:
            guard let place = places.find(process.key) else { return .news(running: nil) }
            guard !places[place].hasEnded else { return .repetition }
            // It may be forgotten at once.
            let running = places[place].known.running
            end(place)
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

    /// The owner of its parent's number, but none that is younger than the child, and so somebody else. Starts are
    /// compared in clock ticks: /proc knows no more.
    private func parent(of process: borrowing Process) -> Int? {
        let key = process.key
        guard let parentPid = process.parentPid, let place = places.owner(of: parentPid, at: key.startTicks),
            places[place].known.key != key
        else { return nil }
        return place
    }

    private func program(of process: borrowing Process) -> KnownProgram {
        let isSpacious = byteCount < byteCapacity / 2
        return KnownProgram(
            process.sharedProgram, argumentBytes: isSpacious ? Lineage.parentArgumentBytes : Lineage.argumentBytes)
    }

    private mutating func insert(
        _ process: borrowing Process, _ running: consuming KnownProgram, origin: ProcessPlaces.Origin?
    ) {
        if let place = places.find(process.key) { return update(place, process, running, origin: origin) }
        let known = KnownProcess(process, running: running)
        use(known)
        arrived.append(known.key)
        // Whoever had the number has ended, told or not.
        if let former = places.append(ProcessPlaces.Entry(known, origin: origin)), !places[former].hasEnded {
            end(former)
        }
        stayInBounds()
    }

    private mutating func update(
        _ place: Int, _ process: borrowing Process, _ running: consuming KnownProgram, origin: ProcessPlaces.Origin?
    ) {
        if places[place].isTold { forgetLineages() }
        var known = KnownProcess(process, running: running)
        use(known)
        swap(&places[place].known, &known)
        leave(known)
        places[place].origin = origin
        stayInBounds()
    }

    private mutating func stayInBounds() {
        while count > capacity || byteCount > byteCapacity, let oldest = ended.removeFirst() ?? arrived.removeFirst() {
            forget(oldest)
        }
    }

    private mutating func use(_ known: borrowing KnownProcess) {
        byteCount += known.byteCount
        if known.running.users == 0 { byteCount += known.running.byteCount }
        known.running.users += 1
    }

    private mutating func leave(_ known: borrowing KnownProcess) {
        byteCount -= known.byteCount
        known.running.users -= 1
        if known.running.users == 0 { byteCount -= known.running.byteCount }
    }

    private mutating func end(_ place: Int) {
        places[place].hasEnded = true
        ended.append(places[place].known.key)
        while ended.count > endedCapacity, let oldest = ended.removeFirst() { forget(oldest) }
    }

    private mutating func forget(_ key: ProcessKey) {
        guard let place = places.find(key) else { return }
        let entry = places.remove(place)
        leave(entry.known)
        if let lineage = entry.lineage {
            lineageBytes -= lineage.byteCount
            lineal.removeAll { $0 == key }
        }
        // Keys of those that were forgotten stay in the order of arrival until they are many.
        if arrived.count > 2 * max(count, 1024) { arrived.keep { places.find($0) != nil } }
    }

    // MARK: Asking

    /// Ends where the table knows no further.
    package mutating func lineage(of process: borrowing Process) -> Lineage {
        let origin = places.find(process.key).flatMap { places[$0].origin }
        guard let parent = origin.map({ places.find($0) }) ?? parent(of: process) else { return .unknown }
        if let lineage = places[parent].lineage { return lineage }
        var ancestors: [Process] = []
        var next: Int? = parent
        while ancestors.count < Lineage.depth, let place = next {
            ancestors.append(places[place].known.process)
            places[place].isTold = true
            next = places[place].origin.flatMap { places.find($0) }
        }
        let lineage = Lineage(ancestors)
        if lineal.count >= Self.lineageLimit || lineageBytes >= Self.lineageByteLimit { forgetLineages() }
        lineageBytes += lineage.byteCount
        lineal.append(places[parent].known.key)
        places[parent].lineage = lineage
        return lineage
    }

    private mutating func forgetLineages() {
        for key in lineal {
            guard let place = places.find(key) else { continue }
            places[place].lineage = nil
        }
        lineal.removeAll(keepingCapacity: true)
        lineageBytes = 0
    }
}
