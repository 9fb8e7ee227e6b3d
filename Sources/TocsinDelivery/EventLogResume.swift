import DequeModule
package import TocsinEvents

extension EventLog {
    /// Takes up a log that another process left in `memory`: same instance, same events, next number.
    ///
    /// A process killed in the middle of an append leaves a record that `tail` does not include; it was never logged,
    /// nobody was given it, and its number is used again. Damage before `tail` cannot come from being killed: then the
    /// memory is not to be trusted, and the caller begins anew, with a gap of origin `restart`.
    ///
    /// - Parameter boot: as it was given when the log was begun.
    package init(
        resuming memory: consuming EventLogMemory, boot: BootID? = nil,
        maximumEventBytes: Int = defaultMaximumEventBytes
    ) throws(EventLogError) {
        typealias Layout = EventLogLayout
        guard memory.load(UInt64.self, at: Layout.magicOffset) == Layout.magic else {
            throw .unknownLayout(version: nil)
        }
        let version = memory.load(UInt32.self, at: Layout.versionOffset)
        guard version == Layout.version else { throw .unknownLayout(version: version) }
        let isOfThisBoot = memory.withBytes(at: Layout.bootOffset, count: Layout.bootBytes) { bytes in
            let expected = Self.text(of: boot)
            return bytes.indices.allSatisfy { bytes[$0] == expected[$0] }
        }
        guard isOfThisBoot else { throw .otherBoot }
        let instance = memory.load(UInt64.self, at: Layout.instanceOffset)
        let (slots, ring, capacity) = Layout.parts(of: memory.byteCount)
        guard memory.load(UInt64.self, at: Layout.ringOffset) == UInt64(ring),
            memory.load(UInt64.self, at: Layout.capacityOffset) == UInt64(capacity), capacity >= Self.minimumCapacity
        else { throw .damaged("the header names another size than the memory has") }
        let head = memory.load(UInt64.self, at: Layout.headOffset)
        let tail = memory.load(UInt64.self, at: Layout.tailOffset)
        guard head <= tail, tail - head <= UInt64(capacity), head.isMultiple(of: 8), tail.isMultiple(of: 8),
            tail < 1 << 62
        else { throw .damaged("head \(head) and tail \(tail) do not fit") }

        var positions: Deque<UInt64> = []
        var users = Array(repeating: 0, count: slots)
        var position = head
        var expected: UInt64?
        while position < tail {
            let offset = ring + Int(position % UInt64(capacity))
            let rest = ring + capacity - offset
            if memory.load(UInt32.self, at: offset) == Layout.skipMark {
                position += UInt64(rest)
                continue
            }
            let sequence = try Self.verify(
                memory, record: offset, limit: min(rest, Int(tail - position)), slots: slots)
            guard sequence == expected ?? sequence else {
                throw .damaged("event \(sequence) lies where \(expected ?? 0) should")
            }
            if let slot = Self.passageSlot(memory, offset) {
                guard users[slot] > 0 || Self.isIntact(memory, passage: slot) else {
                    throw .damaged("the passage that event \(sequence) has is not what was written")
                }
                users[slot] += 1
            }
            expected = sequence + 1
            positions.append(position)
            position += UInt64(memory.load(UInt32.self, at: offset + Layout.lengthOffset))
        }
        guard position == tail else { throw .damaged("the last record ends behind the tail") }

        // `nextSequence` is written after `tail`: killed between the two, the records know better.
        let announced = memory.load(UInt64.self, at: Layout.nextSequenceOffset)
        let nextSequence = expected ?? announced
        guard nextSequence > 0, nextSequence < 1 << 62, announced == nextSequence || announced == nextSequence - 1
        else {
            throw .damaged("the next number is \(announced), the one after the last event \(nextSequence)")
        }
        if let last = positions.last {
            let record = ring + Int(last % UInt64(capacity))
            let source = Int(memory.load(UInt8.self, at: record + Layout.sourceOffset))
            if source > 0 {
                let reached = memory.load(UInt64.self, at: record + Layout.sourcePositionOffset)
                memory.publish(reached, at: Layout.sourcePositionsOffset + 8 * (source - 1))
            }
        }
        memory.publish(nextSequence, at: Layout.nextSequenceOffset)
        let run = memory.load(UInt64.self, at: Layout.runOffset) &+ 1
        memory.publish(run, at: Layout.runOffset)
        self.init(
            memory: memory, instance: instance, run: run, ring: ring, capacity: capacity,
            maximumEventBytes: maximumEventBytes, tail: tail, nextSequence: nextSequence, positions: positions,
            passages: PassageTable(users: users))
    }

    /// The number of the record at `offset`, of which at most `limit` bytes may be logged.
    private static func verify(
        _ memory: borrowing EventLogMemory, record: Int, limit: Int, slots: Int
    ) throws(EventLogError) -> UInt64 {
        typealias Layout = EventLogLayout
        guard limit >= Layout.recordHeaderBytes, memory.load(UInt32.self, at: record) == Layout.recordMark else {
            throw .damaged("no record at byte \(record)")
        }
        let length = Int(memory.load(UInt32.self, at: record + Layout.lengthOffset))
        let texts = (
            Int(memory.load(UInt16.self, at: record + Layout.pathLengthOffset)),
            Int(memory.load(UInt16.self, at: record + Layout.oldPathLengthOffset)),
            Int(memory.load(UInt32.self, at: record + Layout.jsonLengthOffset))
        )
        let sequence = memory.load(UInt64.self, at: record + Layout.sequenceOffset)
        let slot = passageSlot(memory, record)
        guard slot.map({ $0 < slots }) ?? true, length <= limit,
            length == Layout.recordBytes(path: texts.0, oldPath: texts.1, json: texts.2),
            Int(memory.load(UInt32.self, at: record + Layout.passageOffset)) <= texts.2,
            sequence > 0, sequence < .max, memory.load(UInt8.self, at: record + Layout.sourceOffset) <= Layout.sources,
            memory.load(UInt64.self, at: record + Layout.checksumOffset)
                == Layout.checksum(
                    memory, record: record, length: length, sequence: sequence, passage: writtenChecksum(memory, slot))
        else { throw .damaged("the record at byte \(record) is not what was written") }
        return sequence
    }
}
