internal import TocsinEvents

// What many events have in their texts, such as their ancestors, lies in the log's memory once, in a slot of its own
// before the ring. An event tells its slot and where in its text the passage belongs.
//
// A slot is written while no logged event has it, and before the first that has it is logged: so a process killed at
// any store leaves every logged event its text.

/// Where the log's memory keeps passages. Part of the layout that `EventLogLayout.version` numbers.
enum PassageLayout {
    static let bytes = 4096
    static let begin = EventLogLayout.groupsOffset + GroupLayout.count * GroupLayout.bytes

    static let checksumOffset = 0
    static let lengthOffset = 8
    static let textOffset = 16

    /// Of one passage. A longer one is a part of each of its events, and so is a short one, such as the parent that an
    /// end tells of: there are more of them than slots, and others save more.
    static let textBytes = 1024...bytes - textOffset

    /// They take an eighth of what a log has beyond the least.
    static func count(in bytes: Int) -> Int { max(bytes - begin - EventLog.minimumCapacity, 0) / 8 / self.bytes }

    static func begin(_ slot: Int) -> Int { begin + slot * bytes }
}

extension EventLog {
    /// Decides where the passage of the event that is logged next is kept, and writes it there: in the slot, or, where
    /// there is none, in the event itself.
    mutating func place(_ passage: borrowing Passage) -> Int? {
        guard PassageLayout.textBytes.contains(passage.text.count) else { return nil }
        switch passages.place(passage.number) {
        case .inline: return nil
        case .kept(let slot): return slot
        case .new(let slot):
            let begin = PassageLayout.begin(slot)
            memory.write(passage.text.span, at: begin + PassageLayout.textOffset)
            memory.store(UInt64(passage.text.count), at: begin + PassageLayout.lengthOffset)
            memory.store(Self.passageChecksum(memory, slot), at: begin + PassageLayout.checksumOffset)
            return slot
        }
    }

    /// Bytes of the passage; 0 without one.
    func passageBytes(at record: Int) -> Int {
        passageSlot(at: record).map { Self.passageBytes(memory, $0) } ?? 0
    }

    func passageSlot(at record: Int) -> Int? { Self.passageSlot(memory, record) }

    static func passageSlot(_ memory: borrowing EventLogMemory, _ record: Int) -> Int? {
        let slot = memory.load(UInt32.self, at: record + EventLogLayout.passageSlotOffset)
        return slot == 0 ? nil : Int(slot) - 1
    }

    static func passageBytes(_ memory: borrowing EventLogMemory, _ slot: Int) -> Int {
        Int(memory.load(UInt64.self, at: PassageLayout.begin(slot) + PassageLayout.lengthOffset))
    }

    /// Whether the slot has what was written. Its length is not to be trusted.
    static func isIntact(_ memory: borrowing EventLogMemory, passage slot: Int) -> Bool {
        let length = memory.load(UInt64.self, at: PassageLayout.begin(slot) + PassageLayout.lengthOffset)
        return length <= UInt64(PassageLayout.textBytes.upperBound)
            && writtenChecksum(memory, slot) == passageChecksum(memory, slot)
    }

    /// What a record's checksum covers of its passage: so a record knows its own from another. 0 without one.
    static func writtenChecksum(_ memory: borrowing EventLogMemory, _ slot: Int?) -> UInt64 {
        guard let slot else { return 0 }
        return memory.load(UInt64.self, at: PassageLayout.begin(slot) + PassageLayout.checksumOffset)
    }

    private static func passageChecksum(_ memory: borrowing EventLogMemory, _ slot: Int) -> UInt64 {
        let begin = PassageLayout.begin(slot)
        let length = passageBytes(memory, slot)
        return memory.withBytes(at: begin + PassageLayout.textOffset, count: length) { text in
            var hash = EventLogLayout.mix(UInt64(slot), UInt64(length))
            for index in text.indices { hash = EventLogLayout.mix(hash, UInt64(text[index])) }
            return hash
        }
    }
}
