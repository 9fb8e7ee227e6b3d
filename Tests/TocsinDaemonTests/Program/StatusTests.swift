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

    @Test("who connects once too often is refused, logged with its identity, and counted")
    func connectionLimit() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet + "\nlimits: {connectionsPerUser: 2}")
        let first = try await daemon.client.open()
        let second = try await daemon.client.open()
        await #expect(throws: TocsinError.disconnected) { try await daemon.client.open() }
        #expect(daemon.process.errorsWritten.contains("too many connections of this user"))
        #expect(daemon.process.errorsWritten.contains("peerPID=\(getpid())"))
        await second.close()
        let refused = try await daemon.statusWhenPossible().refused
        #expect(refused.contains { $0.limit == "connectionsPerUser" && $0.count >= 1 }, "\(refused)")
        await first.close()
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
