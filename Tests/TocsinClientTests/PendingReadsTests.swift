import JSON
import TestSupport
import Testing
import TocsinEvents

@testable import TocsinClient

/// Reads of a session that were sent, against a scripted daemon.
@Suite(.timeLimit(.minutes(1))) struct PendingReadsTests {
    private func cursor(_ sequence: UInt64) -> Cursor { Cursor(instance: 0xA5, sequence: sequence) }

    private func session(_ daemon: ScriptedDaemon) async throws -> Session {
        let session = Task { try await TocsinClient(socketPath: daemon.socketPath).open() }
        try await daemon.open()
        return try await session.value
    }

    @Test(
        "the first of the reads carries the acknowledgement, and there are as many as were asked for", arguments: 1...3)
    func acknowledgement(count: Int) async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let reads = session.pendingReads()
        reads.send(count, acknowledge: cursor(7))
        reads.send(1, acknowledge: nil)
        let plain: JSONObject = ["allowTruncation": .boolean(true)]
        var acknowledging = plain
        acknowledging["acknowledge"] = .string(ScriptedDaemon.cursor(7))
        #expect(try await daemon.next("Read").parameters == acknowledging)
        for _ in 0..<count { #expect(try await daemon.next("Read").parameters == plain) }
        // Nothing is between them and a call that was made behind them.
        let last = Task { try await session.read(timeout: .seconds(5)) }
        #expect(try await daemon.next("Read").parameters["timeoutMSec"] == .integer(5000))
        last.cancel()
        await #expect(throws: CancellationError.self) { try await last.value }
        await session.close()
        try await daemon.stop()
    }

    @Test("what has arrived is taken without waiting and in order, up to a failure, which is met when it is waited for")
    func arrived() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let reads = session.pendingReads()
        #expect(reads.takeArrived() == nil)
        reads.send(4, acknowledge: nil)
        let behind = Task { try await session.read() }
        for sequence in 1...2 as ClosedRange<UInt64> {
            try await daemon.next("Read").complete(with: .heartbeat(sequence))
        }
        try await daemon.next("Read").fail("TimedOut")
        try await daemon.next("Read").complete(with: .heartbeat(3))
        try await daemon.next("Read").complete(with: .heartbeat(4))
        // The last has come, and so have those before it.
        #expect(try await behind.value.cursor == cursor(4))
        #expect(reads.takeArrived()?.cursor == cursor(1))
        #expect(try await reads.next().cursor == cursor(2))
        for _ in 0..<2 { #expect(reads.takeArrived() == nil) }
        await #expect(throws: TocsinError.timedOut) { try await reads.next() }
        #expect(reads.takeArrived()?.cursor == cursor(3))
        #expect(reads.takeArrived() == nil)
        await session.close()
        try await daemon.stop()
    }

    @Test("a reply that is no event is met when it is waited for, and what came before it is told first")
    func malformed() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let reads = session.pendingReads()
        reads.send(2, acknowledge: nil)
        let behind = Task { try await session.read() }
        try await daemon.next("Read").complete(with: .heartbeat(1))
        try await daemon.next("Read").reply(["event": .object(["sequence": .integer(2)])])
        try await daemon.next("Read").complete(with: .heartbeat(3))
        #expect(try await behind.value.cursor == cursor(3))
        #expect(reads.takeArrived()?.cursor == cursor(1))
        #expect(reads.takeArrived() == nil)
        await #expect {
            try await reads.next()
        } throws: { error in
            if case .malformedReply = error as? TocsinError { true } else { false }
        }
        await session.close()
        try await daemon.stop()
    }

    @Test("a connection that ends is told after what came before")
    func ends() async throws {
        let daemon = try await ScriptedDaemon.start()
        let session = try await session(daemon)
        let reads = session.pendingReads()
        reads.send(2, acknowledge: nil)
        try await daemon.next("Read").complete(with: .heartbeat(1))
        try await daemon.next("Read").closeConnection()
        #expect(try await reads.next().cursor == cursor(1))
        await #expect(throws: TocsinError.disconnected) { try await reads.next() }
        #expect(reads.takeArrived() == nil)
        await session.close()
        try await daemon.stop()
    }
}
