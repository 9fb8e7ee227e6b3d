import TestKit
import Testing
import TocsinEvents

@testable import TocsinDelivery

@Suite struct EventLogResumeTests {
    private func append(_ log: inout EventLog, bytes: Int, passage: borrowing Passage = Passage()) {
        let json = [UInt8](repeating: UInt8(truncatingIfNeeded: log.nextSequence), count: bytes)
        let facts = EventFacts(typeCode: 0, severity: 0, uid: 1, realtimeUSec: log.nextSequence, monotonicUSec: 0)
        let slot = log.place(passage)
        let jsonBytes = bytes + (slot == nil ? passage.text.count : 0)
        while log.mustEvict(path: 0, oldPath: 0, json: jsonBytes) { log.evictOldest() }
        let none: [UInt8] = []
        let origin = EventOrigin(source: Int(log.nextSequence % 3), position: 100 + log.nextSequence)
        log.append(
            facts, origin: origin, path: none.span, oldPath: none.span, json: json.span, passage: passage, slot: slot)
    }

    /// A log that has wrapped.
    private func filled(_ region: Region, events: Int = 300) throws -> (oldest: UInt64, next: UInt64) {
        var log = try EventLog(memory: region.memory(), instance: 0xAB)
        for number in 0..<events { append(&log, bytes: 300 + number % 700, passage: passage(of: number)) }
        return (log.oldestSequence, log.nextSequence)
    }

    /// Of every third event, another one after each thirty.
    private func passage(of number: Int) -> Passage {
        guard number.isMultiple(of: 3) else { return Passage() }
        let text = [UInt8](repeating: UInt8(truncatingIfNeeded: number / 30), count: 1100 + number / 30)
        return Passage(number: 1 + UInt64(number / 30), text: text, offset: number % 300)
    }

    @Test("a log is resumed with its instance, numbers, events and the positions of its sources")
    func resumes() throws {
        let region = Region(passages: 12)
        let before = try filled(region)
        var log = try EventLog(resuming: region.memory())
        #expect(log.instance == 0xAB)
        #expect(log.oldestSequence == before.oldest && log.nextSequence == before.next)
        for sequence in log.oldestSequence..<log.nextSequence {
            #expect(log.facts(of: sequence).realtimeUSec == sequence)
            let own = [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: 300 + Int(sequence - 1) % 700)
            let passage = passage(of: Int(sequence - 1))
            #expect(log.bytes(of: sequence) == passage.joined(with: own))
        }
        for source in 0..<3 {
            let latest = (before.next - 3..<before.next).first { Int($0 % 3) == source }
            #expect(log.position(ofSource: source) == 100 + (latest ?? 0))
        }
        append(&log, bytes: 50)
        #expect(log.nextSequence == before.next + 1)
    }

    @Test("an empty log that has evicted everything still knows its next number")
    func resumesEmpty() throws {
        let region = Region()
        do {
            var log = try EventLog(memory: region.memory(), instance: 1)
            for _ in 1...4 { append(&log, bytes: 100) }
            while !log.isEmpty { log.evictOldest() }
        }
        let log = try EventLog(resuming: region.memory())
        #expect(log.isEmpty && log.nextSequence == 5)
    }

    @Test("a log of another boot is not resumed")
    func otherBoot() throws {
        let region = Region()
        let boot = try #require(BootID("0f7e5c9c-3c5a-4f19-8c0b-4d1fb9b6f3a1"))
        let other = try #require(BootID("0f7e5c9c-3c5a-4f19-8c0b-4d1fb9b6f3a2"))
        do { _ = try EventLog(memory: region.memory(), instance: 1, boot: boot) }
        #expect(throws: EventLogError.otherBoot) { _ = try EventLog(resuming: region.memory(), boot: other) }
        #expect(throws: EventLogError.otherBoot) { _ = try EventLog(resuming: region.memory()) }
        #expect(try EventLog(resuming: region.memory(), boot: boot).instance == 1)
    }

    @Test("each process that resumes a log knows that it is another, so names of sessions never come again")
    func runs() throws {
        let region = Region()
        do {
            let log = try EventLog(memory: region.memory(), instance: 1)
            #expect(log.run == 1)
        }
        var names: Set<String> = []
        for run in UInt64(2)...4 {
            let log = try EventLog(resuming: region.memory())
            #expect(log.run == run)
            var delivery = Delivery(log: log)
            delivery.connectionOpened(ConnectionID(1, slot: 0), peer: Peer(uid: 0, pid: 1))
            names.insert(try delivery.open(ConnectionID(1, slot: 0), OpenRequest()).session)
        }
        #expect(names.count == 3)
    }

    @Test("killed after any number of the stores of an append, the log resumes with or without the event")
    func killedAnywhere() throws {
        let region = Region()
        _ = try filled(region)
        let before = region.bytes
        do {
            var log = try EventLog(resuming: region.memory())
            append(&log, bytes: 900)
        }
        let after = region.bytes
        let resumed = try EventLog(resuming: region.memory())
        let (oldest, next) = (resumed.oldestSequence, resumed.nextSequence)

        // The four steps of the commit order; within the second, the record is there up to any byte.
        let header = 0..<EventLog.overheadBytes
        var memory = before
        func copy(_ range: Range<Int>) { memory.replaceSubrange(range, with: after[range]) }
        func check(_ expected: UInt64, _ step: String) throws {
            region.bytes = memory
            let log = try EventLog(resuming: region.memory())
            #expect(log.nextSequence == expected, "\(step)")
            #expect(log.oldestSequence <= oldest)
            if log.nextSequence == next {
                let source = Int((next - 1) % 3)
                #expect(log.position(ofSource: source) == 100 + next - 1, "\(step)")
            }
        }
        copy(EventLogLayout.headOffset..<EventLogLayout.headOffset + 8)
        try check(next - 1, "head")
        let changed = memory.indices.filter { !header.contains($0) && memory[$0] != after[$0] }
        for (count, index) in changed.enumerated() {
            memory[index] = after[index]
            if count.isMultiple(of: 64) || count == changed.count - 1 { try check(next - 1, "byte \(index)") }
        }
        copy(EventLogLayout.tailOffset..<EventLogLayout.tailOffset + 8)
        try check(next, "tail")
        copy(EventLogLayout.nextSequenceOffset..<EventLogLayout.nextSequenceOffset + 8)
        try check(next, "nextSequence")
        copy(header)
        #expect(memory == after)
    }

    @Test("one changed bit anywhere in the logged records is found, but for what changes in their life")
    func flippedBit() throws {
        let region = Region(passages: 2)
        _ = try filled(region, events: 20)
        let good = region.bytes
        let ring = PassageLayout.begin(2)
        let used = Int(region.word(EventLogLayout.tailOffset))
        // Which groups are owed an event changes after it was logged, so no checksum covers it.
        var changeable: Set<Int> = []
        var record = ring
        while record < ring + used {
            changeable.formUnion((0..<8).map { record + EventLogLayout.groupsOwedOffset + $0 })
            record += Int(region.word(record + EventLogLayout.markOffset) >> 32)
        }
        var generator = SeededGenerator(seed: 11)
        // The passage of most of the events whose number is a multiple of three; their second one was its first user.
        let passage = PassageLayout.begin(0)..<PassageLayout.begin(0) + PassageLayout.textOffset + 1100
        for round in 0..<500 {
            let range = round.isMultiple(of: 4) ? passage : ring..<ring + used
            let index = Int.random(in: range, using: &generator)
            guard !changeable.contains(index) else { continue }
            var bytes = good
            bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            region.bytes = bytes
            #expect(throws: EventLogError.self, "byte \(index)") { _ = try EventLog(resuming: region.memory()) }
        }
    }

    @Test("a header that is not one, or of another version, or that does not fit, is refused")
    func badHeader() throws {
        let region = Region()
        #expect(throws: EventLogError.unknownLayout(version: nil)) { _ = try EventLog(resuming: region.memory()) }
        _ = try filled(region)
        let good = region.bytes
        region.set(99, EventLogLayout.versionOffset)
        #expect(throws: EventLogError.unknownLayout(version: 99)) { _ = try EventLog(resuming: region.memory()) }
        let offsets = [
            EventLogLayout.ringOffset, EventLogLayout.capacityOffset, EventLogLayout.headOffset,
            EventLogLayout.tailOffset,
            EventLogLayout.nextSequenceOffset,
        ]
        for offset in offsets {
            for value in [UInt64.max, 1 << 63, region.word(offset) &+ 8, region.word(offset) &- 8, 3] {
                region.bytes = good
                region.set(value, offset)
                #expect(throws: EventLogError.self, "\(value) at \(offset)") {
                    _ = try EventLog(resuming: region.memory())
                }
            }
        }
    }

    @Test("an empty log without a next number is refused")
    func noNumber() throws {
        let region = Region()
        do { _ = try EventLog(memory: region.memory(), instance: 1) }
        region.set(0, EventLogLayout.nextSequenceOffset)
        #expect(throws: EventLogError.self) { _ = try EventLog(resuming: region.memory()) }
    }

    @Test("random memory behind a good header never crashes the resume")
    func fuzzed() throws {
        let region = Region(passages: 12)
        _ = try filled(region)
        let good = region.bytes
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<300 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...20, using: &generator) {
                let index = Int.random(in: EventLogLayout.headOffset..<bytes.count, using: &generator)
                bytes[index] = .random(in: 0...255, using: &generator)
            }
            region.bytes = bytes
            do throws(EventLogError) {
                let log = try EventLog(resuming: region.memory())
                for sequence in log.oldestSequence..<log.nextSequence { _ = log.bytes(of: sequence) }
            } catch {}
        }
        region.bytes = good
        #expect(try EventLog(resuming: region.memory()).count > 0)
    }
}
