import Testing
import TocsinDelivery
import TocsinEvents

@Suite struct SubscriptionTests {
    @Test("a subscription is ready first, then gets every event, and never ends by itself")
    func events() throws {
        let driver = try Driver()
        driver.append()
        let call = try driver.subscribe(driver.connect(), filter: Filter(types: [.exec]))
        #expect(driver[call] == .ready(driver.cursor(1)))
        for type in [EventType.exec, .fork, .exec] { driver.append(type) }
        #expect(driver.events(call) == [2, 4])
        #expect(driver.pending[call] != nil)
    }

    @Test("a subscription whose socket is full waits in the log, not in memory")
    func notWritable() throws {
        let driver = try Driver()
        let id = driver.connect()
        let call = try driver.subscribe(id)
        driver.append()
        driver.writable(id, false)
        for _ in 1...3 { driver.append() }
        #expect(driver.events(call) == [1])
        driver.writable(id, true)
        #expect(driver.events(call) == [1, 2, 3, 4])
    }

    @Test("a backlog goes out in turns, so that a full socket is noticed")
    func turns() throws {
        let sample = try Driver()
        for _ in 1...10 { sample.append() }
        var limits = DeliveryLimits()
        limits.subscriptionBudget = (1...10).reduce(0) { $0 + sample.delivery.log.byteCount(of: $1) }
        let driver = try Driver(limits: limits)
        driver.resumesAtOnce = false
        for _ in 1...25 { driver.append() }
        let id = driver.connect()
        let call = try driver.subscribe(id, after: driver.cursor(0))
        #expect(driver.events(call).count == 10)
        driver.append()
        #expect(driver.events(call).count == 10)
        while driver.events(call).count < 26 {
            let told = driver.events(call).count
            driver.writable(id, true)
            #expect(driver.events(call).count > told && driver.events(call).count <= told + 10)
        }
        #expect(driver.events(call) == Array(1...26))
        driver.append()
        #expect(driver.events(call).last == 27, "it was given less than that at once")
    }

    @Test("a connection has one session: read and subscribe exclude each other")
    func oneSession() throws {
        let driver = try Driver()
        let id = driver.connect()
        _ = try driver.subscribe(id)
        #expect(driver[driver.read(id)] == .failed(.alreadyOpen))
        #expect(throws: DeliveryError.alreadyOpen) { try driver.subscribe(id) }
        let reader = driver.connect()
        driver.read(reader)
        #expect(throws: DeliveryError.alreadyOpen) { try driver.delivery.open(reader, OpenRequest()) }
    }

    @Test("root may end a subscription with Cancelled; its connection may begin another")
    func cancelled() throws {
        let driver = try Driver()
        let id = driver.connect()
        let call = try driver.subscribe(id)
        let name = try #require(driver.delivery.sessionStatus.first?.session)
        #expect(try driver.cancel(name, by: driver.connect(uid: 0)) == 1)
        #expect(driver[call] == .failed(.cancelled))
        _ = try driver.subscribe(id)
    }

    @Test("who may see its own events only sees no others, whatever the filter says")
    func ownEvents() throws {
        let driver = try Driver()
        let id = driver.connect(uid: 1000, ownEventsOnly: true)
        let call = try driver.subscribe(id, filter: Filter(uids: [0, 1000]))
        let plain = driver.connect(uid: 1000, ownEventsOnly: true)
        let read = driver.read(plain)
        driver.append(uid: 0)
        driver.append(uid: nil)
        driver.append(uid: 1000)
        #expect(driver.events(call) == [3])
        #expect(driver.events(read) == [3])
    }
}
