internal import TocsinEvents

/// Which passages the log keeps apart from its events, in which slot, and how many events have each.
///
/// Pure: the texts are in the log's memory (`EventLogPassages`). A slot is given to a passage that comes a second time
/// soon, as most that come once never do again, and is free when the last event that has it has left the log.
struct PassageTable {
    private struct Slot {
        /// 0: none that would be known by its number, as after a restart.
        var number: UInt64 = 0
        /// Events in the log that have it.
        var users = 0
    }

    private struct Recent {
        var number: UInt64 = 0
        var slot: Int?
    }

    private var slots: [Slot]
    private var free: [Int]
    /// By the numbers' remainders: those that came lately. Whose place another has taken counts as new, and may take
    /// another slot. There are as many as lineages are shared at a time, each with that of its ends.
    private var recent = Array(repeating: Recent(), count: 512)

    /// - Parameter users: of each slot.
    init(users: [Int]) {
        slots = users.map { Slot(users: $0) }
        free = users.indices.reversed().filter { users[$0] == 0 }
    }

    var slotCount: Int { slots.count }
    var usedSlots: Int { slots.count - free.count }

    enum Place: Hashable {
        /// In the event itself: it is new, or there is no free slot.
        case inline
        /// In a slot that has its text.
        case kept(Int)
        /// In a slot into which its text must be written.
        case new(Int)
    }

    /// Where the passage of one more event is kept. Numbers are not 0.
    mutating func place(_ number: UInt64) -> Place {
        let index = Int(number % UInt64(recent.count))
        guard recent[index].number == number else {
            recent[index] = Recent(number: number)
            return .inline
        }
        if let slot = recent[index].slot, slots[slot].number == number {
            slots[slot].users += 1
            return .kept(slot)
        }
        guard let slot = free.popLast() else { return .inline }
        slots[slot] = Slot(number: number, users: 1)
        recent[index].slot = slot
        return .new(slot)
    }

    /// An event that has it leaves the log.
    mutating func leave(_ slot: Int) {
        slots[slot].users -= 1
        guard slots[slot].users == 0 else { return }
        slots[slot].number = 0
        free.append(slot)
    }
}
