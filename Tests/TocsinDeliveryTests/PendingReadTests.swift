import Testing
import TocsinDelivery
import TocsinEvents

@Suite struct PendingReadTests {
    @Test("an event completes one pending read of each session, first-in first-out")
    func firstInFirstOut() throws {
        let driver = try Driver()
        let (one, two) = (driver.connect(), driver.connect())
        let reads = (0..<3).map { _ in driver.read(one) }
        let other = driver.read(two)
        driver.append()
        #expect(driver[reads[0]] == .event(1, queued: 0))
        #expect(driver[reads[1]] == nil)
        #expect(driver[other] == .event(1, queued: 0))
        driver.append()
        driver.append()
        #expect(driver.order.map(\.call) == [reads[0], other, reads[1], reads[2]])
    }

    @Test("reads that come together are completed, pend and are refused as if one came after another")
    func together() throws {
        var limits = DeliveryLimits()
        limits.pendingReads = 3
        let (together, apart) = (try Driver(limits: limits), try Driver(limits: limits))
        for driver in [together, apart] {
            let id = try driver.open()
            for _ in 1...2 { driver.append() }
            if driver === together { driver.read(id, count: 6) } else { for _ in 1...6 { driver.read(id) } }
            for _ in 1...4 { driver.append() }
        }
        #expect(
            together.order.map(\.outcome) == [
                .event(1, queued: 1), .event(2, queued: 0), .failed(.limitExceeded(.pendingReads, value: 3)),
                .event(3, queued: 0), .event(4, queued: 0), .event(5, queued: 0),
            ])
        #expect(together.order.map(\.call) == apart.order.map(\.call))
        #expect(together.order.map(\.outcome) == apart.order.map(\.outcome))
    }

    @Test("an event with no read pending waits for the session's next read")
    func waits() throws {
        let driver = try Driver()
        let id = driver.connect()
        let first = driver.read(id)
        for _ in 1...3 { driver.append() }
        #expect(driver[first] == .event(1, queued: 0))
        #expect(driver[driver.read(id)] == .event(2, queued: 1))
        #expect(driver[driver.read(id)] == .event(3, queued: 0))
        #expect(driver[driver.read(id)] == nil)
    }

    @Test("a session without Open sees events from its first read on")
    func defaultSession() throws {
        let driver = try Driver()
        let id = driver.connect()
        driver.append()
        let read = driver.read(id)
        #expect(driver[read] == nil)
        driver.append()
        #expect(driver[read] == .event(2, queued: 0))
    }

    @Test("the number is given at detection: what a filter hides shows as a step between numbers")
    func numberAtDetection() throws {
        let driver = try Driver()
        let id = try driver.open(filter: Filter(types: [.exec]))
        for type in [EventType.exec, .fork, .heartbeat, .exec] { driver.append(type) }
        #expect(driver.poll(id) == .event(1, queued: 3))
        #expect(driver.poll(id) == .event(4, queued: 0))
        #expect(driver.delivery.nextSequence == 5)
    }

    @Test("the number advances without any reader")
    func numberWithoutReader() throws {
        let driver = try Driver()
        for _ in 1...5 { driver.append() }
        #expect(driver.delivery.nextSequence == 6)
        #expect(driver.poll(try driver.open(after: driver.cursor(4))) == .event(5, queued: 0))
    }

    @Test("a timeout of 0 completes at once, with an event or with TimedOut")
    func poll() throws {
        let driver = try Driver()
        let id = try driver.open()
        #expect(driver.poll(id) == .failed(.timedOut))
        driver.append()
        #expect(driver.poll(id) == .event(1, queued: 0))
        #expect(driver.poll(id) == .failed(.timedOut))
        #expect(driver.timers.isEmpty)
    }

    @Test("a read with timeout 0 behind another is decided when it reaches the head")
    func pollBehind() throws {
        let driver = try Driver()
        let id = driver.connect()
        let first = driver.read(id)
        let second = driver.read(id, ReadRequest(timeoutMSec: 0))
        #expect(driver[second] == nil)
        driver.append()
        #expect(driver[first] == .event(1, queued: 0))
        driver.append()
        // It has reached the head with the log empty; the event after that waits for the next read.
        #expect(driver[driver.read(id)] == .event(2, queued: 0))
        #expect(driver[second] == .failed(.timedOut))
    }

    @Test("the timer of a pipelined read starts when it reaches the head")
    func timerAtHead() throws {
        let driver = try Driver()
        let id = driver.connect()
        let reads = [100, 200, 300].map { driver.read(id, ReadRequest(timeoutMSec: $0)) }
        #expect(driver.timers == [reads[0]: 100])
        driver.append()
        #expect(driver[reads[0]] == .event(1, queued: 0))
        #expect(driver.timers == [reads[1]: 200])
        driver.fire(reads[1], id)
        #expect(driver[reads[1]] == .failed(.timedOut))
        #expect(driver.timers == [reads[2]: 300])
    }

    @Test("a timer that fires for a completed read ends nothing twice, and not the read behind it")
    func lateTimer() throws {
        let driver = try Driver()
        let id = driver.connect()
        let first = driver.read(id, ReadRequest(timeoutMSec: 100))
        let second = driver.read(id, ReadRequest(timeoutMSec: 100))
        driver.append()
        driver.fire(first, id)
        #expect(driver.outcomes[first] == [.event(1, queued: 0)])
        #expect(driver[second] == nil)
    }

    @Test("a timed out read consumes no event")
    func timeoutKeepsEvents() throws {
        let driver = try Driver()
        let id = driver.connect()
        let read = driver.read(id, ReadRequest(timeoutMSec: 5))
        driver.fire(read, id)
        driver.append()
        #expect(driver.poll(id) == .event(1, queued: 0))
    }

    @Test(
        "bad parameters are refused and consume nothing",
        arguments: [(-1, nil), (nil, 0), (nil, -5)] as [(Int64?, Int64?)])
    func badParameters(timeout: Int64?, maxBytes: Int64?) throws {
        let driver = try Driver()
        let id = try driver.open()
        driver.append()
        guard
            case .failed(.invalidParameter(let name, _))? = driver[
                driver.read(id, ReadRequest(timeoutMSec: timeout, maxBytes: maxBytes))]
        else {
            Issue.record("accepted")
            return
        }
        #expect(name == (timeout == nil ? "maxBytes" : "timeoutMSec"))
        #expect(driver.poll(id) == .event(1, queued: 0))
    }

    @Test("an event larger than maxBytes stays the next, and the error says what it needs")
    func bufferTooSmall() throws {
        let driver = try Driver()
        let id = try driver.open()
        driver.append(padding: 500)
        guard case .failed(.bufferTooSmall(let required))? = driver[driver.read(id, ReadRequest(maxBytes: 100))] else {
            Issue.record("accepted")
            return
        }
        #expect(
            driver[driver.read(id, ReadRequest(maxBytes: Int64(required) - 1))]
                == .failed(.bufferTooSmall(requiredBytes: required)))
        #expect(driver[driver.read(id, ReadRequest(maxBytes: Int64(required)))] == .event(1, queued: 0))
    }

    @Test("a read too small for an arriving event fails, and the one behind it gets the event")
    func bufferTooSmallOnArrival() throws {
        let driver = try Driver()
        let id = driver.connect()
        let small = driver.read(id, ReadRequest(timeoutMSec: 100, maxBytes: 50))
        let large = driver.read(id)
        driver.append()
        guard case .failed(.bufferTooSmall)? = driver[small] else {
            Issue.record("not refused")
            return
        }
        #expect(driver[large] == .event(1, queued: 0))
        #expect(driver.timers.isEmpty)
    }

    @Test("with allowTruncation the reply is never longer than maxBytes, and says so")
    func truncation() throws {
        let driver = try Driver()
        let id = try driver.open()
        driver.append(padding: 2000)
        guard
            case .shortened(1, let bytes)? = driver[driver.read(id, ReadRequest(maxBytes: 400, allowTruncation: true))]
        else {
            Issue.record("not shortened")
            return
        }
        #expect(bytes.count <= 400)
        #expect(String(decoding: bytes, as: UTF8.self).contains(#""truncated":["process.arguments"]"#))
        #expect(driver.poll(id) == .failed(.timedOut))
    }

    @Test("reads beyond the bound are refused and counted; the pending ones stay")
    func tooManyReads() throws {
        var limits = DeliveryLimits()
        limits.pendingReads = 2
        let driver = try Driver(limits: limits)
        let id = driver.connect()
        let reads = (0..<3).map { _ in driver.read(id) }
        #expect(driver[reads[2]] == .failed(.limitExceeded(.pendingReads, value: 2)))
        #expect(driver.delivery.statistics.refused == [.pendingReads: 1])
        driver.append()
        #expect(driver[reads[0]] == .event(1, queued: 0))
    }
}
