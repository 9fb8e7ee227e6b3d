import TestSupport
import Testing
import TocsinClient

@Suite(.serialized) struct ConnectStormTests {
    private let seconds = Soak.scaled(1, full: 10)

    @Test("10,000 connections a second, with half a call or none, delay nobody and leave nothing behind")
    func connecting() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [heartbeat]\nheartbeat: {interval: 10ms}\nlog: {size: 1MiB}")
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        var made: UInt64 = 0
        var refused: UInt64 = 0
        var middle: Vitals?
        for round in 1...2 {
            let figures = try await Load.run(["connect", daemon.socketPath, "\(seconds)", "10000"])
            made += try #require(figures["made"])
            refused += try #require(figures["refused"])
            let forgotten = try await Soak.eventually { (try? await daemon.client.status())?.sessionCount == 1 }
            #expect(forgotten)
            if round == 1 { middle = try Vitals(of: daemon) }
        }
        let end = try Vitals(of: daemon)
        end.expectFlat(since: try #require(middle))
        end.expectBounded()
        try await witness.hasSeenAll(of: daemon)
        let status = try await daemon.client.status()
        #expect(status.lostDaemon == 0 && status.refused(by: "accept") == 0)
        let second = UInt64(2 * seconds)
        Soak.report(
            "connect storm",
            "\(made / second) connections a second for \(second) s, \(refused) refused by a full backlog; \(end)")
    }
}
