import TestSupport
import Testing
import TocsinClient

@Suite(.serialized) struct DyingClientsTests {
    private let count = Soak.scaled(150, full: 3000)

    @Test("clients that are killed in the middle of a call or a reply leave nothing behind")
    func dying() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [heartbeat]\nheartbeat: {interval: 10ms}\nlog: {size: 1MiB}")
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        var middle: Vitals?
        for round in 1...4 {
            let figures = try await Load.run(["die", daemon.socketPath, "\(count)", "\(round)"])
            #expect(figures["killed"] == UInt64(count))
            let forgotten = try await Soak.eventually {
                let status = try await daemon.client.status()
                return status.sessionCount == 1 && status.sessions?.count ?? 1 == 1
            }
            #expect(forgotten, "no session outlives its client")
            if round == 2 { middle = try Vitals(of: daemon) }
        }
        let end = try Vitals(of: daemon)
        end.expectFlat(since: try #require(middle))
        end.expectBounded()
        try await witness.hasSeenAll(of: daemon)
        let status = try await daemon.client.status()
        #expect(status.lostDaemon == 0 && status.refused(by: "connectionsPerUser") == 0)
        Soak.report("dying clients", "\(4 * count) killed; \(end)")
    }
}
