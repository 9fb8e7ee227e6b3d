import JSON
import TestSupport
import Testing
import TocsinEvents

@testable import TocsinClient

@Suite(.timeLimit(.minutes(1))) struct SessionTests {
    private func session(_ daemon: ScriptedDaemon) async throws -> Session {
        let client = TocsinClient(socketPath: daemon.socketPath)
        async let session = client.open()
        try await daemon.open(at: 3)
        return try await session
    }

    @Test("an opened session knows its name, its place and its bounds")
    func open() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        #expect(session.name == "s-1")
        #expect(session.cursor == Cursor(instance: 0xA5, sequence: 3))
        #expect(session.maximumPendingReads == 64)
        #expect(session.maximumBytes == 65536)
        await session.close()
        try await daemon.stop()
    }

    @Test("three reads of three tasks pend at the same time, and each gets one event")
    func concurrent() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let tasks = (0..<3).map { _ in Task { try await session.read().event.sequence } }
        var reads: [ScriptedCall] = []
        for _ in 0..<3 { reads.append(try await daemon.next("Read")) }
        for (index, read) in reads.enumerated() { try read.complete(with: .heartbeat(UInt64(index + 1))) }
        var sequences: Set<UInt64> = []
        for task in tasks { sequences.insert(try await task.value) }
        #expect(sequences == [1, 2, 3])
        try await daemon.stop()
    }

    @Test("what a read asks for is sent as the interface has it")
    func parameters() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        async let completion = session.read(
            timeout: .microseconds(1500), maxBytes: 100, allowTruncation: true,
            acknowledge: Cursor(instance: 0xA5, sequence: 3))
        let read = try await daemon.next("Read")
        #expect(
            read.parameters == [
                "timeoutMSec": .integer(2), "maxBytes": .integer(100), "allowTruncation": .boolean(true),
                "acknowledge": .string(ScriptedDaemon.cursor(3)),
            ])
        try read.complete(with: .heartbeat(4), queued: 5, lost: 6)
        let (queued, lost) = try await (completion.queued, completion.lost)
        #expect(queued == 5 && lost == 6)
        try await daemon.stop()
    }

    @Test("a cancelled read consumes no event: the next read gets it")
    func cancelledRead() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let task = Task { try await session.read() }
        let read = try await daemon.next("Read")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try read.complete(with: .heartbeat(4))
        #expect(try await session.read().event == .heartbeat(4))
        try await daemon.stop()
    }

    @Test("the events of several cancelled reads come in their order, whichever was cancelled first")
    func cancelledReads() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        var tasks: [Task<Completion, any Error>] = []
        var reads: [ScriptedCall] = []
        for _ in 0..<2 {
            tasks.append(Task { try await session.read() })
            reads.append(try await daemon.next("Read"))
        }
        for task in tasks.reversed() {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        for (index, read) in reads.enumerated() { try read.complete(with: .heartbeat(UInt64(index + 4))) }
        #expect(try await session.read().event == .heartbeat(4))
        #expect(try await session.read().event == .heartbeat(5))
        try await daemon.stop()
    }

    @Test("a timeout holds also for a read that takes over a cancelled one")
    func timeoutAfterCancelledRead() async throws {
        let daemon = try await ScriptedDaemon.start()
        let client = TocsinClient(socketPath: daemon.socketPath, clock: ImpatientClock())
        async let opened = client.open()
        try await daemon.open(at: 3)
        let session = try await opened
        let task = Task { try await session.read() }
        let read = try await daemon.next("Read")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await #expect(throws: TocsinError.timedOut) { try await session.read(timeout: .seconds(1)) }
        try read.complete(with: .heartbeat(4))
        #expect(try await session.read().event == .heartbeat(4))
        try await daemon.stop()
    }

    @Test("acknowledging without reading takes no event")
    func acknowledge() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        for (error, parameters) in [("TimedOut", [:]), ("BufferTooSmall", ["requiredBytes": .integer(300)])]
            as [(String, JSONObject)]
        {
            async let acknowledged: Void = session.acknowledge(Cursor(instance: 0xA5, sequence: 9))
            let read = try await daemon.next("Read")
            #expect(
                read.parameters == [
                    "timeoutMSec": .integer(0), "maxBytes": .integer(1),
                    "acknowledge": .string(ScriptedDaemon.cursor(9)),
                ])
            read.fail(error, parameters)
            try await acknowledged
        }
        try await daemon.stop()
    }

    @Test(
        "every error of the interface has a case of its own",
        arguments: [
            ("TimedOut", [:], .timedOut), ("Cancelled", [:], .cancelled),
            (
                "ShuttingDown", ["cursor": .string(ScriptedDaemon.cursor(7))],
                .shuttingDown(Cursor(instance: 0xA5, sequence: 7))
            ),
            ("BufferTooSmall", ["requiredBytes": .integer(300)], .bufferTooSmall(required: 300)),
            (
                "CursorExpired", ["oldestCursor": .string(ScriptedDaemon.cursor(7)), "lost": .integer(2)],
                .cursorExpired(oldest: Cursor(instance: 0xA5, sequence: 7), lost: 2)
            ),
            ("AlreadyOpen", [:], .alreadyOpen), ("NoSuchSession", [:], .noSuchSession),
            (
                "LimitExceeded", ["limit": .string("groups"), "value": .integer(8)],
                .limitExceeded(limit: "groups", value: 8)
            ),
            ("org.varlink.service.InvalidParameter", ["parameter": .string("filter")], .invalidParameter("filter")),
            (
                "org.varlink.service.MethodNotFound", ["method": .string("io.tocsin.Events.Read")],
                .notImplemented(method: "io.tocsin.Events.Read")
            ),
            ("io.tocsin.Events.Moon", [:], .unknown(name: "io.tocsin.Events.Moon")),
            ("ShuttingDown", [:], .malformedReply("cursor: expected a cursor")),
        ] as [(String, JSONObject, TocsinError)])
    func errors(_ name: String, _ parameters: JSONObject, _ expected: TocsinError) async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let completion = Task { try await session.read() }
        try await daemon.next("Read").fail(name, parameters)
        let error = await #expect(throws: TocsinError.self) { try await completion.value }
        #expect(error == expected)
        try await daemon.stop()
    }

    @Test("what pends when the session is closed fails with a lost connection")
    func close() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let completion = Task { try await session.read() }
        _ = try await daemon.next("Read")
        await session.close()
        await #expect(throws: TocsinError.disconnected) { try await completion.value }
        try await daemon.stop()
    }
}
