import Testing
import TocsinDelivery
import TocsinEvents

@Suite struct GroupTests {
    @Test("each event goes to one member, to the one that has waited longest")
    func competes() throws {
        let driver = try Driver()
        let (one, two) = (try driver.open(group: "g"), try driver.open(group: "g"))
        let alone = driver.connect()
        let reads = [driver.read(one), driver.read(two), driver.read(two), driver.read(one)]
        let other = driver.read(alone)
        for _ in 1...4 { driver.append() }
        #expect(reads.map { driver.events($0) } == [[1], [2], [3], [4]])
        #expect(driver[other] == .event(1, queued: 0))
    }

    @Test("what a member did not acknowledge goes to another when it disconnects, in order and before new events")
    func redelivery() throws {
        let driver = try Driver()
        let (one, two) = (try driver.open(group: "g"), try driver.open(group: "g"))
        for _ in 1...5 { driver.append() }
        for _ in 1...4 { _ = driver.poll(one) }
        // 1 and 2 are done; 3 and 4 are not.
        let read = driver.read(one, ReadRequest(acknowledge: driver.cursor(2)))
        #expect(driver[read] == .event(5, queued: 0))
        driver.append()
        driver.close(one)
        #expect(driver.poll(two) == .event(3, queued: 3))
        #expect(
            (1...4).map { _ in driver.poll(two) } == [
                .event(4, queued: 2), .event(5, queued: 1), .event(6, queued: 0), .failed(.timedOut),
            ])
        #expect(driver.delivery.statistics.redelivered == 3)
    }

    @Test("a member that waits gets the unacknowledged events at once")
    func redeliveryToWaiting() throws {
        let driver = try Driver()
        let (one, two) = (try driver.open(group: "g"), try driver.open(group: "g"))
        let first = driver.read(one)
        let waiting = driver.read(two, ReadRequest(timeoutMSec: 100))
        driver.append()
        #expect(driver[first] == .event(1, queued: 0))
        driver.close(one)
        #expect(driver[waiting] == .event(1, queued: 0))
        #expect(driver.timers.isEmpty)
    }

    @Test("acknowledgement is cumulative in the order of giving, also after redelivery")
    func cumulative() throws {
        let driver = try Driver()
        let (one, two) = (try driver.open(group: "g"), try driver.open(group: "g"))
        for _ in 1...3 { driver.append() }
        #expect(driver.poll(one) == .event(1, queued: 2))
        #expect(driver.poll(two) == .event(2, queued: 1))
        driver.close(one)
        // Two holds 2, then 1. Acknowledging 2 leaves 1.
        #expect(driver.poll(two) == .event(1, queued: 1))
        #expect(driver.poll(two, acknowledge: driver.cursor(2)) == .event(3, queued: 0))
        driver.close(two)
        let three = try driver.open(group: "g")
        #expect(driver.poll(three) == .event(1, queued: 1))
        #expect(driver.poll(three) == .event(3, queued: 0))
    }

    @Test("acknowledging again is no error; acknowledging nonsense is")
    func acknowledgeTwice() throws {
        let driver = try Driver()
        let id = try driver.open(group: "g")
        driver.append()
        _ = driver.poll(id)
        #expect(driver.poll(id, acknowledge: driver.cursor(1)) == .failed(.timedOut))
        #expect(driver.poll(id, acknowledge: driver.cursor(1)) == .failed(.timedOut))
        let alone = driver.connect()
        let attempts = [
            driver.poll(id, acknowledge: driver.cursor(2)),
            driver.poll(id, acknowledge: Cursor(instance: 1, sequence: 1)),
            driver.poll(try driver.open(), acknowledge: driver.cursor(1)),
            driver.poll(alone, acknowledge: driver.cursor(1)),
        ]
        for attempt in attempts {
            guard case .failed(.invalidParameter(name: "acknowledge", _))? = attempt else {
                Issue.record("accepted: \(String(describing: attempt))")
                continue
            }
        }
    }

    @Test("a group goes on without members: it neither loses nor repeats")
    func outlives() throws {
        let driver = try Driver()
        let one = try driver.open(group: "g")
        driver.append()
        _ = driver.poll(one)
        _ = driver.poll(one, acknowledge: driver.cursor(1))
        driver.close(one)
        driver.append()
        let two = try driver.open(group: "g", after: Cursor(instance: 99, sequence: 0))
        #expect(driver.poll(two) == .event(2, queued: 0))
    }

    @Test("unacknowledged events that left the log meanwhile are counted as lost")
    func evicted() throws {
        let driver = try Driver(logBytes: 68 << 10)
        let (one, two) = (try driver.open(group: "g"), try driver.open(group: "g"))
        for _ in 1...3 { driver.append() }
        for _ in 1...3 { _ = driver.poll(one) }
        while driver.delivery.log.oldestSequence < 3 {
            let sequence = driver.append(padding: 1500)
            #expect(driver.events(driver.read(two)) == [sequence])
        }
        let kept = driver.delivery.log.contains(3)
        driver.close(one)
        // Behind its own events, which two has not acknowledged either.
        #expect(
            driver.poll(two)
                == (kept ? .gap(first: 1, last: 2, count: 2, lost: 2) : .gap(first: 1, last: 3, count: 3, lost: 3)))
        if kept { #expect(driver.poll(two) == .event(3, queued: 0)) }
    }

    @Test("events waiting for redelivery are counted as lost when they leave the log")
    func evictedRedelivery() throws {
        let driver = try Driver(logBytes: 68 << 10)
        let one = try driver.open(group: "g")
        for _ in 1...3 { driver.append() }
        for _ in 1...3 { _ = driver.poll(one) }
        driver.close(one)
        while driver.delivery.log.oldestSequence < 10 { driver.append(padding: 1500) }
        let oldest = driver.delivery.log.oldestSequence
        let two = try driver.open(group: "g")
        #expect(driver.poll(two) == .gap(first: 1, last: oldest - 1, count: oldest - 1, lost: oldest - 1))
        guard case .event(oldest, _)? = driver.poll(two) else {
            Issue.record("the oldest follows")
            return
        }
    }

    @Test("a gap whose reader left before acknowledging is told to the next, and counted once")
    func gapAgain() throws {
        let driver = try Driver(logBytes: 68 << 10)
        let one = try driver.open(group: "g")
        while driver.delivery.log.oldestSequence < 3 { driver.append(padding: 1500) }
        let gap = driver.poll(one)
        let lost = driver.delivery.statistics.lost
        driver.close(one)
        #expect(driver.poll(try driver.open(group: "g")) == gap)
        #expect(driver.delivery.statistics.lost == lost)
    }

    @Test("groups of different users have nothing in common but the name")
    func usersApart() throws {
        let driver = try Driver()
        let (one, two) = (try driver.open(uid: 1, group: "g"), try driver.open(uid: 2, group: "g"))
        driver.append()
        #expect(driver.poll(one) == .event(1, queued: 0))
        #expect(driver.poll(two) == .event(1, queued: 0))
    }

    @Test("a member with another filter is refused; one without takes the group's")
    func filters() throws {
        let driver = try Driver()
        let filter = Filter(types: [.fork])
        _ = try driver.open(filter: filter, group: "g")
        _ = try driver.open(filter: filter, group: "g")
        let plain = try driver.open(group: "g")
        #expect { try driver.open(filter: Filter(types: [.exec]), group: "g") } throws: {
            if case DeliveryError.invalidParameter(name: "filter", _) = $0 { true } else { false }
        }
        driver.append(.exec)
        #expect(driver.poll(plain) == .failed(.timedOut))
    }

    @Test("who never acknowledges is stopped at a bound")
    func unacknowledgedBound() throws {
        var limits = DeliveryLimits()
        limits.unacknowledged = 3
        let driver = try Driver(limits: limits)
        let id = try driver.open(group: "g")
        for _ in 1...5 { driver.append() }
        for _ in 1...3 { _ = driver.poll(id) }
        #expect(driver.poll(id) == .failed(.limitExceeded(.unacknowledged, value: 3)))
        #expect(driver.poll(id, acknowledge: driver.cursor(3)) == .event(4, queued: 1))
    }

    @Test("a user's abandoned groups make room for its own new ones, oldest first, and never for another's")
    func bounds() throws {
        var limits = DeliveryLimits()
        (limits.groups, limits.groupsPerUser, limits.groupMembers) = (3, 2, 2)
        let driver = try Driver(limits: limits)
        let members = [try driver.open(uid: 1, group: "a"), try driver.open(uid: 1, group: "b")]
        #expect(throws: DeliveryError.limitExceeded(.groupsPerUser, value: 2)) { try driver.open(uid: 1, group: "c") }
        driver.close(members[1])
        driver.close(members[0])
        driver.append()
        _ = try driver.open(uid: 2, group: "d")
        #expect(throws: DeliveryError.limitExceeded(.groups, value: 3)) { try driver.open(uid: 3, group: "e") }
        // b was abandoned first; a still remembers the event.
        _ = try driver.open(uid: 1, group: "c")
        let again = try driver.open(uid: 1, group: "a")
        #expect(driver.poll(again) == .event(1, queued: 0))
        _ = try driver.open(uid: 1, group: "a")
        #expect(throws: DeliveryError.limitExceeded(.groupMembers, value: 2)) { try driver.open(uid: 1, group: "a") }
        #expect(driver.delivery.statistics.groupsForgotten == 1)
    }

    @Test("a group cannot ask to be disconnected, and has a name of bounded length")
    func badGroups() throws {
        let driver = try Driver()
        #expect(throws: DeliveryError.self) { try driver.open(group: "g", overflow: .disconnect) }
        #expect(throws: DeliveryError.self) { try driver.open(group: "") }
        #expect(throws: DeliveryError.limitExceeded(.groupNameBytes, value: 128)) {
            try driver.open(group: String(repeating: "é", count: 65))
        }
        #expect(driver.delivery.groupCount == 0)
    }

    @Test("drain tells the members of a group a cursor from before what they have not acknowledged")
    func drained() throws {
        let driver = try Driver()
        let id = try driver.open(group: "g")
        for _ in 1...3 { driver.append() }
        _ = driver.poll(id)
        _ = driver.poll(id)
        _ = driver.poll(id, acknowledge: driver.cursor(1))
        let read = driver.read(id)
        driver.drain()
        #expect(driver[read] == .failed(.shuttingDown(driver.cursor(1))))
    }
}
