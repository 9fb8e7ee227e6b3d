import DequeModule
package import TocsinEvents

/// The numbered events, as many of the newest as fit the memory.
///
/// Owns the memory and an index from numbers to records. Must not know who reads: before the oldest record is
/// overwritten, its owner looks at it (`mustEvict`, `evictOldest`), so that every loss is counted. Appending allocates
/// nothing once the index has grown to its size.
package struct EventLog: ~Copyable {
    /// One life of the log: cursors of another have expired.
    package let instance: UInt64
    /// Counts the processes that wrote this log, this one included; the first is 1.
    package let run: UInt64
    /// Bytes for records, without the passages that many of them have.
    package let capacity: Int
    /// Most bytes of one encoded event.
    package let maximumEventBytes: Int
    /// The number the next event gets; the first is 1.
    package private(set) var nextSequence: UInt64

    var memory: EventLogMemory
    /// Positions of the records, oldest first.
    var positions: Deque<UInt64>
    var passages: PassageTable
    private let ring: Int
    private var tail: UInt64

    /// An event may take an eighth of the log: with two paths of the greatest length and the space skipped at the end
    /// of the ring it then fits the smallest log, and one event never pushes out all the others.
    private static let largestShare = 8
    package static let minimumCapacity = 64 << 10
    /// What the memory holds besides records and their passages.
    package static let overheadBytes = PassageLayout.begin
    /// PATH_MAX; of a longer path, which the kernel does not give, filters see the beginning.
    static let maximumPathBytes = 4096
    package static let defaultMaximumEventBytes = 64 << 10

    /// Begins a new log; whatever the memory held is forgotten.
    ///
    /// - Parameters:
    ///   - instance: random.
    ///   - boot: a log is only resumed in the boot it was begun in.
    ///   - maximumEventBytes: made smaller where the memory demands it.
    package init(
        memory: consuming EventLogMemory, instance: UInt64, boot: BootID? = nil,
        maximumEventBytes: Int = defaultMaximumEventBytes
    ) throws(EventLogError) {
        let (slots, ring, capacity) = EventLogLayout.parts(of: memory.byteCount)
        guard capacity >= Self.minimumCapacity else {
            throw .tooSmall(minimumBytes: ring + Self.minimumCapacity)
        }
        memory.publish(0, at: EventLogLayout.magicOffset)
        memory.store(EventLogLayout.version, at: EventLogLayout.versionOffset)
        memory.store(instance, at: EventLogLayout.instanceOffset)
        memory.store(UInt64(ring), at: EventLogLayout.ringOffset)
        memory.store(UInt64(capacity), at: EventLogLayout.capacityOffset)
        memory.store(UInt64(0), at: EventLogLayout.headOffset)
        memory.store(UInt64(0), at: EventLogLayout.tailOffset)
        memory.store(UInt64(1), at: EventLogLayout.nextSequenceOffset)
        for source in 0..<EventLogLayout.sources {
            memory.store(UInt64(0), at: EventLogLayout.sourcePositionsOffset + 8 * source)
        }
        for group in 0..<GroupLayout.count {
            memory.store(UInt64(0), at: GroupLayout.ordersOffset + 8 * group)
        }
        memory.write(Self.text(of: boot).span, at: EventLogLayout.bootOffset)
        memory.store(UInt64(1), at: EventLogLayout.runOffset)
        memory.publish(EventLogLayout.magic, at: EventLogLayout.magicOffset)
        self.init(
            memory: memory, instance: instance, run: 1, ring: ring, capacity: capacity,
            maximumEventBytes: maximumEventBytes, tail: 0, nextSequence: 1, positions: [],
            passages: PassageTable(users: Array(repeating: 0, count: slots)))
    }

    init(
        memory: consuming EventLogMemory, instance: UInt64, run: UInt64, ring: Int, capacity: Int,
        maximumEventBytes: Int, tail: UInt64, nextSequence: UInt64, positions: Deque<UInt64>, passages: PassageTable
    ) {
        self.memory = memory
        self.instance = instance
        self.run = run
        self.ring = ring
        self.capacity = capacity
        self.maximumEventBytes = min(maximumEventBytes, capacity / Self.largestShare)
        self.tail = tail
        self.nextSequence = nextSequence
        self.positions = positions
        self.passages = passages
    }

    static func text(of boot: BootID?) -> [UInt8] {
        boot.map { Array($0.description.utf8) } ?? Array(repeating: 0, count: EventLogLayout.bootBytes)
    }

    /// Of the next event.
    package var nextCursor: Cursor { Cursor(instance: instance, sequence: nextSequence) }

    /// Number of the oldest event here; `nextSequence` where there is none.
    package var oldestSequence: UInt64 { nextSequence - UInt64(positions.count) }
    package var count: Int { positions.count }
    package var isEmpty: Bool { positions.isEmpty }
    /// Bytes of the records.
    package var usedBytes: Int { Int(tail - (positions.first ?? tail)) }
    /// Bytes in use, passages included.
    package var heldBytes: Int { usedBytes + passages.usedSlots * PassageLayout.bytes }
    /// Bytes for records and passages.
    package var totalCapacity: Int { capacity + passages.slotCount * PassageLayout.bytes }

    package func contains(_ sequence: UInt64) -> Bool { sequence >= oldestSequence && sequence < nextSequence }

    /// What the source has logged before: the position given with its latest event, 0 without any.
    package func position(ofSource source: Int) -> UInt64 {
        precondition((0..<EventLogLayout.sources).contains(source))
        return memory.load(UInt64.self, at: EventLogLayout.sourcePositionsOffset + 8 * source)
    }

    /// The source counts anew: what it logged before says nothing about its next records.
    package mutating func forgetPosition(ofSource source: Int) {
        precondition((0..<EventLogLayout.sources).contains(source))
        memory.publish(0, at: EventLogLayout.sourcePositionsOffset + 8 * source)
    }

    // MARK: Writing

    /// Whether the oldest event must go before `append` may be called with texts of these lengths.
    func mustEvict(path: Int, oldPath: Int, json: Int) -> Bool {
        let length = EventLogLayout.recordBytes(path: path, oldPath: oldPath, json: json)
        return usedBytes + skip(before: length) + length > capacity
    }

    mutating func evictOldest() {
        guard let position = positions.popFirst() else { return }
        let slot = passageSlot(at: offset(of: position))
        memory.publish(positions.first ?? tail, at: EventLogLayout.headOffset)
        if let slot { passages.leave(slot) }
    }

    /// Logs an event under `nextSequence`. There must be room, and the lengths must be within their bounds.
    ///
    /// - Parameters:
    ///   - passage: what was left out of the text.
    ///   - slot: where that was placed.
    mutating func append(
        _ facts: EventFacts, origin: EventOrigin?, path: Span<UInt8>, oldPath: Span<UInt8>, json: Span<UInt8>,
        passage: borrowing Passage, slot: Int?
    ) {
        typealias Layout = EventLogLayout
        let jsonBytes = json.count + (slot == nil ? passage.text.count : 0)
        let length = Layout.recordBytes(path: path.count, oldPath: oldPath.count, json: jsonBytes)
        let skipped = skip(before: length)
        if skipped > 0 { memory.store(Layout.skipMark, at: offset(of: tail) + Layout.markOffset) }
        let position = tail + UInt64(skipped)
        let record = offset(of: position)

        // The padding is within these eight bytes, and the checksum covers it.
        memory.store(UInt64(0), at: record + length - 8)
        memory.store(Layout.recordMark, at: record + Layout.markOffset)
        memory.store(UInt32(length), at: record + Layout.lengthOffset)
        memory.store(nextSequence, at: record + Layout.sequenceOffset)
        memory.store(UInt64(0), at: record + Layout.groupsOwedOffset)
        memory.store(facts.realtimeUSec, at: record + Layout.realtimeOffset)
        memory.store(facts.monotonicUSec, at: record + Layout.monotonicOffset)
        memory.store(origin?.position ?? 0, at: record + Layout.sourcePositionOffset)
        memory.store(facts.uid ?? Layout.unknownUID, at: record + Layout.uidOffset)
        memory.store(UInt32(jsonBytes), at: record + Layout.jsonLengthOffset)
        memory.store(UInt16(path.count), at: record + Layout.pathLengthOffset)
        memory.store(UInt16(oldPath.count), at: record + Layout.oldPathLengthOffset)
        memory.store(facts.typeCode, at: record + Layout.typeOffset)
        memory.store(facts.severity, at: record + Layout.severityOffset)
        memory.store(UInt8(origin.map { $0.source + 1 } ?? 0), at: record + Layout.sourceOffset)
        memory.store(UInt8(0), at: record + Layout.sourceOffset + 1)
        memory.store(UInt32(slot.map { $0 + 1 } ?? 0), at: record + Layout.passageSlotOffset)
        memory.store(UInt32(slot == nil ? 0 : passage.offset), at: record + Layout.passageOffset)
        let texts = record + Layout.recordHeaderBytes
        memory.write(path, at: texts)
        memory.write(oldPath, at: texts + path.count)
        let text = texts + path.count + oldPath.count
        if slot != nil || passage.text.isEmpty {
            memory.write(json, at: text)
        } else {
            memory.write(json.extracting(first: passage.offset), at: text)
            memory.write(passage.text.span, at: text + passage.offset)
            memory.write(json.extracting(droppingFirst: passage.offset), at: text + passage.offset + passage.text.count)
        }
        let checksum = Layout.checksum(
            memory, record: record, length: length, sequence: nextSequence,
            passage: Self.writtenChecksum(memory, slot))
        memory.store(checksum, at: record + Layout.checksumOffset)

        tail = position + UInt64(length)
        positions.append(position)
        nextSequence += 1
        memory.publish(tail, at: Layout.tailOffset)
        memory.publish(nextSequence, at: Layout.nextSequenceOffset)
        if let origin { memory.publish(origin.position, at: Layout.sourcePositionsOffset + 8 * origin.source) }
    }

    // MARK: Reading

    /// What filters look at. `sequence` must be contained.
    package func facts(of sequence: UInt64) -> EventFacts { facts(at: record(sequence)) }

    private func facts(at record: Int) -> EventFacts {
        let uid = memory.load(UInt32.self, at: record + EventLogLayout.uidOffset)
        return EventFacts(
            typeCode: memory.load(UInt8.self, at: record + EventLogLayout.typeOffset),
            severity: memory.load(UInt8.self, at: record + EventLogLayout.severityOffset),
            uid: uid == EventLogLayout.unknownUID ? nil : uid,
            realtimeUSec: memory.load(UInt64.self, at: record + EventLogLayout.realtimeOffset),
            monotonicUSec: memory.load(UInt64.self, at: record + EventLogLayout.monotonicOffset))
    }

    /// Whether the filter lets the event pass. `sequence` must be contained.
    package func matches(_ filter: borrowing CompiledFilter, _ sequence: UInt64) -> Bool {
        let record = self.record(sequence)
        let facts = facts(at: record)
        return filter.passes(facts) && (!filter.looksAtPaths || matchesPaths(filter, record, facts))
    }

    /// The same for an event whose facts are known.
    package func matches(_ filter: borrowing CompiledFilter, _ sequence: UInt64, _ facts: EventFacts) -> Bool {
        filter.passes(facts) && (!filter.looksAtPaths || matchesPaths(filter, record(sequence), facts))
    }

    private func matchesPaths(_ filter: borrowing CompiledFilter, _ record: Int, _ facts: EventFacts) -> Bool {
        let path = Int(memory.load(UInt16.self, at: record + EventLogLayout.pathLengthOffset))
        let oldPath = Int(memory.load(UInt16.self, at: record + EventLogLayout.oldPathLengthOffset))
        return memory.withBytes(at: record + EventLogLayout.recordHeaderBytes, count: path + oldPath) { texts in
            filter.matches(facts, path: texts.extracting(first: path), oldPath: texts.extracting(last: oldPath))
        }
    }

    /// Size of the encoded event. `sequence` must be contained.
    package func byteCount(of sequence: UInt64) -> Int {
        let record = self.record(sequence)
        return ownBytes(at: record) + passageBytes(at: record)
    }

    /// Without its passage.
    private func ownBytes(at record: Int) -> Int {
        Int(memory.load(UInt32.self, at: record + EventLogLayout.jsonLengthOffset))
    }

    /// The encoded event, where it lies: in several parts where it shares one with others. `sequence` must be
    /// contained.
    package func forEachPart(of sequence: UInt64, _ body: (Span<UInt8>) -> Void) {
        let record = self.record(sequence)
        let path = Int(memory.load(UInt16.self, at: record + EventLogLayout.pathLengthOffset))
        let oldPath = Int(memory.load(UInt16.self, at: record + EventLogLayout.oldPathLengthOffset))
        let text = record + EventLogLayout.recordHeaderBytes + path + oldPath
        let count = ownBytes(at: record)
        guard let slot = passageSlot(at: record) else { return memory.withBytes(at: text, count: count, body) }
        let before = Int(memory.load(UInt32.self, at: record + EventLogLayout.passageOffset))
        let passage = PassageLayout.begin(slot) + PassageLayout.textOffset
        memory.withBytes(at: text, count: before, body)
        memory.withBytes(at: passage, count: Self.passageBytes(memory, slot), body)
        memory.withBytes(at: text + before, count: count - before, body)
    }

    /// A copy of the encoded event. `sequence` must be contained.
    package func bytes(of sequence: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount(of: sequence))
        forEachPart(of: sequence) { part in part.withUnsafeBufferPointer { bytes.append(contentsOf: $0) } }
        return bytes
    }

    // MARK: Private

    /// Where the record lies; `sequence` must be contained.
    func record(_ sequence: UInt64) -> Int {
        precondition(contains(sequence), "an event was looked at after it left the log")
        return offset(of: positions[Int(sequence - oldestSequence)])
    }

    private func offset(of position: UInt64) -> Int { ring + Int(position % UInt64(capacity)) }

    /// Bytes left unused at the end of the ring because a record of `length` does not fit there.
    private func skip(before length: Int) -> Int {
        let rest = capacity - Int(tail % UInt64(capacity))
        return rest < length ? rest : 0
    }
}

package enum EventLogError: Error, Hashable {
    case tooSmall(minimumBytes: Int)
    /// Not a log, or one of another layout version.
    case unknownLayout(version: UInt32?)
    /// The header or a logged record is not what was written.
    case damaged(String)
    /// The machine was started anew since.
    case otherBoot
}

extension EventLogError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooSmall(let minimum): "the event log needs \(minimum) bytes"
        case .unknownLayout(let version?): "the event log has layout \(version), not \(EventLogLayout.version)"
        case .unknownLayout(nil): "the memory holds no event log"
        case .damaged(let finding): "the event log is damaged: \(finding)"
        case .otherBoot: "the event log is from before the machine was started anew"
        }
    }
}
