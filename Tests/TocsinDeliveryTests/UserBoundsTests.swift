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

    @Test("what a user's sockets do not take is bounded: the rest waits in the log until they do, and nothing is lost")
    func queue() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let ids = [driver.connect(), driver.connect()]
        let other = driver.connect(uid: 5)
        let reads = ids.flatMap { id in (0..<4).map { _ in driver.read(id) } }
        let others = (0..<4).map { _ in driver.read(other) }
        for _ in 0..<4 { driver.append(padding: 4000) }
        #expect(reads.flatMap(driver.events).count == 3)
        #expect(others.flatMap(driver.events) == [1, 2, 3], "each user has its own")
        #expect(driver.delivery.statistics.refused[.queueSizePerUser] == 3, "once for each that began to wait")

        driver.writesAtOnce = true
        for id in ids { driver.take(id) }
        let seen = ids.map { id in reads.filter { driver.owner($0) == id }.flatMap(driver.events) }
        #expect(seen == [[1, 2, 3, 4], [1, 2, 3, 4]])
    }

    @Test("a subscription whose user has too much waiting goes on where it was")
    func subscription() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let id = driver.connect()
        let call = try driver.subscribe(id)
        for _ in 0..<5 { driver.append(padding: 4000) }
        #expect(driver.events(call) == [1, 2, 3])
        driver.take(id)
        #expect(driver.events(call) == [1, 2, 3, 4, 5])
        #expect(driver.delivery.statistics.lost == 0)
    }

    @Test("who goes on waits until half was taken: not each byte begins a turn")
    func hysteresis() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let id = driver.connect()
        let call = try driver.subscribe(id)
        for _ in 0..<4 { driver.append(padding: 4000) }
        driver.take(id, leaving: 5001)
        #expect(driver.events(call) == [1, 2, 3])
        driver.take(id, leaving: 5000)
        #expect(driver.events(call) == [1, 2, 3, 4])
    }

    @Test("who takes what it is given gets every event, whatever others of its user leave")
    func progress() throws {
        let driver = try driver(queue: 1000)
        driver.writesAtOnce = false
        let (silent, reader) = (driver.connect(), driver.connect())
        let (left, taken) = (try driver.subscribe(silent), try driver.subscribe(reader))
        for _ in 0..<5 { driver.append(padding: 4000) }
        #expect(driver.events(taken) == [1])
        for count in UInt64(2)...5 {
            driver.take(reader)
            #expect(driver.events(taken) == Array(1...count))
        }
        #expect(driver.events(left) == [1])
    }

    @Test("a read that does not wait is refused instead")
    func poll() throws {
        let driver = try driver(queue: 1000)
        driver.writesAtOnce = false
        let id = driver.connect()
        driver.read(id)
        for _ in 0..<2 { driver.append(padding: 4000) }
        let refused = driver.read(id, ReadRequest(timeoutMSec: 0))
        #expect(driver[refused] == .failed(.limitExceeded(.queueSizePerUser, value: 1000)))
    }

    @Test("what waits for a client counts until it is written, even when its session is gone")
    func closed() throws {
        let driver = try driver(queue: 10_000)
        driver.writesAtOnce = false
        let id = driver.connect()
        for _ in 0..<3 { driver.read(id) }
        for _ in 0..<3 { driver.append(padding: 4000) }
        driver.close(id)
        let next = driver.connect()
        let reads = [driver.read(next), driver.read(next)]
        for _ in 0..<2 { driver.append(padding: 4000) }
        #expect(reads.flatMap(driver.events) == [4])
        driver.take(id)
        #expect(reads.flatMap(driver.events) == [4, 5])
        driver.close(next)
        let isChargedBefore = !driver.delivery.loads.isEmpty
        #expect(isChargedBefore, "the last event is not written yet")
        driver.take(next)
        let isCharged = !driver.delivery.loads.isEmpty
        #expect(!isCharged)
    }
}
