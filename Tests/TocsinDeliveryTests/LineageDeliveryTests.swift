import TestKit
import Testing
import TocsinEvents

@testable import TocsinDelivery

/// Events of a few parents' children, from their encoding to what readers are told.
@Suite struct LineageDeliveryTests {
    private static func process(_ pid: Int, uid: UInt32, arguments bytes: Int) -> Process {
        var process = Process(entityID: "e\(pid)", pid: Int32(pid), startTimeNSec: 1)
        process.uid = uid
        process.executable = "/bin/program"
        process.arguments = [ByteString(String(repeating: "y", count: bytes))]
        return process
    }

    /// Up to sixteen ancestors: from some hundred bytes to more than a slot has.
    private static func lineage(_ generator: inout SeededGenerator) -> Lineage {
        Lineage(
            (1...Int.random(in: 1...16, using: &generator)).map {
                process(
                    $0, uid: .random(in: 0...1, using: &generator), arguments: .random(in: 0...900, using: &generator))
            })
    }

    /// The driver compares each text that is told with that of the event without a lineage.
    @Test(
        "what is told of an event does not depend on where its ancestors are kept",
        arguments: 1...3 as ClosedRange<UInt64>)
    func told(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let region = Region(passages: 6)
        let lineages = (1...12).map { _ in Self.lineage(&generator) }
        var driver = Driver(try EventLog(memory: region.memory(), instance: 9))
        for _ in 1...4 {
            let readers = [
                try driver.open(uid: 0), try driver.open(uid: 0, group: "g"),
                driver.connect(uid: 1, ownEventsOnly: true),
            ]
            for _ in 1...400 {
                let lineage = lineages.randomElement(using: &generator)!
                let type: EventType = Bool.random(using: &generator) ? .exec : .exit
                let sequence = driver.delivery.nextSequence
                var event = Event(
                    sequence: sequence, cursor: driver.cursor(sequence), type: type, realtimeUSec: 1, monotonicUSec: 2)
                // Now and then more than the log takes, with its ancestors or by itself.
                let limit = [200, 200, 200, 40_000].randomElement(using: &generator)!
                event.process = Self.process(
                    99, uid: .random(in: 0...1, using: &generator), arguments: .random(in: 0...limit, using: &generator)
                )
                let told = type == .exit ? lineage.ofEnd : lineage
                event.ancestors = told.ancestors
                driver.append(event, told)
                for reader in readers where Bool.random(using: &generator) {
                    let request = ReadRequest(
                        timeoutMSec: 0,
                        maxBytes: Bool.random(using: &generator) ? nil : .random(in: 1000...6000, using: &generator),
                        allowTruncation: true)
                    driver.read(reader, request)
                }
            }
            let log = driver.delivery.log.oldestSequence..<driver.delivery.nextSequence
            let texts = driver.texts
            #expect(log.lowerBound > 1)
            driver = Driver(try EventLog(resuming: region.memory()))
            for sequence in log {
                let isWhole = driver.delivery.log.bytes(of: sequence) == texts[sequence]
                #expect(isWhole, "event \(sequence)")
            }
        }
    }
}
