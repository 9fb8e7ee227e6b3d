import JSON
import Synchronization
import TestSupport
import Testing
import TocsinEvents

@testable import TocsinClient

@Suite(.timeLimit(.minutes(1))) struct EventStreamTests {
    private func client(_ daemon: ScriptedDaemon, _ clock: some Clock<Duration> = ImpatientClock()) -> TocsinClient {
        TocsinClient(socketPath: daemon.socketPath, clock: clock)
    }

    private func cursor(_ sequence: UInt64) -> Cursor { Cursor(instance: 0xA5, sequence: sequence) }

    @Test("as many reads pend as the depth says, and a further one for each event that was taken")
    func depth() async throws {
        let daemon = try await ScriptedDaemon.start()
        let events = Task { [client = client(daemon)] in
            var events = client.events(Filter(types: [.heartbeat]), depth: 3).makeAsyncIterator()
            return try await [events.next(), events.next(), events.next(), events.next()]
        }
        let open = try await daemon.open()
        #expect(open.parameters == ["filter": .object(["types": .array([.string("heartbeat")])])])
        var reads: [ScriptedCall] = []
        for _ in 0..<3 { reads.append(try await daemon.next("Read")) }
        #expect(reads.allSatisfy { $0.parameters == ["allowTruncation": .boolean(true)] })
        for (index, read) in reads.enumerated() { try read.complete(with: .heartbeat(UInt64(index + 1))) }
        // One for each that was asked for after the first.
        reads = []
        for _ in 0..<3 { reads.append(try await daemon.next("Read")) }
        try reads[0].complete(with: .heartbeat(4))
        #expect(try await events.value == [.heartbeat(1), .heartbeat(2), .heartbeat(3), .heartbeat(4)])
        try await daemon.stop()
    }

    @Test("a lost connection is resumed after the last event, whatever was pending")
    func reconnects() async throws {
        let daemon = try await ScriptedDaemon.start()
        let clock = ImpatientClock()
        let retries = Mutex<[Retry]>([])
        let collected = Task { [client = client(daemon, clock)] in
            var collected: [Event] = []
            for try await event in client.events(depth: 2, onRetry: { retry in retries.withLock { $0.append(retry) } })
            {
                collected.append(event)
                if collected.count == 2 { break }
            }
            return collected
        }
        try await daemon.open(at: 4)
        try await daemon.next("Read").complete(with: .heartbeat(5))
        _ = try await daemon.next("Read")
        try await daemon.next("Read").closeConnection()
        let open = try await daemon.open(at: 5)
        #expect(open.parameters == ["after": .string(ScriptedDaemon.cursor(5))])
        try await daemon.next("Read").complete(with: .heartbeat(6))
        #expect(try await collected.value == [.heartbeat(5), .heartbeat(6)])
        #expect(clock.waits == [.milliseconds(50)])
        #expect(
            retries.withLock { $0 } == [Retry(attempt: 1, delay: .milliseconds(50), reason: .disconnected)])
        try await daemon.stop()
    }

    @Test("a daemon that shuts down is waited for, and its cursor used")
    func shutsDown() async throws {
        let daemon = try await ScriptedDaemon.start()
        let event = Task { [client = client(daemon)] in
            var events = client.events(depth: 1).makeAsyncIterator()
            return try await events.next()
        }
        try await daemon.open(at: 4)
        try await daemon.next("Read").fail("ShuttingDown", ["cursor": .string(ScriptedDaemon.cursor(8))])
        let open = try await daemon.open(at: 8)
        #expect(open.parameters["after"] == .string(ScriptedDaemon.cursor(8)))
        try await daemon.next("Read").complete(with: .heartbeat(9))
        #expect(try await event.value == .heartbeat(9))
        try await daemon.stop()
    }

    @Test("events that the log does not have any more are a gap in the stream, which goes on from the oldest")
    func expired() async throws {
        let daemon = try await ScriptedDaemon.start()
        let collected = Task { [client = client(daemon)] in
            var completions = client.events(after: cursor(3), depth: 1).completions.makeAsyncIterator()
            return try await [completions.next(), completions.next()]
        }
        try await daemon.next("Open")
            .fail("CursorExpired", ["oldestCursor": .string(ScriptedDaemon.cursor(10)), "lost": .integer(7)])
        let open = try await daemon.open(at: 10)
        #expect(open.parameters["after"] == .string(ScriptedDaemon.cursor(10)))
        try await daemon.next("Read").complete(with: .heartbeat(11))
        let completions = try await collected.value
        let gap = try #require(completions[0])
        #expect(try gap.event.type == .gap)
        #expect(try gap.event.gap == Gap(origin: .session, first: 4, last: 10, count: 7))
        #expect(gap.lost == 7)
        #expect(gap.cursor == cursor(10))
        #expect(try completions[1]?.event == .heartbeat(11))
        try await daemon.stop()
    }

    @Test("batches hold every event once and in order, and a failure comes after what arrived with it")
    func batches() async throws {
        let daemon = try await ScriptedDaemon.start()
        let collected = Mutex<[UInt64]>([])
        let task = Task { [client = client(daemon)] in
            for try await batch in client.events(depth: 8).completions.batches {
                #expect(!batch.isEmpty)
                collected.withLock { $0 += batch.map(\.cursor.sequence) }
            }
        }
        try await daemon.open()
        for sequence in 1...100 as ClosedRange<UInt64> {
            try await daemon.next("Read").complete(with: .heartbeat(sequence))
        }
        try await daemon.next("Read").fail("Cancelled")
        await #expect(throws: TocsinError.cancelled) { try await task.value }
        #expect(collected.withLock { $0 } == Array(1...100))
        try await daemon.stop()
    }

    @Test("an event is decoded for who asks, and else passed on as it came")
    func undecoded() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = Task { [client = client(daemon)] in try await client.open() }
        try await daemon.open()
        let read = Task { try await session.value.read() }
        let event: JSONObject = [
            "sequence": .integer(1), "cursor": .string(ScriptedDaemon.cursor(1)), "type": .string("exec"),
            "realtimeUSec": .integer(1), "monotonicUSec": .integer(1), "file": .integer(3),
        ]
        try await daemon.next("Read").reply(["event": .object(event), "queued": .integer(4), "lost": .integer(5)])
        let completion = try await read.value
        #expect(completion.cursor == cursor(1) && completion.queued == 4 && completion.lost == 5)
        #expect(completion.json.value == .object(event))
        #expect(throws: TocsinError.malformedReply("event.file: expected an object")) { try completion.event }
        try await daemon.stop()
    }

    @Test("a member of a group acknowledges an event when it asks for the next")
    func group() async throws {
        let daemon = try await ScriptedDaemon.start()
        let (asked, ask) = AsyncStream.makeStream(of: Void.self)
        let task = Task { [client = client(daemon)] in
            var events = client.events(group: "g", depth: 1).makeAsyncIterator()
            _ = try await events.next()
            for await _ in asked { break }
            _ = try await events.next()
        }
        let open = try await daemon.open()
        #expect(open.parameters == ["group": .string("g")])
        let first = try await daemon.next("Read")
        #expect(first.parameters["acknowledge"] == nil)
        try first.complete(with: .heartbeat(1))
        ask.yield()
        let second = try await daemon.next("Read")
        #expect(second.parameters["acknowledge"] == .string(ScriptedDaemon.cursor(1)))
        try second.complete(with: .heartbeat(2))
        try await task.value
        try await daemon.stop()
    }

    @Test("leaving the loop closes the connection, and with it the pending reads")
    func leaving() async throws {
        let daemon = try await ScriptedDaemon.start()
        let task = Task { [client = client(daemon)] in
            for try await _ in client.events(depth: 2) { break }
        }
        try await daemon.open()
        try await daemon.next("Read").complete(with: .heartbeat(1))
        try await task.value
        try await daemon.connectionCloses()
        try await daemon.stop()
    }

    @Test("cancelling the task ends the loop without an error and closes the connection")
    func cancelling() async throws {
        let daemon = try await ScriptedDaemon.start()
        let task = Task { [client = client(daemon)] in
            for try await _ in client.events(depth: 1) {}
        }
        try await daemon.open()
        _ = try await daemon.next("Read")
        task.cancel()
        try await task.value
        try await daemon.connectionCloses()
        try await daemon.stop()
    }

    @Test("reads cancelled by somebody end the stream with that error")
    func cancelled() async throws {
        let daemon = try await ScriptedDaemon.start()
        let task = Task { [client = client(daemon)] in
            for try await _ in client.events(depth: 1) {}
        }
        try await daemon.open()
        try await daemon.next("Read").fail("Cancelled")
        await #expect(throws: TocsinError.cancelled) { try await task.value }
        try await daemon.stop()
    }

    @Test("a reply that is no event names what is wrong with it")
    func malformed() async throws {
        let daemon = try await ScriptedDaemon.start()
        let task = Task { [client = client(daemon)] in
            for try await _ in client.events(depth: 1) {}
        }
        try await daemon.open()
        try await daemon.next("Read").reply(["event": .object(["sequence": .string("x")])])
        await #expect(throws: TocsinError.malformedReply("event.sequence: expected an integer")) {
            try await task.value
        }
        try await daemon.stop()
    }

    @Test("one Subscribe call brings events without being asked again")
    func subscribe() async throws {
        let daemon = try await ScriptedDaemon.start()
        let task = Task { [client = client(daemon)] in
            var events = client.subscribe(after: cursor(3)).makeAsyncIterator()
            return try await [events.next()?.event, events.next()?.event]
        }
        let call = try await daemon.next("Subscribe")
        #expect(call.parameters == ["after": .string(ScriptedDaemon.cursor(3))])
        call.reply(["ready": .boolean(true), "cursor": .string(ScriptedDaemon.cursor(3))], continues: true)
        for sequence in 4...5 {
            var writer = JSONWriter()
            writer.event(.heartbeat(UInt64(sequence)))
            call.reply(["event": try JSONValue(parsing: writer.bytes)], continues: true)
        }
        #expect(try await task.value == [.heartbeat(4), .heartbeat(5)])
        try await daemon.connectionCloses()
        try await daemon.stop()
    }
}
