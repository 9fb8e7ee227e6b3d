import Glibc
import SystemdBox
import TestKit
import TestSupport
import Testing
import TocsinClient

@Suite(
    .serialized, .enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"),
    .enabled(if: isRoot && ControlGroup.isAvailable(.memory), "needs a control group that limits memory"),
    .disabled(if: isSanitized, "the memory of a sanitizer itself is beyond the limit"))
struct MemoryMaxTests {
    private let silent = Soak.scaled(32, full: 128)
    private let limit = 192

    @Test(
        "a service with MemoryMax= that is used up by its clients and the page cache is not killed, and loses nothing")
    func limited() async throws {
        let daemon = try InstalledDaemon(
            configuration: """
                sources: [heartbeat, ebpf]
                heartbeat: {interval: 10ms}
                limits: {connections: 1000, connectionsPerUser: 1000}
                """,
            settings: "MemoryMax=\(limit)M", hasLimits: true)
        try daemon.succeeds("systemctl", "start", "tocsin.socket", "tocsin.service")
        let pid = try daemon.pidOutside()
        let group = try #require(ControlGroup(.memory, of: pid))
        #expect(group.memoryLimit == limit << 20, "systemd has set it: \(group.path)")
        try Vitals.forgetPeak(of: pid)
        let witness = try await Witness(daemon.client)

        // In the service's group, as if it were the daemon's own.
        let neighbour = try GreedyNeighbour(in: group)
        let subscribers = try SilentSubscribers(silent, at: daemon.box.outside("/run/tocsin/tocsin.sock"))
        for _ in 1...Soak.scaled(10, full: 60) {
            // The probes see the box's processes only.
            try daemon.succeeds(try BuiltProgram.path("execute"), "storm", "2", "50")
            let last = try await daemon.client.status().lastSequence
            let caughtUp = try await Soak.eventually { witness.last >= last }
            #expect(caughtUp)
        }
        let pressed = try await Soak.eventually { group.memoryReclaims > 0 }
        #expect(pressed, "the limit was met")
        #expect(group.memoryKills == 0)
        #expect(try daemon.property("NRestarts") == "0")
        let vitals = try Vitals(of: pid)
        vitals.expectBounded()
        try await witness.hasSeenAll(of: daemon.client)
        withExtendedLifetime((neighbour, subscribers)) {}
        Soak.report(
            "MemoryMax",
            "\(limit) MiB, \(silent) silent subscribers, the kernel took memory back \(group.memoryReclaims) times, killed nothing; \(vitals)"
        )
    }
}
