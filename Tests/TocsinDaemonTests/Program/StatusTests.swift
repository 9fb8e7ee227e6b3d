import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

@Suite struct StatusTests {
    private static let quiet = "sources: [heartbeat]\nheartbeat: {interval: 1h}"

    @Test("sessions are shown to root with their process and user, and to nobody else")
    func sessions() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet)
        let session = try await daemon.client.open(group: "audit")
        let status = try await daemon.client.status()
        #expect(status.sessionCount == 1)
        guard isRoot else {
            #expect(status.sessions == nil)
            return
        }
        let shown = try #require(status.sessions?.first)
        #expect(shown.session == session.name)
        #expect(shown.pid == getpid())
        #expect(shown.uid == 0)
        #expect(shown.group == "audit")
        chmod(daemon.socketPath, 0o666)
        let others = try await Subprocess.run(
            "/usr/bin/setpriv",
            [
                "--reuid=65534", "--regid=65534", "--clear-groups", BuiltProgram.path("tocsin"), "status", "--format",
                "json",
                "--socket", daemon.socketPath,
            ])
        #expect(others.status == 0, "\(others.errorText)")
        #expect(others.text.contains("\"sessionCount\":1"))
        #expect(!others.text.contains("\"sessions\""))
    }

    @Test(
        "what a small ring lost, and what came through, is told of each type, and adds up",
        .enabled(if: isRoot, "loading probes needs root"))
    func records() async throws {
        let daemon = try await RunningDaemon.overflowing()
        // Others' processes go on; so it is asked until nothing came in between.
        var source: Status.Source?
        for _ in 0..<1000 {
            source = try await daemon.client.status().sources.first { $0.name == "ebpf" }
            if let source, source.addsUp { break }
        }
        let found = try #require(source)
        #expect(found.addsUp, "\(found)")
        let records = try #require(found.records)
        #expect(records.map(\.type) == [.exec, .fork, .exit])
        for count in records { #expect(count.lost > 0 && count.delivered > 0, "\(count)") }
        #expect(found.undecodable == 0 && found.shortened != nil)
        // This daemon loaded its probes itself.
        #expect(found.lost == records.reduce(0) { $0 + $1.lost })
        #expect(found.seen == records.reduce(0) { $0 + $1.delivered })

        let text = try await Subprocess.run(
            BuiltProgram.path("tocsin"), ["status", "--socket", daemon.socketPath]
        ).text
        #expect(text.contains("SUBMITTED"), "\(text)")
    }

    @Test("who connects once too often is refused, logged with its identity, and counted")
    func connectionLimit() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet + "\nlimits: {connectionsPerUser: 2}")
        let first = try await daemon.client.open()
        let second = try await daemon.client.open()
        await #expect(throws: TocsinError.disconnected) { try await daemon.client.open() }
        try await daemon.logged("peerPID=\(getpid()) peerUID=\(getuid()) reason=\"too many connections of this user\"")
        await second.close()
        let refused = try await daemon.statusWhenPossible().refused
        #expect(refused.contains { $0.limit == "connectionsPerUser" && $0.count >= 1 }, "\(refused)")
        await first.close()
    }
}

extension Status.Source {
    /// Whether nothing is missing, in the ring or on its way.
    fileprivate var addsUp: Bool {
        guard let records, let undecodable else { return false }
        let total = { (member: KeyPath<Status.RecordCount, UInt64>) in records.reduce(0) { $0 + $1[keyPath: member] } }
        return records.allSatisfy { $0.seen == $0.submitted + $0.lost }
            && total(\.submitted) == total(\.delivered) + undecodable
            && lost == total(\.lost) + undecodable
    }
}

extension RunningDaemon {
    /// The place of a connection that was closed is free when the daemon has noticed.
    fileprivate func statusWhenPossible() async throws -> Status {
        for _ in 0..<3000 {
            do { return try await client.status() } catch TocsinError.disconnected {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        return try await client.status()
    }
}
