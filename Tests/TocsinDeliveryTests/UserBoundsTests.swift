import Testing
import TocsinEvents

@testable import TocsinDelivery

/// What one user can make the daemon keep, on however many connections.
@Suite struct UserBoundsTests {
    private func driver(reads: Int = 100, queue: Int = 1 << 20) throws -> Driver {
        var limits = DeliveryLimits()
        limits.pendingReadsPerUser = reads
        limits.queueSizePerUser = queue
        return try Driver(limits: limits)
    }

    @Test("a user's reads beyond the bound are refused on any connection; another user's are not")
    func pendingReads() throws {
        let driver = try driver(reads: 3)
        let (first, second, other) = (driver.connect(), driver.connect(), driver.connect(uid: 5))
        for id in [first, first, second] { driver.read(id) }
        #expect(driver[driver.read(second)] == .failed(.limitExceeded(.pendingReadsPerUser, value: 3)))
        #expect(driver[driver.read(other)] == nil)
        #expect(driver.delivery.statistics.refused == [.pendingReadsPerUser: 1])
    }

    @Test(
        "whatever ends a read makes room for another: an event, its time, a cancel, its connection",
        arguments: ["event", "time", "cancel", "close"])
    func room(_ end: String) throws {
        let driver = try driver(reads: 1)
        let id = driver.connect()
        let read = driver.read(id, ReadRequest(timeoutMSec: 10))
        let other = driver.connect()
        let refusal = Driver.Outcome.failed(.limitExceeded(.pendingReadsPerUser, value: 1))
        #expect(driver[driver.read(other)] == refusal)
        switch end {
        case "event": driver.append()
        case "time": driver.fire(read, id)
        case "cancel": _ = try driver.cancel(try #require(driver.delivery.sessionStatus.first).session, by: other)
        default: driver.close(id)
        }
        #expect(driver[driver.read(other)] != refusal)
    }

    @Test("what a user's sockets do not take is bounded: then its reads fail, and the event stays the next")
    func queue() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let ids = [driver.connect(), driver.connect()]
        let other = driver.connect(uid: 5)
        let reads = ids.flatMap { id in (0..<4).map { _ in driver.read(id) } }
        let others = (0..<4).map { _ in driver.read(other) }
        for _ in 0..<4 { driver.append(padding: 3000) }
        let given = reads.filter { if case .event = driver[$0] { true } else { false } }
        #expect(given.count == 3)
        let refusal = Driver.Outcome.failed(.limitExceeded(.queueSizePerUser, value: 10_000))
        #expect(reads.count { driver[$0] == refusal } == 5)
        #expect(others.count { if case .event = driver[$0] { true } else { false } } == 3, "each user has its own")
        #expect(driver.delivery.statistics.refused[.queueSizePerUser] == 6)

        for id in ids { driver.delivery.queueChanged(id, bytes: 0) }
        driver.writesAtOnce = true
        let seen = ids.map { id in
            reads.filter { driver.owner($0) == id }.flatMap(driver.events) + driver.remaining(id)
        }
        #expect(seen == [[1, 2, 3, 4], [1, 2, 3, 4]], "nothing was lost")
    }

    @Test("a subscription whose user has too much waiting ends with the limit; what it was not given it can resume")
    func subscription() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let id = driver.connect()
        let call = try driver.subscribe(id)
        for _ in 0..<5 { driver.append(padding: 3000) }
        #expect(driver.events(call) == [1, 2, 3])
        #expect(driver[call] == .failed(.limitExceeded(.queueSizePerUser, value: 10_000)))
        #expect(driver.delivery.sessionCount == 0)
        driver.delivery.queueChanged(id, bytes: 0)
        driver.writesAtOnce = true
        #expect(driver.events(try driver.subscribe(id, after: driver.cursor(3))) == [4, 5])
    }

    @Test("an event larger than the bound is given to who has nothing waiting")
    func largeEvent() throws {
        let driver = try driver(queue: 1000)
        driver.writesAtOnce = false
        let id = driver.connect()
        let (first, second) = (driver.read(id), driver.read(id))
        driver.append(padding: 5000)
        driver.append()
        #expect(driver.events(first) == [1])
        #expect(driver[second] == .failed(.limitExceeded(.queueSizePerUser, value: 1000)))
    }

    @Test("what waits for a client counts until it is written, even when its session is gone")
    func closed() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let id = driver.connect()
        for _ in 0..<3 { driver.read(id) }
        for _ in 0..<3 { driver.append(padding: 3000) }
        driver.close(id)
        let next = driver.connect()
        let refused = driver.read(next)
        driver.append(padding: 3000)
        #expect(driver[refused] == .failed(.limitExceeded(.queueSizePerUser, value: 10_000)))
        driver.delivery.queueChanged(id, bytes: 0)
        #expect(driver.events(driver.read(next)) == [4])
        driver.close(next)
        #expect(!driver.delivery.loads.isEmpty, "the last event is not written yet")
        driver.delivery.queueChanged(next, bytes: 0)
        #expect(driver.delivery.loads.isEmpty)
    }
}

extension Driver {
    /// Reads what is there.
    fileprivate func remaining(_ id: ConnectionID) -> [UInt64] {
        var events: [UInt64] = []
        while case .event(let sequence, _) = poll(id) { events.append(sequence) }
        return events
    }
}
