import Testing

@testable import TocsinDelivery

/// Reads that came as one, and what is kept for their completions.
@Suite struct ReadRunTests {
    @Test("each of the reads that come together and are too many is refused for itself")
    func refusals() throws {
        var limits = DeliveryLimits()
        limits.pendingReads = 3
        let driver = try Driver(limits: limits)
        let id = try driver.open()
        for _ in 1...2 { driver.append() }
        driver.read(id, count: 9)
        let refused = Driver.Outcome.failed(.limitExceeded(.pendingReads, value: 3))
        #expect(
            driver.order.map(\.outcome) == [.event(1, queued: 1), .event(2, queued: 0)]
                + Array(repeating: refused, count: 4))
        #expect(driver.pending.count == 3)
    }

    @Test("events that completions carry are kept until all is done, and no longer")
    func keptEvents() {
        var actions = DeliveryActions()
        for round in 0..<3 as Range<UInt8> {
            #expect(actions.keep([round]) == .encoded(0))
            #expect(actions.keep([round, round]) == .encoded(1))
            #expect(actions.encodedEvents == [[round], [round, round]])
            actions.removeAll()
            #expect(actions.encodedEvents.isEmpty)
        }
    }
}
