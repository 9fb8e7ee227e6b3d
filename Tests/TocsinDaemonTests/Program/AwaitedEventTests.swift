import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// Records that nobody waits for stay in the probes' ring for a while. Nobody can tell.
@Suite(.enabled(if: isRoot, "loading probes needs root"))
struct AwaitedEventTests {
    private func daemon() async throws -> RunningDaemon {
        try await RunningDaemon.ready(["--source", "ebpf"], configuration: "rules: {directories: []}")
    }

    /// The number of a program that has come and gone.
    private func pastProgram() async throws -> Int32 {
        let process = try RunningSubprocess("/bin/true", [])
        _ = try await process.ended()
        return process.pid
    }

    /// What the session was told of until the end of a program that ended last.
    private func ends(_ session: Session, until last: Int32) async throws -> [Int32] {
        var ends: [Int32] = []
        while ends.last != last {
            if let pid = try await session.read(timeout: .seconds(20)).event.process?.pid { ends.append(pid) }
        }
        return ends
    }

    @Test("a session that begins now is not told of what happened before, though nobody had waited for it")
    func begin() async throws {
        let daemon = try await daemon()
        for _ in 0..<20 {
            let before = try await pastProgram()
            let session = try await daemon.client.open(Filter(types: [.exit]))
            let after = try await pastProgram()
            #expect(!(try await ends(session, until: after).contains(before)))
            await session.close()
        }
    }

    @Test("a session that resumes is told of what happened while nobody waited")
    func resume() async throws {
        let daemon = try await daemon()
        var cursor = try await daemon.client.open().cursor
        for _ in 0..<20 {
            let (first, second) = (try await pastProgram(), try await pastProgram())
            let session = try await daemon.client.open(Filter(types: [.exit]), after: cursor)
            let ends = try await ends(session, until: second)
            #expect(ends.contains(first))
            cursor = try await daemon.client.open().cursor
            await session.close()
        }
    }

    @Test("the status counts what has happened, though nobody waits for it")
    func status() async throws {
        let daemon = try await daemon()
        for _ in 0..<20 {
            let before = try await daemon.client.status().lastSequence
            _ = try await pastProgram()
            #expect(try await daemon.client.status().lastSequence >= before + 2, "its start and its end")
        }
    }

    @Test("a type that a further session waits for is told at once")
    func growth() async throws {
        let daemon = try await daemon()
        let starts = try await daemon.client.open(Filter(types: [.exec]))
        let ends = try await daemon.client.open(Filter(types: [.exit]))
        let past = try await pastProgram()
        _ = try await self.ends(ends, until: past)
        await starts.close()
        let later = try await pastProgram()
        _ = try await self.ends(ends, until: later)
        await ends.close()
    }
}
