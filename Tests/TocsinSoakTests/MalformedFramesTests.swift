import NIOPosix
import TestSupport
import Testing

@Suite(.serialized) struct MalformedFramesTests {
    private let frames = Soak.scaled(1000, full: 100_000)

    @Test("malformed frames over the socket close their own connection and no other")
    func overTheSocket() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [heartbeat]\nheartbeat: {interval: 10ms}\nlog: {size: 1MiB}")
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        let words = [
            "\0", "\"method\":", "\"more\":true,", "\"parameters\":{", "{", "}", "null", "io.tocsin.Events.Read",
        ]
        let mutator = Mutator(try Seeds.lines("calls.jsonl").map { $0 + [0] }, words: words)

        try await send(0..<frames / 2, mutator, daemon)
        let middle = try Vitals(of: daemon)
        try await send(frames / 2..<frames, mutator, daemon)
        let allGone = try await Soak.eventually { try await daemon.client.status().sessionCount == 1 }
        #expect(allGone)
        let end = try Vitals(of: daemon)
        end.expectFlat(since: middle)
        end.expectBounded()
        try await witness.hasSeenAll(of: daemon)
        let status = try await daemon.client.status()
        #expect(status.refused(by: "malformedMessage") > 0 && status.refused(by: "call") > 0)
        #expect(status.refused(by: "connections") == 0 && status.refused(by: "connectionsPerUser") == 0)
        #expect(status.refused(by: "accept") == 0 && status.lostDaemon == 0)
        Soak.report(
            "malformed frames",
            "\(frames) over the socket, \(status.refused(by: "malformedMessage")) closed their connection, \(status.refused(by: "call")) calls refused; \(end)"
        )
    }

    /// A connection for each frame. It is answered or closed in time: one that hangs is an error.
    private func send(_ numbers: Range<Int>, _ mutator: Mutator, _ daemon: RunningDaemon) async throws {
        let path = daemon.socketPath
        let workers = 4
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    try await NIOThreadPool.singleton.runIfActive {
                        for number in stride(from: numbers.lowerBound + worker, to: numbers.upperBound, by: workers) {
                            let socket = try TestSocket(connectingTo: path)
                            // The daemon may close before all is sent.
                            try? socket.send(bytes: mutator.frame(number))
                            socket.shutdownWriting()
                            do { try socket.isAnsweredOrClosed() } catch {
                                Issue.record("frame \(number) of seed \(mutator.seed): \(error)")
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
