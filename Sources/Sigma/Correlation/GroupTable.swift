/// The groups of one correlation, with a bound: the one that was touched longest ago makes room.
///
/// A dictionary into slots that form a doubly linked list, so that every step takes constant time. Dictionaries are
/// seeded at random, so no choice of values makes keys collide.
struct GroupTable<State: Sendable>: Sendable {
    private struct Slot: Sendable {
        var key: GroupKey
        var state: State
        var older: Int
        var newer: Int
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var indexes: [GroupKey: Int] = [:]
    private var oldest = -1
    private var newest = -1

    var count: Int { indexes.count }

    /// The slot of a key, made by `initial` where there is none.
    mutating func slot(of key: GroupKey, initial: () -> State) -> Int {
        if let index = indexes[key] { return index }
        let slot = Slot(key: key, state: initial(), older: newest, newer: -1)
        let index: Int
        if let reused = free.popLast() {
            slots[reused] = slot
            index = reused
        } else {
            slots.append(slot)
            index = slots.count - 1
        }
        if newest >= 0 { slots[newest].newer = index } else { oldest = index }
        newest = index
        indexes[key] = index
        return index
    }

    subscript(_ index: Int) -> State {
        get { slots[index].state }
        _modify { yield &slots[index].state }
    }

    mutating func touch(_ index: Int) {
        guard index != newest else { return }
        unlink(index)
        slots[index].older = newest
        slots[index].newer = -1
        if newest >= 0 { slots[newest].newer = index } else { oldest = index }
        newest = index
    }

    var oldestSlot: Int? { oldest >= 0 ? oldest : nil }

    mutating func remove(_ index: Int, empty: State) {
        unlink(index)
        indexes[slots[index].key] = nil
        slots[index].key = GroupKey()
        slots[index].state = empty
        free.append(index)
    }

    private mutating func unlink(_ index: Int) {
        let (older, newer) = (slots[index].older, slots[index].newer)
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
        if newer >= 0 { slots[newer].older = older } else { newest = older }
    }
}

/// The values of some fields as one key. Long values are cut and told apart by a hash, so that a key stays small.
struct GroupKey: Hashable, Sendable {
    private var bytes: [UInt8] = []

    private static let longest = 256

    init() {}

    /// nil where the event lacks one of the fields.
    init?(_ fields: [FieldID], of event: borrowing FieldValues) {
        for field in fields {
            guard let text = event.text(of: field) else { return nil }
            withUnsafeBytes(of: UInt32(clamping: text.count)) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: text.prefix(Self.longest))
            guard text.count > Self.longest else { continue }
            // Hasher is seeded for each process: nobody outside can make two values alike.
            for salt in 0..<2 {
                var hasher = Hasher()
                hasher.combine(salt)
                text.withUnsafeBytes { hasher.combine(bytes: $0) }
                withUnsafeBytes(of: hasher.finalize()) { bytes.append(contentsOf: $0) }
            }
        }
    }
}
