import SystemdBox
import Testing
import TocsinClient
import TocsinEvents

/// What subscribers see of a daemon that ends and comes back, under the real systemd.
@Suite(.serialized, .enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct RestartTests {
    private func cursor(_ tocsin: TocsinBox) async throws -> Cursor {
        let status = try await tocsin.client.status()
        return Cursor(instance: try #require(UInt64(status.instance, radix: 16)), sequence: status.lastSequence)
    }

    private static let programs = Filter(paths: ["/usr/bin/uname", "/usr/bin/id"])

    @Test("killed, the daemon resumes: same instance, next number, no gap, and what executed meanwhile is told")
    func resumes() async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n")
        var stream = tocsin.client.events(Self.programs, after: try await cursor(tocsin)).makeAsyncIterator()
        try tocsin.box.run("/usr/bin/uname")
        let first = try #require(try await stream.next())
        #expect(first.process?.executable == "/usr/bin/uname")
        try tocsin.kill()
        try tocsin.box.run("/usr/bin/id")
        let second = try #require(try await stream.next())
        #expect(second.type == .exec && second.process?.executable == "/usr/bin/id", "\(tocsin.log)")
        #expect(second.cursor.instance == first.cursor.instance)
        #expect(second.sequence > first.sequence)
    }

    @Test("stopped and started, the daemon is another instance: the old cursor has expired")
    func stopped() async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n")
        let old = try await cursor(tocsin)
        try tocsin.box.systemctl("stop", "tocsin.service")
        try tocsin.box.systemctl("start", "tocsin.service")
        await #expect(throws: TocsinError.self) { _ = try await tocsin.client.open(after: old) }
        #expect(try await cursor(tocsin).instance != old.instance)
    }

    @Test("a log of another size is not resumed: the daemon begins anew, and the first event is a gap that says so")
    func resized() async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n")
        let old = try await cursor(tocsin)
        try tocsin.box.write("/etc/tocsin/tocsin.yaml", "sources: [fanotify]\nlog:\n  size: 2M\n")
        try tocsin.succeed(try tocsin.box.systemctl("restart", "tocsin.service"))
        let new = try await cursor(tocsin)
        #expect(new.instance != old.instance)
        var stream = tocsin.client.events(after: Cursor(instance: new.instance, sequence: 0)).makeAsyncIterator()
        #expect(try await stream.next()?.gap == Gap(origin: .restart))
    }
}
