import TestKit
import TestSupport
import Testing
import TocsinClient

@Suite(.serialized) struct PendingReadsTests {
    private let connections = Soak.scaled(200, full: 1000)
    private let events = Soak.scaled(20, full: 100)

    @Test("1,000 connections with a read pending: each event completes every one of them")
    func everyReadOfEveryConnection() async throws {
        // Between two events all must have their reads pending again; a sanitizer takes its time for that.
        let interval = isSanitized ? 500 : Soak.scaled(50, full: 200)
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [heartbeat]
                heartbeat: {interval: \(interval)ms}
                log: {size: 1MiB}
                limits: {connections: 1100, connectionsPerUser: 1100}
                """)
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        var middle: Vitals?
        for round in 1...3 {
            let load = try Load(["pend", daemon.socketPath, "\(connections)", "\(events)"])
            let allPend = try await Soak.eventually { try await daemon.client.status().pendingReads >= connections }
            #expect(allPend, "\(daemon.process.errorsWritten)")
            let figures = try await load.figures()
            #expect(figures["replies"] == UInt64(connections * events))
            #expect(figures["skipped"] == 0 && figures["lost"] == 0 && figures["errors"] == 0, "\(figures)")
            let isQuiet = try await Soak.eventually { try await daemon.client.status().sessionCount == 1 }
            #expect(isQuiet, "who is gone has no session")
            if round == 2 { middle = try Vitals(of: daemon) }
        }
        let end = try Vitals(of: daemon)
        end.expectFlat(since: try #require(middle))
        end.expectBounded()
        try await witness.hasSeenAll(of: daemon)
        let status = try await daemon.client.status()
        #expect(status.lostDaemon == 0)
        Soak.report("pending reads", "3 times \(connections) connections, \(events) events each, all told; \(end)")
    }
}
