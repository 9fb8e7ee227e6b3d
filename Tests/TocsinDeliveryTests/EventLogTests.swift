import Testing
import TocsinEvents

@testable import TocsinDelivery

@Suite struct EventLogTests {
    static let bytes = EventLog.overheadBytes + EventLog.minimumCapacity

    @Test("events come back byte for byte with their facts, however often the ring wraps")
    func wraps() throws {
        var log = try EventLog(memory: EventLogMemory(byteCount: Self.bytes), instance: 1)
        var lengths = SystemRandomNumberGenerator()
        for sequence in 1...800 as ClosedRange<UInt64> {
            let json = sample(sequence, Int.random(in: 0...log.maximumEventBytes, using: &lengths))
            let none: [UInt8] = []
            let path = Array("/p/\(sequence)".utf8)
            while log.mustEvict(path: path.count, oldPath: 0, json: json.count) { log.evictOldest() }
            log.append(
                facts(sequence), origin: nil, path: path.span, oldPath: none.span, json: json.span,
                passage: Passage(), slot: nil)
            #expect(log.nextSequence == sequence + 1 && log.usedBytes <= log.capacity)
            for kept in [log.oldestSequence, sequence] {
                let bytes = log.bytes(of: kept)
                #expect(bytes == sample(kept, bytes.count))
                #expect(log.facts(of: kept) == facts(kept))
            }
        }
        #expect(log.oldestSequence > 1 && !log.isEmpty)
    }

    @Test("the greatest event with the longest paths fits the smallest log, wherever the ring stands")
    func greatest() throws {
        var log = try EventLog(memory: EventLogMemory(byteCount: Self.bytes), instance: 1)
        let json = sample(1, log.maximumEventBytes)
        let path = [UInt8](repeating: 47, count: EventLog.maximumPathBytes)
        for _ in 1...200 {
            while log.mustEvict(path: path.count, oldPath: path.count, json: json.count) {
                let isEmpty = log.isEmpty
                try #require(!isEmpty)
                log.evictOldest()
            }
            log.append(
                facts(1), origin: nil, path: path.span, oldPath: path.span, json: json.span, passage: Passage(),
                slot: nil)
        }
        #expect(log.count >= 2)
    }

    @Test("memory too small for a log is refused with the least that is not")
    func tooSmall() {
        #expect(throws: EventLogError.tooSmall(minimumBytes: Self.bytes)) {
            _ = try EventLog(memory: EventLogMemory(byteCount: Self.bytes - 8), instance: 1)
        }
    }

    @Test("an event too large is shortened on its way into the log")
    func shortened() throws {
        let driver = try Driver(logBytes: Self.bytes)
        let id = driver.connect()
        let read = driver.read(id)
        driver.append(padding: 100_000)
        #expect(driver[read] == .event(1, queued: 0))
        #expect(driver.delivery.log.byteCount(of: 1) <= driver.delivery.log.maximumEventBytes)
        #expect(driver.delivery.statistics.shortenedInLog == 1)
    }

    @Test("of an event that cannot be shortened enough a gap takes the number")
    func oversized() throws {
        let driver = try Driver(logBytes: Self.bytes)
        let id = try driver.open(filter: Filter(types: [.fork]))
        var event = Event(
            sequence: 1, cursor: driver.cursor(1), type: .exec, realtimeUSec: 1, monotonicUSec: 1)
        event.process = Process(entityID: String(repeating: "e", count: 100_000), pid: 1, startTimeNSec: 1)
        driver.append(event)
        #expect(driver.poll(id) == .gap(first: 1, last: 1, count: 1, lost: 0))
        #expect(driver.delivery.nextSequence == 2)
        #expect(driver.delivery.statistics.oversized == 1)
    }

    private func facts(_ sequence: UInt64) -> EventFacts {
        EventFacts(
            typeCode: UInt8(sequence % 10), severity: UInt8(sequence % 6), uid: sequence.isMultiple(of: 7) ? nil : 5,
            realtimeUSec: sequence, monotonicUSec: .max - sequence)
    }

    private func sample(_ sequence: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(sequence)) }
    }
}
