/// Values that stay where they are: each has a number, by which it is found without hashing. A number is given again
/// once its value was removed.
///
/// Owns the memory, and hands out values only where they lie: what cannot be copied is never copied by accident, and
/// the references in it are not counted for each event.
struct Slots<Element: ~Copyable>: ~Copyable {
    private var values: UnsafeMutablePointer<Element>
    private var capacity = 0
    /// For each slot that was ever used, whether it holds a value.
    private var isTaken: [Bool] = []
    private var free: [Int] = []

    init() { values = .allocate(capacity: 0) }

    deinit {
        for slot in isTaken.indices where isTaken[slot] { (values + slot).deinitialize(count: 1) }
        values.deallocate()
    }

    /// All slots, free ones among them.
    var indices: Range<Int> { isTaken.indices }

    func contains(_ slot: Int) -> Bool { isTaken.indices.contains(slot) && isTaken[slot] }

    mutating func insert(_ value: consuming Element) -> Int {
        let slot = free.popLast() ?? isTaken.count
        if slot == isTaken.count {
            if slot == capacity { grow() }
            isTaken.append(false)
        }
        (values + slot).initialize(to: value)
        isTaken[slot] = true
        return slot
    }

    mutating func remove(_ slot: Int) -> Element {
        precondition(isTaken[slot], "an empty slot was emptied")
        isTaken[slot] = false
        free.append(slot)
        return (values + slot).move()
    }

    /// The value in a slot that is not free.
    subscript(slot: Int) -> Element {
        @inline(__always) _read {
            precondition(isTaken[slot], "an empty slot was read")
            yield values[slot]
        }
        @inline(__always) _modify {
            precondition(isTaken[slot], "an empty slot was changed")
            yield &values[slot]
        }
    }

    private mutating func grow() {
        capacity = max(4, capacity * 2)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        for slot in isTaken.indices where isTaken[slot] { (larger + slot).initialize(to: (values + slot).move()) }
        values.deallocate()
        values = larger
    }
}
