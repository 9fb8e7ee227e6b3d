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

    private func uname(_ tocsin: TocsinBox, _ stream: inout EventStream.AsyncIterator) async throws -> Event {
        try tocsin.box.run("/usr/bin/uname")
        let event = try #require(try await stream.next())
        #expect(event.type == .exec && event.process?.executable == "/usr/bin/uname", "\(tocsin.log)")
        return event
    }

    @Test("upgraded, the daemon resumes: same instance, no gap, and what executed meanwhile is told")
    func upgraded() async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n")
        var stream = tocsin.client.events(Self.programs, after: try await cursor(tocsin)).makeAsyncIterator()
        let first = try await uname(tocsin, &stream)
        let before = try tocsin.box.property("MainPID", of: "tocsin.service")
        try tocsin.replaceProgram()
        try tocsin.box.systemctl("--no-block", "restart", "tocsin.service")
        try tocsin.box.run("/usr/bin/id")
        let second = try #require(try await stream.next())
        #expect(second.type == .exec && second.process?.executable == "/usr/bin/id", "\(tocsin.log)")
        #expect(second.cursor.instance == first.cursor.instance)
        try tocsin.box.eventually("another process") {
            try tocsin.box.property("ActiveState", of: "tocsin.service") == "active"
                && tocsin.box.property("MainPID", of: "tocsin.service") != before
        }
        #expect(try await uname(tocsin, &stream).sequence > second.sequence)
    }

    @Test("stopped by a signal, the daemon is killed by the watchdog; the next resumes, and nothing is lost")
    func watchdog() async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n", service: "WatchdogSec=2s")
        var stream = tocsin.client.events(Self.programs, after: try await cursor(tocsin)).makeAsyncIterator()
        let first = try await uname(tocsin, &stream)
        try tocsin.box.systemctl("kill", "--kill-who=main", "-s", "STOP", "tocsin.service")
        try tocsin.box.run("/usr/bin/id")
        try tocsin.awaitRestarts(1)
        let second = try #require(try await stream.next())
        #expect(second.type == .exec && second.process?.executable == "/usr/bin/id", "\(tocsin.log)")
        #expect(second.cursor.instance == first.cursor.instance)
        #expect(try await uname(tocsin, &stream).sequence > second.sequence)
        #expect(try !tocsin.box.journal("-u", "tocsin.service", "-g", "Watchdog timeout").isEmpty)
    }

    @Test(
        "a log of another layout or boot is not resumed: the first event of the new instance is a gap that says so",
        arguments: [("layout", 8, [UInt8(0xFF)]), ("boot", 128, Array("00000000".utf8))])
    func otherLog(_ difference: String, _ offset: Int, _ bytes: [UInt8]) async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n")
        let old = try await cursor(tocsin)
        try tocsin.overwrite("tocsin-log", at: offset, bytes)
        try tocsin.succeed(try tocsin.box.systemctl("restart", "tocsin.service"))
        let new = try await cursor(tocsin)
        #expect(new.instance != old.instance)
        var stream = tocsin.client.events(after: Cursor(instance: new.instance, sequence: 0)).makeAsyncIterator()
        #expect(try await stream.next()?.gap == Gap(origin: .restart))
        #expect(tocsin.log.contains(difference == "boot" ? "started anew" : "layout"), "\(tocsin.log)")
    }

    @Test("a queue kept in another boot is not read: the log goes on, with a gap that says so")
    func otherJournal() async throws {
        let tocsin = try TocsinBox(configuration: "sources: [fanotify]\n")
        let filter = Filter(types: [.gap, .exec], paths: ["/usr/bin/uname", "/usr/bin/id"])
        var stream = tocsin.client.events(filter, after: try await cursor(tocsin)).makeAsyncIterator()
        let first = try await uname(tocsin, &stream)
        try tocsin.overwrite("tocsin-fanotify-exec-v2", at: 32, Array("00000000".utf8))
        try tocsin.succeed(try tocsin.box.systemctl("restart", "tocsin.service"))
        let gap = try #require(try await stream.next())
        #expect(gap.gap == Gap(origin: .restart))
        #expect(gap.cursor.instance == first.cursor.instance)
        _ = try await uname(tocsin, &stream)
    }
}
