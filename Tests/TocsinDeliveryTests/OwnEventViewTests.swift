import Testing
import TocsinEvents

@testable import TocsinDelivery

/// What a user is told who sees its own events only.
@Suite struct OwnEventViewTests {
    private func process(_ pid: Int32, uid: UInt32, _ comm: String) -> Process {
        var process = Process(entityID: "e\(pid)", pid: pid, startTimeNSec: 1)
        process.uid = uid
        process.comm = ByteString(comm)
        process.executable = ByteString("/usr/bin/\(comm)")
        process.arguments = [ByteString(comm), ByteString("--password=secret-of-\(uid)")]
        process.unit = "\(comm).service"
        return process
    }

    private func event(_ driver: Driver, _ type: EventType = .exec, uid: UInt32 = 1000) -> Event {
        let sequence = driver.delivery.nextSequence
        var event = Event(
            sequence: sequence, cursor: driver.cursor(sequence), type: type, realtimeUSec: 1, monotonicUSec: 1)
        event.process = process(3, uid: uid, "job")
        event.ancestors = [process(2, uid: 1000, "bash"), process(1, uid: 0, "sshd")]
        return event
    }

    private func told(_ driver: Driver, _ event: Event) throws -> Event? {
        let id = driver.connect(uid: 1000, ownEventsOnly: true)
        let read = driver.read(id)
        driver.append(event)
        return try driver.encodedEvent(read)
    }

    @Test("of another user's process among the ancestors it learns who it was, and not what it ran")
    func ancestors() throws {
        let driver = try Driver()
        let whole = event(driver)
        let event = try #require(try told(driver, whole))
        #expect(event.process == whole.process)
        #expect(event.ancestors.first == whole.ancestors[0])
        let other = try #require(event.ancestors.last)
        #expect(other.pid == 1 && other.uid == 0 && other.comm == "sshd" && other.entityID == "e1")
        #expect(other.executable == nil && other.arguments == nil && other.unit == nil)
    }

    @Test("arguments come with the exec alone: at its end a process may still show those of another user")
    func arguments() throws {
        let driver = try Driver()
        for type in [EventType.fork, .exit] {
            let event = try #require(try told(driver, event(driver, type)))
            #expect(event.type == type && event.process?.pid == 3)
            #expect(event.process?.arguments == nil)
        }
    }

    @Test("no rule is told to match it, neither in the event nor through a filter")
    func detections() throws {
        let driver = try Driver()
        var judged = event(driver)
        judged.detections = [Detection(ruleID: "r", title: "Seen", severity: .high)]
        #expect(try #require(try told(driver, judged)).detections.isEmpty)

        let filtered = driver.connect(uid: 1000, ownEventsOnly: true)
        let filter = Filter(minimumSeverity: .informational)
        _ = try driver.delivery.open(filtered, OpenRequest(filter: filter))
        let read = driver.read(filtered)
        judged = event(driver)
        judged.detections = [Detection(ruleID: "r", title: "Seen", severity: .high)]
        driver.append(judged)
        #expect(driver[read] == nil)
    }

    @Test("a gap says that events are missing, and not how many of everybody's")
    func gaps() throws {
        let driver = try Driver()
        var gap = event(driver, .gap)
        (gap.process, gap.ancestors) = (nil, [])
        gap.gap = Gap(origin: .kernel, count: 41)
        #expect(try told(driver, gap)?.gap == Gap(origin: .kernel))
    }

    @Test("an event of another user that the log does not take is no gap of its own")
    func anothersGap() throws {
        let driver = try Driver()
        let id = driver.connect(uid: 1000, ownEventsOnly: true)
        let read = driver.read(id)
        for uid: UInt32 in [0, 1000] {
            let sequence = driver.delivery.nextSequence
            var event = Event(
                sequence: sequence, cursor: driver.cursor(sequence), type: .exec, realtimeUSec: 1, monotonicUSec: 1)
            event.process = Process(
                entityID: String(repeating: "x", count: driver.delivery.log.maximumEventBytes), pid: 1,
                startTimeNSec: 1)
            event.process?.uid = uid
            driver.append(event)
            #expect(driver.delivery.statistics.oversized == sequence)
            #expect(driver.events(read) == (uid == 0 ? [] : [2]))
        }
    }

    @Test("maxBytes bounds what is told, not what the log has")
    func maximumBytes() throws {
        let driver = try Driver()
        let id = driver.connect(uid: 1000, ownEventsOnly: true)
        var large = event(driver)
        large.ancestors[1].arguments = [ByteString(String(repeating: "x", count: 5000))]
        let read = driver.read(id, ReadRequest(maxBytes: 2000))
        driver.append(large)
        #expect(driver.events(read) == [1])
    }

    @Test("a user's group is another one where it sees everything, as in a login session with the group tocsin")
    func groups() throws {
        let driver = try Driver()
        let all = try driver.open(uid: 1000, group: "g")
        let own = driver.connect(uid: 1000, ownEventsOnly: true)
        _ = try driver.delivery.open(own, OpenRequest(group: "g"))
        let (readAll, readOwn) = (driver.read(all), driver.read(own))
        driver.append(uid: 0)
        driver.append(uid: 1000)
        #expect(driver.events(readAll) == [1])
        #expect(driver.events(readOwn) == [2])
    }

    @Test("its own sessions are all that is counted to it")
    func figures() throws {
        let driver = try Driver()
        let own = driver.connect(uid: 1000, ownEventsOnly: true)
        let other = driver.connect(uid: 0)
        for _ in 0..<2 { driver.read(own) }
        for _ in 0..<5 { driver.read(other) }
        driver.append(uid: 1000)
        driver.append(uid: 0)
        #expect(
            driver.delivery.figures(ofUser: 1000) == UserFigures(sessions: 1, pendingReads: 1, delivered: 1, lost: 0))
        #expect(driver.delivery.figures(ofUser: 7) == UserFigures())
    }
}
