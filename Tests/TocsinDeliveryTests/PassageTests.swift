import TestKit
import Testing
import TocsinEvents

@testable import TocsinDelivery

/// What many events have in their texts, kept once.
@Suite struct PassageTests {
    // MARK: The table

    @Test("a passage gets a slot when it comes again, and keeps it until the last event that has it has left")
    func places() {
        var table = PassageTable(users: [0, 0])
        #expect(table.place(1) == .inline)
        #expect(table.place(1) == .new(0))
        #expect(table.place(1) == .kept(0))
        #expect(table.place(2) == .inline)
        #expect(table.place(2) == .new(1))
        table.leave(0)
        #expect(table.place(1) == .kept(0))
        table.leave(0)
        table.leave(0)
        // Its text may be another's now.
        #expect(table.place(1) == .new(0))
    }

    @Test("where no slot is free, passages stay in their events")
    func full() {
        var table = PassageTable(users: [0])
        for _ in 1...2 { _ = table.place(1) }
        for _ in 1...3 { #expect(table.place(2) == .inline) }
        table.leave(0)
        #expect(table.place(2) == .new(0))
        #expect(table.place(1) == .inline)
    }

    @Test("a slot that a restart found in use is given to nobody before its events have left")
    func found() {
        var table = PassageTable(users: [2, 0])
        #expect(table.place(1) == .inline)
        #expect(table.place(1) == .new(1))
        for _ in 1...2 { #expect(table.place(2) == .inline) }
        for _ in 1...2 { table.leave(0) }
        #expect(table.place(2) == .new(0))
    }

    // MARK: The log

    /// A log beside what must be in it.
    private final class Pair {
        var log: EventLog
        var expected: [UInt64: [UInt8]] = [:]

        init(log: consuming EventLog) { self.log = log }

        func append(_ own: [UInt8], _ passage: borrowing Passage) {
            let none: [UInt8] = []
            let facts = EventFacts(typeCode: 0, severity: 0, uid: 1, realtimeUSec: 1, monotonicUSec: 1)
            let slot = log.place(passage)
            let bytes = own.count + (slot == nil ? passage.text.count : 0)
            while log.mustEvict(path: 0, oldPath: 0, json: bytes) {
                expected[log.oldestSequence] = nil
                log.evictOldest()
            }
            expected[log.nextSequence] = passage.joined(with: own)
            log.append(
                facts, origin: nil, path: none.span, oldPath: none.span, json: own.span, passage: passage,
                slot: slot)
        }

        func check(_ sequence: UInt64) -> Bool {
            log.bytes(of: sequence) == expected[sequence] && log.byteCount(of: sequence) == expected[sequence]?.count
        }
    }

    private func passage(_ number: UInt64, bytes: Int, at offset: Int) -> Passage {
        Passage(
            number: number, text: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ Int(number)) }, offset: offset)
    }

    @Test("events come back byte for byte, whatever they share, through wraps and restarts")
    func random() throws {
        let region = Region(passages: 8)
        var generator = SeededGenerator(seed: 3)
        // Some too short for a slot, some too long.
        let sizes = (1...20).map { _ in Int.random(in: 1...4500, using: &generator) }
        var pair = Pair(log: try EventLog(memory: region.memory(), instance: 1))
        var first: UInt64 = 1
        for round in 1...6 {
            for _ in 1...400 {
                let own = [UInt8](
                    repeating: .random(in: 0...255, using: &generator), count: .random(in: 0...900, using: &generator))
                // Others from round to round, as processes are.
                let index = Int.random(in: 0..<sizes.count, using: &generator)
                let number = first + UInt64(index)
                let offset = Int.random(in: 0...own.count, using: &generator)
                pair.append(own, index < 2 ? Passage() : passage(number, bytes: sizes[index], at: offset))
                #expect(pair.check(pair.log.oldestSequence) && pair.check(pair.log.nextSequence - 1))
            }
            for sequence in pair.log.oldestSequence..<pair.log.nextSequence { #expect(pair.check(sequence)) }
            first += round.isMultiple(of: 2) ? UInt64(sizes.count) : 0
            let expected = pair.expected
            pair = Pair(log: try EventLog(resuming: region.memory()))
            pair.expected = expected
            #expect(pair.log.count == expected.count)
        }
    }

    @Test("a log holds the more events, the more they share")
    func saves() throws {
        func count(_ number: (Int) -> UInt64) throws -> Int {
            let region = Region(passages: 64)
            let pair = Pair(log: try EventLog(memory: region.memory(), instance: 1))
            for event in 1...5000 {
                pair.append(Array(repeating: 1, count: 500), passage(number(event), bytes: 2000, at: 9))
            }
            return pair.log.count
        }
        let alone = try count { UInt64($0) }
        #expect(try count { UInt64($0 / 100 + 1) } > 3 * alone)
        #expect(try count { UInt64($0 / 8 + 1) } > 5 * alone / 4)
        // Parents that take turns.
        #expect(try count { UInt64($0 % 8 + 1) } > 3 * alone)
    }

    @Test("a slot is for passages of 1,024 to 4,080 bytes: others are in their events, and all are told whole")
    func sizes() throws {
        for (bytes, isKept) in [(1, false), (1023, false), (1024, true), (4080, true), (4081, false)] {
            let region = Region(passages: 2)
            let pair = Pair(log: try EventLog(memory: region.memory(), instance: 1))
            for number in 1...9 {
                pair.append([1, 2], passage(UInt64(1 + number % 2), bytes: bytes, at: 1))
                #expect((1...UInt64(number)).allSatisfy(pair.check))
            }
            #expect(pair.log.heldBytes - pair.log.usedBytes == (isKept ? 2 * 4096 : 0))
            #expect(try EventLog(resuming: region.memory()).count == 9)
        }
    }

    @Test("an event whose slot has another's passage, intact as it is, is damage")
    func exchanged() throws {
        func region(_ text: Int) throws -> Region {
            let region = Region(passages: 2)
            let pair = Pair(log: try EventLog(memory: region.memory(), instance: 1))
            for _ in 1...2 { pair.append([1, 2], passage(UInt64(text), bytes: 1500, at: 1)) }
            return region
        }
        let (one, other) = (try region(1), try region(2))
        #expect(try EventLog(resuming: one.memory()).count == 2)
        let slot = PassageLayout.begin(0)..<PassageLayout.begin(1)
        one.bytes.replaceSubrange(slot, with: other.bytes[slot])
        #expect(throws: EventLogError.self) { _ = try EventLog(resuming: one.memory()) }
    }

    #if DEBUG
    @Test("killed before any store, the log resumes with every event that it had, whole")
    func killedAnywhere() throws {
        let region = Region(passages: 2)
        let pair = Pair(log: try EventLog(memory: region.memory(), instance: 1))
        let own = Array(repeating: UInt8(5), count: 3000)
        // Whatever is stored, slots are given up and given to others all the time.
        func append(_ number: Int) {
            pair.append(own, passage(UInt64(1 + number / 10), bytes: 1100 + number / 10, at: number))
        }
        for number in 0..<200 { append(number) }
        for number in 200..<260 {
            let before = pair.expected
            var left: [Region] = []
            pair.log.memory.willStore = { left.append(region.copy()) }
            append(number)
            pair.log.memory.willStore = nil
            let known = before.merging(pair.expected) { $1 }
            #expect(left.count > 10)
            for region in left {
                let log = try EventLog(resuming: region.memory())
                // The one that is being logged may be missing, and the oldest ones that make room for it.
                #expect(log.nextSequence >= pair.log.nextSequence - 1 && log.oldestSequence <= pair.log.oldestSequence)
                for sequence in log.oldestSequence..<log.nextSequence {
                    let isWhole = log.bytes(of: sequence) == known[sequence]
                    #expect(isWhole, "event \(sequence)")
                }
            }
        }
    }
    #endif
}
