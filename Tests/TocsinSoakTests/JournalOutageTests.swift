import SystemdBox
import TestSupport
import Testing
import TocsinClient
import TocsinSystemd

@Suite(.serialized, .enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct JournalOutageTests {
    @Test("a journald that hangs, and one that is not there, cost entries, which are counted, and no event")
    func outage() async throws {
        let daemon = try InstalledDaemon(
            configuration: """
                sources: [heartbeat]
                heartbeat: {interval: 10ms}
                log: {size: 1MiB}
                journal: {events: all, queueSize: 64KiB}
                """)
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.socket", "tocsin.service")
        let pid = try daemon.pidOutside()
        try Vitals.forgetPeak(of: pid)
        let witness = try await Witness(daemon.client)

        // Hangs: its socket fills, the writer's thread blocks, the queue fills.
        try daemon.succeeds("systemctl", "kill", "-s", "STOP", "systemd-journald.service")
        let hanging = try await lost(moreThan: 0, daemon)
        try await witness.hasSeenAll(of: daemon.client)
        try daemon.succeeds("systemctl", "kill", "-s", "CONT", "systemd-journald.service")
        try box.eventually("the journal is told how many entries it misses") {
            try !box.journal("MESSAGE_ID=\(MessageID.journalLost.rawValue)").isEmpty
        }

        // Not there: the socket is gone.
        let journald = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service"]
        let stopped = try box.run(["systemctl", "stop"] + journald)
        #expect(stopped.status == 0, "\(stopped)")
        let missing = try await lost(moreThan: hanging, daemon)
        try await witness.hasSeenAll(of: daemon.client)
        let started = try box.run(["systemctl", "start"] + journald)
        #expect(started.status == 0, "\(started)")
        try box.eventually("entries arrive again") {
            try !box.journal("MESSAGE_ID=\(MessageID.heartbeat.rawValue)", "--since=-1s").isEmpty
        }
        #expect(try daemon.property("NRestarts") == "0")
        let vitals = try Vitals(of: pid)
        vitals.expectBounded()
        Soak.report(
            "journal outage",
            "\(hanging) entries lost to a journald that hung, \(missing - hanging) while there was none; every event told; \(vitals)"
        )
    }

    private func lost(moreThan count: UInt64, _ daemon: InstalledDaemon) async throws -> UInt64 {
        let isCounted = try await Soak.eventually { (try await daemon.client.status().lostJournal ?? 0) > count + 50 }
        #expect(isCounted)
        return try #require(try await daemon.client.status().lostJournal)
    }
}
