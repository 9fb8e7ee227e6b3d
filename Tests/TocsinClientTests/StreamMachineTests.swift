import JSON
import Testing
import TocsinEvents

@testable import TocsinClient

@Suite struct StreamMachineTests {
    private static func cursor(_ sequence: UInt64, instance: UInt64 = 1) -> Cursor {
        Cursor(instance: instance, sequence: sequence)
    }

    private func completion(_ sequence: UInt64) throws -> Completion {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("event")
        writer.event(
            Event(
                sequence: sequence, cursor: Self.cursor(sequence), type: .heartbeat, realtimeUSec: 0, monotonicUSec: 0))
        writer.endObject()
        return try Completion(json: JSONText(parsing: writer.bytes))
    }

    private func machine(
        after: Cursor? = nil, isGroup: Bool = false, depth: Int = 3, attempts: Int? = nil
    ) -> StreamMachine {
        StreamMachine(
            after: after, isGroup: isGroup, depth: depth,
            reconnection: Reconnection(
                initialDelay: .milliseconds(50), maximumDelay: .milliseconds(300), maximumAttempts: attempts))
    }

    private func retry(
        _ attempt: Int, _ milliseconds: Int, _ reason: TocsinError = .disconnected
    ) -> Retry {
        Retry(attempt: attempt, delay: .milliseconds(milliseconds), reason: reason)
    }

    /// Opened at cursor 10, with all reads sent.
    private func reading(isGroup: Bool = false, depth: Int = 3, attempts: Int? = nil) -> StreamMachine {
        var machine = machine(isGroup: isGroup, depth: depth, attempts: attempts)
        _ = machine.next()
        machine.opened(at: Self.cursor(10), maximumPendingReads: 64)
        _ = machine.next()
        return machine
    }

    @Test("it opens at once, sends as many reads as its depth, and then waits for the oldest")
    func start() {
        var machine = machine(after: Self.cursor(5))
        #expect(machine.next() == .open(after: Self.cursor(5), nil))
        machine.opened(at: Self.cursor(5), maximumPendingReads: 64)
        #expect(machine.next() == .read(3, acknowledge: nil))
        #expect(machine.next() == .awaitReply)
    }

    @Test("no more reads are sent than the daemon takes, and at least one")
    func limit() {
        var machine = machine()
        _ = machine.next()
        machine.opened(at: Self.cursor(5), maximumPendingReads: 1)
        #expect(machine.next() == .read(1, acknowledge: nil))
        #expect(machine.next() == .awaitReply)
    }

    @Test("a read replaces a completed one only when the consumer asks for more")
    func window() throws {
        var machine = reading(depth: 2)
        machine.completed(try completion(11))
        #expect(machine.next() == .deliver(.completion(try completion(11))))
        machine.consumerAsks()
        #expect(machine.next() == .read(1, acknowledge: nil))
        #expect(machine.next() == .awaitReply)
    }

    @Test("further reads are sent half of the depth at a time, and acknowledgements at once")
    func refilling() throws {
        for isGroup in [false, true] {
            var machine = reading(isGroup: isGroup, depth: 4)
            machine.completed(try completion(11))
            _ = machine.next()
            machine.consumerAsks()
            if isGroup { #expect(machine.next() == .read(1, acknowledge: Self.cursor(11))) }
            #expect(machine.next() == .awaitReply)
            for sequence in 12...13 as ClosedRange<UInt64> {
                machine.completed(try completion(sequence))
                _ = machine.next()
            }
            machine.consumerAsks()
            #expect(
                machine.next() == (isGroup ? .read(2, acknowledge: Self.cursor(13)) : .read(3, acknowledge: nil)))
            #expect(machine.next() == .awaitReply)
        }
    }

    @Test("a lost connection resumes after the last event received, not the last opened position")
    func resume() throws {
        var machine = reading()
        machine.completed(try completion(11))
        #expect(machine.next() == .deliver(.completion(try completion(11))))
        machine.consumerAsks()
        machine.failed(.disconnected)
        #expect(machine.next() == .open(after: Self.cursor(11), retry(1, 50)))
    }

    @Test("a connection lost before any event resumes where the session began")
    func resumeWithoutEvent() {
        var machine = reading()
        machine.failed(.disconnected)
        #expect(machine.next() == .open(after: Self.cursor(10), retry(1, 50)))
    }

    @Test("a daemon that shuts down says where to resume")
    func shuttingDown() {
        var machine = reading()
        machine.failed(.shuttingDown(Self.cursor(14)))
        #expect(machine.next() == .open(after: Self.cursor(14), retry(1, 50, .shuttingDown(Self.cursor(14)))))
    }

    @Test("waits double up to the bound, and only an event ends the series")
    func backOff() throws {
        var machine = reading()
        machine.failed(.disconnected)
        var reason = TocsinError.disconnected
        for (index, milliseconds) in [50, 100, 200, 300, 300].enumerated() {
            #expect(machine.next() == .open(after: Self.cursor(10), retry(index + 1, milliseconds, reason)))
            reason = .noSocket(path: "/s")
            machine.failed(reason)
        }
        // Accepted, and lost at once: the series goes on.
        #expect(machine.next() == .open(after: Self.cursor(10), retry(6, 300, reason)))
        machine.opened(at: Self.cursor(10), maximumPendingReads: 8)
        machine.failed(.disconnected)
        #expect(machine.next() == .open(after: Self.cursor(10), retry(7, 300)))
        machine.opened(at: Self.cursor(10), maximumPendingReads: 8)
        _ = machine.next()
        machine.completed(try completion(11))
        _ = machine.next()
        machine.failed(.disconnected)
        #expect(machine.next() == .open(after: Self.cursor(11), retry(1, 50)))
    }

    @Test("after the last attempt the stream ends with the error of that attempt, and stays ended")
    func attempts() {
        var machine = reading(attempts: 2)
        machine.failed(.disconnected)
        _ = machine.next()
        machine.failed(.noSocket(path: "/s"))
        _ = machine.next()
        machine.failed(.notListening(path: "/s"))
        #expect(machine.next() == .end(.notListening(path: "/s")))
        #expect(machine.next() == .end(.notListening(path: "/s")))
    }

    @Test(
        "before the first session a failure is the caller's",
        arguments: [
            TocsinError.noSocket(path: "/s"), .permissionDenied(path: "/s"), .disconnected,
            .notImplemented(method: "io.tocsin.Events.Open"), .shuttingDown(Cursor(instance: 1, sequence: 1)),
        ])
    func firstFailure(_ error: TocsinError) {
        var machine = machine()
        _ = machine.next()
        machine.failed(error)
        #expect(machine.next() == .end(error))
    }

    @Test(
        "what another attempt cannot mend ends the stream",
        arguments: [
            TocsinError.cancelled, .notImplemented(method: "io.tocsin.Events.Read"), .malformedReply("x"),
            .invalidParameter("filter"), .unknown(name: "io.tocsin.Events.Moon"),
        ])
    func permanent(_ error: TocsinError) {
        var machine = reading()
        machine.failed(error)
        #expect(machine.next() == .end(error))
    }

    @Test("an expired cursor becomes a gap, and the stream goes on from the oldest event")
    func expired() {
        var machine = reading()
        machine.failed(.disconnected)
        _ = machine.next()
        machine.failed(.cursorExpired(oldest: Self.cursor(20), lost: 10))
        #expect(
            machine.next()
                == .deliver(.gap(Gap(origin: .session, first: 11, last: 20, count: 10), Self.cursor(20))))
        machine.consumerAsks()
        #expect(machine.next() == .open(after: Self.cursor(20), nil))
    }

    @Test("a cursor of another life of the log says nothing about numbers")
    func otherInstance() {
        var machine = machine(after: Self.cursor(10, instance: 9))
        _ = machine.next()
        machine.failed(.cursorExpired(oldest: Self.cursor(0), lost: nil))
        #expect(machine.next() == .deliver(.gap(Gap(origin: .restart), Self.cursor(0))))
        #expect(machine.next() == .open(after: Self.cursor(0), nil))
    }

    @Test("a member of a group acknowledges an event when it asks for the next one, not before")
    func acknowledge() throws {
        var machine = reading(isGroup: true, depth: 2)
        machine.completed(try completion(11))
        #expect(machine.next() == .deliver(.completion(try completion(11))))
        machine.consumerAsks()
        #expect(machine.next() == .read(1, acknowledge: Self.cursor(11)))
        #expect(machine.next() == .awaitReply)
    }

    @Test("what was given to a lost session is not acknowledged by the next: the group gives it out again")
    func acknowledgeAfterLoss() throws {
        var machine = reading(isGroup: true, depth: 1)
        machine.completed(try completion(11))
        _ = machine.next()
        machine.failed(.disconnected)
        machine.consumerAsks()
        _ = machine.next()
        machine.opened(at: Self.cursor(10), maximumPendingReads: 8)
        #expect(machine.next() == .read(1, acknowledge: nil))
    }

    @Test("only members of a group acknowledge")
    func noGroup() throws {
        var machine = reading(depth: 1)
        machine.completed(try completion(11))
        _ = machine.next()
        machine.consumerAsks()
        #expect(machine.next() == .read(1, acknowledge: nil))
    }
}
