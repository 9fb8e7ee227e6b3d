import TocsinEvents

/// The processes of a table, found by their keys and by their numbers.
///
/// They lie in one array and are neither objects nor copied: whoever looks at one counts no reference, which would be
/// done dozens of times for each start. A place is good until one is removed: then the last one takes the place that
/// is free.
///
/// Owns the memory: an array of the standard library would copy what is read of it, and the arrays of swift-collections
/// that do not cannot be compiled for the thread sanitizer (Swift 6.3).
struct ProcessPlaces: ~Copyable {
    private var entries: UnsafeMutablePointer<Entry> = .allocate(capacity: 0)
    private(set) var count = 0
    private var capacity = 0
    /// By their numbers, the youngest who had them.
    private var latest: [Int32: Int] = [:]
    /// Those whose number a younger one has.
    private var former: [ProcessKey: Int] = [:]
    /// Whoever is asked for is mostly the one that was asked for before.
    private var found = 0

    struct Entry: ~Copyable {
        var known: KnownProcess
        /// Who it was born of, known or not.
        var origin: Origin?
        /// Of its children.
        var lineage: Lineage?
        /// A lineage may tell of it.
        var isTold = false
        var hasEnded = false

        init(_ known: consuming KnownProcess, origin: Origin?) {
            self.known = known
            self.origin = origin
        }
    }

    struct Origin {
        let key: ProcessKey
        /// Where it was when that was noted, and where it mostly is.
        let place: Int
    }

    deinit {
        entries.deinitialize(count: count)
        entries.deallocate()
    }

    subscript(place: Int) -> Entry {
        _read {
            precondition((0..<count).contains(place), "nobody is there")
            yield entries[place]
        }
        _modify {
            precondition((0..<count).contains(place), "nobody is there")
            yield &entries[place]
        }
    }

    mutating func find(_ key: ProcessKey) -> Int? {
        if found < count, self[found].known.key == key { return found }
        guard let place = place(of: key) else { return nil }
        found = place
        return place
    }

    func find(_ origin: Origin) -> Int? {
        if origin.place < count, self[origin.place].known.key == origin.key { return origin.place }
        return place(of: origin.key)
    }

    /// Whoever is there, as an origin.
    func origin(_ place: Int) -> Origin { Origin(key: self[place].known.key, place: place) }

    private func place(of key: ProcessKey) -> Int? {
        if let place = latest[key.pid], self[place].known.key == key { return place }
        return former.isEmpty ? nil : former[key]
    }

    /// Who had the number when something began that it may have started: at `ticks`, unless its end was told.
    func owner(of pid: Int32, at ticks: UInt64) -> Int? {
        guard let last = latest[pid] else { return nil }
        if self[last].known.key.startTicks <= ticks { return self[last].hasEnded ? nil : last }
        // Only of what happened before the last owner was seen in /proc.
        return former.values
            .filter { entries[$0].known.key.pid == pid && entries[$0].known.key.startTicks <= ticks }
            .max { entries[$0].known.key.startTicks < entries[$1].known.key.startTicks }
            .flatMap { entries[$0].hasEnded ? nil : $0 }
    }

    /// - Parameter entry: of a process that is not there. Its number is its own now, unless a younger one has it: a
    ///   queue that was resumed tells of those who had the number before the owner that /proc showed.
    /// - Returns: who had the number before.
    mutating func append(_ entry: consuming Entry) -> Int? {
        let key = entry.known.key
        if count == capacity { grow() }
        found = count
        (entries + found).initialize(to: entry)
        count += 1
        guard let last = latest.updateValue(found, forKey: key.pid) else { return nil }
        let other = self[last].known.key
        guard other.startTicks < key.startTicks else {
            latest[key.pid] = last
            former[key] = found
            return nil
        }
        former[other] = last
        return last
    }

    mutating func remove(_ place: Int) -> Entry {
        let key = self[place].known.key
        if let index = latest.index(forKey: key.pid), latest.values[index] == place {
            latest.remove(at: index)
        } else {
            former[key] = nil
        }
        let entry = (entries + place).move()
        count -= 1
        if place != count {
            // The last one moves to where this one was.
            let moved = entries[count].known.key
            if latest[moved.pid] == count { latest[moved.pid] = place } else { former[moved] = place }
            (entries + place).moveInitialize(from: entries + count, count: 1)
        }
        return entry
    }

    private mutating func grow() {
        capacity = max(64, capacity * 2)
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        larger.moveInitialize(from: entries, count: count)
        entries.deallocate()
        entries = larger
    }
}
