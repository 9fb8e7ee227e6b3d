import Testing
import TocsinDelivery
import TocsinEvents

@Suite struct LossTests {
    private static let smallLog = 68 << 10

    /// Appends until the oldest event here has this number.
    private func push(_ driver: Driver, to oldest: UInt64, _ type: EventType = .exec) {
        while driver.delivery.log.oldestSequence < oldest { driver.append(type, padding: 1500) }
    }

    @Test("what the log pushed out is told as a gap before the next event, once")
    func gap() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        let id = try driver.open()
        push(driver, to: 11)
        let oldest = driver.delivery.log.oldestSequence
        #expect(driver.poll(id) == .gap(first: 1, last: oldest - 1, count: oldest - 1, lost: oldest - 1))
        guard case .event(oldest, _)? = driver.poll(id) else {
            Issue.record("the oldest event follows")
            return
        }
    }

    @Test("only events that the session would have seen count as lost")
    func filtered() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        let id = try driver.open(filter: Filter(types: [.fork]))
        driver.append(.exec)
        driver.append(.fork)
        driver.append(.exec)
        driver.append(.fork)
        push(driver, to: 20)
        let oldest = driver.delivery.log.oldestSequence
        #expect(driver.poll(id) == .gap(first: 2, last: oldest - 1, count: 2, lost: 2))
        #expect(driver.poll(id) == .failed(.timedOut))
        let indifferent = try driver.open(filter: Filter(types: [.heartbeat]))
        push(driver, to: driver.delivery.nextSequence + 1)
        #expect(driver.poll(indifferent) == .failed(.timedOut))
    }

    @Test("the gap's cursor resumes behind the loss without being expired")
    func gapCursor() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        let id = try driver.open(filter: Filter(types: [.fork]))
        driver.append(.fork)
        push(driver, to: 10)
        guard case .gap(_, let last, 1, 1)? = driver.poll(id) else {
            Issue.record("no gap")
            return
        }
        _ = try driver.open(after: driver.cursor(last))
    }

    @Test("a gap that does not fit maxBytes stays")
    func gapTooLarge() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        let id = try driver.open()
        push(driver, to: 3)
        guard
            case .failed(.bufferTooSmall)? = driver[driver.read(id, ReadRequest(maxBytes: 20, allowTruncation: true))],
            case .gap? = driver.poll(id)
        else {
            Issue.record("the gap was lost")
            return
        }
    }

    @Test("a session that asked for it loses its connection instead of events")
    func disconnect() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        let id = try driver.open(overflow: .disconnect)
        let other = try driver.open()
        push(driver, to: 3)
        #expect(driver.disconnected == [id])
        #expect(driver.delivery.sessionCount == 1)
        #expect(driver.poll(id) == .failed(.notConnected))
        driver.close(id)
        guard case .gap? = driver.poll(other) else {
            Issue.record("the other session goes on with a gap")
            return
        }
    }

    @Test("every session's own loss is counted in its status and in the totals")
    func statistics() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        let slow = try driver.open()
        _ = driver.connect()
        push(driver, to: 6)
        let lost = driver.delivery.log.oldestSequence - 1
        #expect(driver.delivery.statistics.lost == lost)
        let status = try #require(driver.delivery.sessionStatus.first)
        #expect(status.lost == lost && status.delivered == 0 && status.pid == 42 && status.uid == 1000)
        #expect(status.queued == UInt64(driver.delivery.log.count))
        driver.close(slow)
        #expect(driver.delivery.sessionStatus.isEmpty)
    }

    @Test("after resumes exactly behind the cursor")
    func after() throws {
        let driver = try Driver()
        for _ in 1...5 { driver.append() }
        #expect(driver.poll(try driver.open(after: driver.cursor(0))) == .event(1, queued: 4))
        #expect(driver.poll(try driver.open(after: driver.cursor(3))) == .event(4, queued: 1))
        #expect(driver.poll(try driver.open(after: driver.cursor(5))) == .failed(.timedOut))
    }

    @Test("a cursor that has expired, or is of another life, or of the future, is refused")
    func badCursors() throws {
        let driver = try Driver(logBytes: Self.smallLog)
        push(driver, to: 5)
        let oldest = driver.delivery.log.oldestSequence
        #expect(throws: DeliveryError.cursorExpired(oldest: driver.cursor(oldest - 1), lost: oldest - 2)) {
            try driver.open(after: driver.cursor(1))
        }
        #expect(throws: DeliveryError.cursorExpired(oldest: driver.cursor(oldest - 1), lost: nil)) {
            try driver.open(after: Cursor(instance: 8, sequence: oldest))
        }
        for sequence in [driver.delivery.nextSequence, .max] {
            #expect { try driver.open(after: driver.cursor(sequence)) } throws: {
                if case DeliveryError.invalidParameter(name: "after", _) = $0 { true } else { false }
            }
        }
        #expect(driver.delivery.sessionCount == 0)
        guard case .event(oldest, _)? = driver.poll(try driver.open(after: driver.delivery.oldestCursor)) else {
            Issue.record("the oldest cursor gives the oldest event")
            return
        }
    }
}
