import Glibc
import TestKit
import TestSupport
import Testing
import TocsinClient

@Suite(
    .serialized,
    .enabled(
        if: isRoot && ControlGroup.isAvailable(.memory), "needs root and a control group that limits memory"),
    .disabled(if: isSanitized, "the memory of a sanitizer itself is beyond the limit"))
struct MemoryPressureTests {
    private let silent = Soak.scaled(32, full: 200)

    @Test(
        "with little memory, a neighbour that takes it all and subscribers that never read, nothing is lost or killed")
    func pressure() async throws {
        let group = try #require(ControlGroup(.memory))
        defer { group.remove() }
        try group.limitMemory(toBytes: Soak.scaled(96, full: 256) << 20)
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [heartbeat, ebpf]\nheartbeat: {interval: 10ms}\nlog: {size: 16MiB}",
            wrapper: group.wrapper)
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        let neighbour = try GreedyNeighbour(in: group)
        let subscribers = try SilentSubscribers(silent, at: daemon.socketPath)

        var middle: Vitals?
        for round in 1...Soak.scaled(10, full: 60) {
            let storm = try RunningSubprocess(BuiltProgram.path("execute"), ["storm", "2", "50"])
            #expect(try await storm.ended().status == 0)
            let last = try await daemon.client.status().lastSequence
            let caughtUp = try await Soak.eventually { witness.last >= last }
            #expect(caughtUp)
            if round == Soak.scaled(5, full: 30) { middle = try Vitals(of: daemon) }
        }
        let pressed = try await Soak.eventually { group.memoryReclaims > 0 }
        #expect(pressed, "the neighbour has met the limit")
        let end = try Vitals(of: daemon)
        end.expectFlat(since: try #require(middle))
        end.expectBounded()
        #expect(group.memoryKills == 0)
        try await witness.hasSeenAll(of: daemon)
        withExtendedLifetime((neighbour, subscribers)) {}
        Soak.report(
            "memory pressure",
            "\(silent) silent subscribers, the kernel took memory back \(group.memoryReclaims) times, killed nothing; \(end)"
        )
    }
}
