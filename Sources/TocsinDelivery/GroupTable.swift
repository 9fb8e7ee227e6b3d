import JSON
internal import TocsinEvents

// What is left of groups when the daemon dies: they lie in the log's memory, before the ring. See `GroupLayout`.
//
// A group is owed each event that its filter lets pass and that no member has acknowledged. One word of every record
// has a bit for each group: the event was given and is not acknowledged. Behind the group's `next`, everything that
// passes the filter is still to be given. What the log pushed out before it was acknowledged is counted in the loss.
// So giving, acknowledging and losing are stores of single words, in an order of which each beginning makes sense:
//
// - to give: the bit, then `next`. A bit at or behind `next` says nothing.
// - to acknowledge: the bits are cleared in the order in which the events were given.
// - to lose: the loss, before `head` moves past the record. A bit up to the last event of the loss says nothing.

/// Where the log's memory keeps groups. Part of the layout that `EventLogLayout.version` numbers.
enum GroupLayout {
    /// One bit each in a record.
    static let count = 64
    static let bytes = 8192

    /// One word for each group in the header page, 0: free. Written last when a group is made, first when it is
    /// forgotten; rises from group to group.
    static let ordersOffset = 256

    static let uidOffset = 0
    static let nameLengthOffset = 4
    static let isRestrictedOffset = 6
    static let filterLengthOffset = 8
    /// Of all that is fixed when the group is made.
    static let checksumOffset = 16
    static let nextOffset = 24
    /// Which copy of the loss holds: 0 none, 1 the first, 2 the second. The other is free to be written.
    static let lossSelectorOffset = 32
    static let lossOffset = 40
    static let lossBytes = 40
    static let textOffset = 128
    static let textBytes = bytes - textOffset

    static func begin(_ index: Int) -> Int { EventLogLayout.groupsOffset + index * bytes }
}

/// A group as an earlier process left it.
struct KeptGroup {
    /// Its place in the table.
    var index: Int
    var key: GroupKey
    /// Rises with the age: the oldest has the lowest.
    var order: UInt64
    var filter: Filter
    var next: UInt64
    /// Given and not acknowledged, in order.
    var owed: [UInt64] = []
    var loss: Loss?
}

extension EventLog {
    // MARK: Writing

    /// Writes the group down. nil where the table is full, or the texts are too long for it.
    mutating func keepGroup(_ key: GroupKey, filter: Filter, next: UInt64) -> Int? {
        typealias Layout = GroupLayout
        let name = Array(key.name.utf8)
        var writer = JSONWriter()
        writer.value(filter.json)
        let text = writer.bytes
        var free: Int?
        var newest: UInt64 = 0
        for index in 0..<Layout.count {
            if groupOrder(index) == 0, free == nil { free = index }
            newest = max(newest, groupOrder(index))
        }
        guard name.count + text.count <= Layout.textBytes, let index = free else { return nil }
        let begin = Layout.begin(index)
        memory.store(key.uid, at: begin + Layout.uidOffset)
        memory.store(UInt16(name.count), at: begin + Layout.nameLengthOffset)
        memory.store(UInt16(key.isRestricted ? 1 : 0), at: begin + Layout.isRestrictedOffset)
        memory.store(UInt32(text.count), at: begin + Layout.filterLengthOffset)
        memory.store(UInt32(0), at: begin + Layout.filterLengthOffset + 4)
        memory.write(name.span, at: begin + Layout.textOffset)
        memory.write(text.span, at: begin + Layout.textOffset + name.count)
        memory.store(groupChecksum(index, textBytes: name.count + text.count), at: begin + Layout.checksumOffset)
        memory.store(next, at: begin + Layout.nextOffset)
        memory.store(UInt64(0), at: begin + Layout.lossSelectorOffset)
        memory.publish(newest + 1, at: Layout.ordersOffset + 8 * index)
        return index
    }

    /// - Parameter owed: its events whose bits are set; a later group at this place must not inherit them.
    mutating func forgetGroup(_ index: Int, owed: some Sequence<UInt64>) {
        memory.publish(0, at: GroupLayout.ordersOffset + 8 * index)
        for sequence in owed { settle(sequence, group: index) }
    }

    /// The event, the group's next, is given to a member.
    mutating func give(_ sequence: UInt64, group index: Int) {
        setBits(bits(of: sequence) | 1 << UInt64(index), of: sequence)
        memory.publish(sequence + 1, at: GroupLayout.begin(index) + GroupLayout.nextOffset)
    }

    /// The group is not owed the event any more. Nothing where it left the log.
    mutating func settle(_ sequence: UInt64, group index: Int) {
        guard contains(sequence) else { return }
        setBits(bits(of: sequence) & ~(1 << UInt64(index)), of: sequence)
    }

    func isOwed(_ sequence: UInt64, group index: Int) -> Bool { bits(of: sequence) & 1 << UInt64(index) != 0 }

    /// All that the group would have to be told of as missing.
    mutating func setLoss(_ loss: Loss?, group index: Int) {
        typealias Layout = GroupLayout
        let selector = Layout.begin(index) + Layout.lossSelectorOffset
        guard let loss else { return memory.publish(0, at: selector) }
        let copy: UInt64 = memory.load(UInt64.self, at: selector) == 1 ? 2 : 1
        let words = [loss.first, loss.last, loss.count, loss.time.realtimeUSec, loss.time.monotonicUSec]
        for (number, word) in words.enumerated() {
            memory.store(word, at: lossOffset(index, copy) + 8 * number)
        }
        memory.publish(copy, at: selector)
    }

    // MARK: Resuming

    /// The groups that an earlier process wrote down, oldest first. What it left half done is put right.
    ///
    /// A group that is not what was written is dropped: being killed does not do that.
    mutating func takeKeptGroups() -> [KeptGroup] {
        var groups: [KeptGroup] = []
        for index in 0..<GroupLayout.count where groupOrder(index) != 0 {
            if let group = keptGroup(index) {
                groups.append(group)
            } else {
                memory.publish(0, at: GroupLayout.ordersOffset + 8 * index)
            }
        }
        for sequence in oldestSequence..<nextSequence where bits(of: sequence) != 0 {
            var bits: UInt64 = 0
            for (number, group) in groups.enumerated() where isOwed(sequence, group: group.index) {
                guard sequence < group.next, sequence > group.loss?.last ?? 0 else { continue }
                bits |= 1 << UInt64(group.index)
                groups[number].owed.append(sequence)
            }
            setBits(bits, of: sequence)
        }
        return groups.sorted { $0.order < $1.order }
    }

    private func keptGroup(_ index: Int) -> KeptGroup? {
        typealias Layout = GroupLayout
        let begin = Layout.begin(index)
        let nameBytes = Int(memory.load(UInt16.self, at: begin + Layout.nameLengthOffset))
        let filterBytes = Int(memory.load(UInt32.self, at: begin + Layout.filterLengthOffset))
        guard nameBytes + filterBytes <= Layout.textBytes,
            memory.load(UInt64.self, at: begin + Layout.checksumOffset)
                == groupChecksum(index, textBytes: nameBytes + filterBytes)
        else { return nil }
        let text = begin + Layout.textOffset
        let name = memory.withBytes(at: text, count: nameBytes) { String(validating: $0.array, as: UTF8.self) }
        let json = memory.withBytes(at: text + nameBytes, count: filterBytes) { try? JSONValue(parsing: $0.array) }
        guard let name, let json, let filter = try? Filter(json: json) else { return nil }
        var group = KeptGroup(
            index: index,
            key: GroupKey(
                uid: memory.load(UInt32.self, at: begin + Layout.uidOffset), name: name,
                isRestricted: memory.load(UInt16.self, at: begin + Layout.isRestrictedOffset) != 0),
            order: groupOrder(index), filter: filter, next: memory.load(UInt64.self, at: begin + Layout.nextOffset),
            loss: loss(index))
        group.next = min(max(group.next, oldestSequence), nextSequence)
        // The oldest event was counted as lost, and the process died before it left the log.
        if let loss = group.loss { group.next = min(max(group.next, loss.last + 1), nextSequence) }
        return group
    }

    private func loss(_ index: Int) -> Loss? {
        typealias Layout = GroupLayout
        let copy = memory.load(UInt64.self, at: Layout.begin(index) + Layout.lossSelectorOffset)
        guard copy == 1 || copy == 2 else { return nil }
        var words: [UInt64] = []
        for number in 0..<5 { words.append(memory.load(UInt64.self, at: lossOffset(index, copy) + 8 * number)) }
        guard words[0] <= words[1], words[1] < nextSequence, words[2] > 0 else { return nil }
        return Loss(
            first: words[0], last: words[1], count: words[2],
            time: EventTime(realtimeUSec: words[3], monotonicUSec: words[4]))
    }

    // MARK: Private

    private func groupOrder(_ index: Int) -> UInt64 {
        memory.load(UInt64.self, at: GroupLayout.ordersOffset + 8 * index)
    }

    private func lossOffset(_ index: Int, _ copy: UInt64) -> Int {
        GroupLayout.begin(index) + GroupLayout.lossOffset + (copy == 2 ? GroupLayout.lossBytes : 0)
    }

    private func bits(of sequence: UInt64) -> UInt64 {
        memory.load(UInt64.self, at: record(sequence) + EventLogLayout.groupsOwedOffset)
    }

    private mutating func setBits(_ bits: UInt64, of sequence: UInt64) {
        memory.publish(bits, at: record(sequence) + EventLogLayout.groupsOwedOffset)
    }

    private func groupChecksum(_ index: Int, textBytes: Int) -> UInt64 {
        let begin = GroupLayout.begin(index)
        var hash = UInt64(textBytes)
        for word in 0..<2 { hash = EventLogLayout.mix(hash, memory.load(UInt64.self, at: begin + 8 * word)) }
        return memory.withBytes(at: begin + GroupLayout.textOffset, count: textBytes) { bytes in
            for index in bytes.indices { hash = EventLogLayout.mix(hash, UInt64(bytes[index])) }
            return hash
        }
    }
}

extension Span<UInt8> {
    fileprivate var array: [UInt8] { withUnsafeBytes { Array($0) } }
}
