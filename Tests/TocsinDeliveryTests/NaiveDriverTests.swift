import Testing
import TocsinDelivery
import TocsinEvents

/// What goes wrong in a driver that keeps pending requests in a list and no more.
@Suite struct NaiveDriverTests {
    @Test("a closed connection's reads are removed: they get no reply and consume no event")
    func closeRemoves() throws {
        let driver = try Driver()
        let (gone, stays) = (driver.connect(), driver.connect())
        let read = driver.read(gone, ReadRequest(timeoutMSec: 50))
        let other = driver.read(stays)
        driver.close(gone)
        driver.append()
        driver.fire(read, gone)
        #expect(driver.outcomes[read] == nil)
        #expect(driver[other] == .event(1, queued: 0))
        #expect(driver.delivery.pendingReadCount == 0)
        #expect(driver.delivery.sessionCount == 1)
    }

    @Test("when cancel and event race, the read ends once and the event is not lost", arguments: [true, false])
    func cancelRace(eventFirst: Bool) throws {
        let driver = try Driver()
        let id = driver.connect()
        let opened = try driver.delivery.open(id, OpenRequest())
        let read = driver.read(id)
        let other = driver.connect()
        if eventFirst { driver.append() }
        #expect(try driver.cancel(opened.session, by: other) == (eventFirst ? 0 : 1))
        if !eventFirst { driver.append() }
        #expect(driver.outcomes[read]?.count == 1)
        #expect(driver[read] == (eventFirst ? .event(1, queued: 0) : .failed(.cancelled)))
        #expect(driver.poll(id) == (eventFirst ? .failed(.timedOut) : .event(1, queued: 0)))
    }

    @Test(
        "only the session's user, and root, may cancel its reads",
        arguments: [(1001, false), (1000, true), (0, true)] as [(UInt32, Bool)])
    func cancelOfOthers(uid: UInt32, isAllowed: Bool) throws {
        let driver = try Driver()
        let id = driver.connect(uid: 1000)
        let session = try driver.delivery.open(id, OpenRequest()).session
        let reads = [driver.read(id), driver.read(id)]
        let other = driver.connect(uid: uid)
        if isAllowed {
            #expect(try driver.cancel(session, by: other) == 2)
        } else {
            #expect(throws: DeliveryError.noSuchSession) { try driver.cancel(session, by: other) }
        }
        for read in reads { #expect(driver[read] == (isAllowed ? .failed(.cancelled) : nil)) }
        for name in ["", "-", "1", "+\(session)", session + "0"] {
            #expect(throws: DeliveryError.noSuchSession) { try driver.cancel(name, by: other) }
        }
    }

    @Test("drain ends every pending read once, with the cursor to resume with, and its timers")
    func drain() throws {
        let driver = try Driver()
        let (one, two) = (driver.connect(), driver.connect())
        driver.append()
        let reads = [driver.read(one, ReadRequest(timeoutMSec: 50)), driver.read(one), driver.read(two)]
        let subscription = try driver.subscribe(driver.connect())
        driver.drain()
        for call in reads + [subscription] { #expect(driver[call] == .failed(.shuttingDown(driver.cursor(1)))) }
        #expect(driver.timers.isEmpty)
        #expect(driver.pending.isEmpty)
        #expect(driver.delivery.pendingReadCount == 0)
    }

    @Test("after drain a timer ends nothing, reads get ShuttingDown, and events are still logged")
    func afterDrain() throws {
        let driver = try Driver()
        let id = driver.connect()
        let read = driver.read(id, ReadRequest(timeoutMSec: 50))
        driver.drain()
        driver.fire(read, id)
        #expect(driver.outcomes[read]?.count == 1)
        driver.append()
        #expect(driver.poll(id) == .failed(.shuttingDown(driver.cursor(0))))
        #expect(driver.poll(driver.connect()) == .failed(.shuttingDown(driver.cursor(1))))
        #expect(throws: DeliveryError.shuttingDown(driver.cursor(1))) { try driver.open() }
        #expect(driver.delivery.log.count == 1)
    }

    @Test("drain gives a session that has missed events a cursor from before the loss")
    func drainBeforeLoss() throws {
        let driver = try Driver(logBytes: 68 << 10)
        let id = try driver.open()
        while driver.delivery.log.oldestSequence < 5 { driver.append(padding: 2000) }
        driver.drain()
        #expect(driver.poll(id) == .failed(.shuttingDown(driver.cursor(0))))
    }

    @Test("a completion whose connection dies before the write is found again by the cursor before it")
    func writeFails() throws {
        let driver = try Driver()
        let id = driver.connect()
        driver.append()
        driver.append()
        let read = driver.read(id)
        driver.append()
        #expect(driver[read] == .event(3, queued: 0))
        driver.close(id)
        let again = try driver.open(after: driver.cursor(2))
        #expect(driver.poll(again) == .event(3, queued: 0))
    }

    @Test("a read posted for each completion, as clients do, meets each event once")
    func readOnCompletion() throws {
        let driver = try Driver()
        let id = driver.connect()
        var calls = [driver.read(id)]
        for _ in 1...100 {
            driver.append()
            calls.append(driver.read(id))
        }
        #expect(calls.dropLast().map { driver.events($0) } == (1...100).map { [$0] })
    }

    @Test("a session that never reads does not delay the others")
    func slowClient() throws {
        let driver = try Driver(logBytes: 68 << 10)
        let slow = try driver.open()
        let fast = driver.connect()
        for number in 1...1000 as ClosedRange<UInt64> {
            let read = driver.read(fast)
            driver.append(padding: 500)
            #expect(driver[read] == .event(number, queued: 0))
        }
        guard case .gap(1, let last, let count, let lost)? = driver.poll(slow) else {
            Issue.record("no gap")
            return
        }
        #expect(count == last && lost == last)
        #expect(driver.poll(slow) == .event(last + 1, queued: 1000 - last - 1))
    }

    @Test("a long scan takes turns: its session goes on later, and other reads complete meanwhile")
    func scanBudget() throws {
        var limits = DeliveryLimits()
        limits.scanBudget = 10
        let driver = try Driver(limits: limits)
        driver.resumesAtOnce = false
        for _ in 1...35 { driver.append(.fork) }
        driver.append(.exec)
        let scanning = try driver.open(filter: Filter(types: [.exec]), after: driver.cursor(0))
        let read = driver.read(scanning, ReadRequest(timeoutMSec: 0))
        let other = driver.connect()
        let otherRead = driver.read(other)
        driver.append(.exec)
        #expect(driver[otherRead] == .event(37, queued: 0))
        var turns = 0
        while driver[read] == nil, !driver.resumable.isEmpty {
            #expect(driver.resumable.count == 1)
            driver.resume()
            turns += 1
        }
        #expect(turns == 3)
        #expect(driver[read] == .event(36, queued: 1))
        driver.close(scanning)
        driver.resume()
    }
}
