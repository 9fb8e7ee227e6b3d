import Glibc
import JSON
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// `socket.access: own-events` with a real second user.
@Suite(.enabled(if: isRoot, "a second user takes root to become"), .timeLimit(.minutes(2)))
struct SecondUserTests {
    private static let configuration = "sources: [fanotify]\nsocket: {access: own-events}\n"
    private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]

    private let marker = "marker-\(UInt64.random(in: 0 ... .max))"

    /// A process whose last argument is the marker, as root or nobody.
    private func observed(as user: [String] = []) throws -> RunningSubprocess {
        try RunningSubprocess(
            "/usr/bin/setpriv", user + ["/usr/bin/tail", "-f", "/dev/null", "--", "/dev/null", marker])
    }

    private func tocsin(_ arguments: [String], _ daemon: RunningDaemon, as user: [String] = nobody) async throws
        -> Subprocess
    {
        try await Subprocess.run(
            "/usr/bin/setpriv", user + [BuiltProgram.path("tocsin")] + arguments + ["--socket", daemon.socketPath])
    }

    /// Cursor of the newest event now.
    private func now(_ daemon: RunningDaemon) async throws -> String {
        let session = try await daemon.client.open()
        defer { Task { await session.close() } }
        return session.cursor.description
    }

    @Test("another user sees the events of its own processes through every way of reading, and no others")
    func separation() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration)
        let root = try await daemon.client.open(Filter(paths: ["/usr/bin/tail"]))
        let start = try await now(daemon)
        let processes = [try observed(), try observed(as: Self.nobody)]
        var seen: [UInt32] = []
        while seen.count < 2 {
            let event = try await root.read(timeout: .seconds(20)).event
            if event.process?.arguments?.last?.string == marker { seen.append(try #require(event.process?.uid)) }
        }
        #expect(seen.sorted() == [0, 65534], "root sees both")

        for ways in [[], ["--group", "audit"], ["--uid", "0", "--uid", "65534"]] {
            let reader = try await tocsin(
                ["read", "--format", "json", "--timeout", "1", "--path", "/usr/bin/tail", "--count", "2"]
                    + ["--after", start, "--include-self"] + ways, daemon)
            let events = try reader.text.split(separator: "\n").map {
                try Event(json: JSONValue(parsing: String($0)))
            }
            #expect(events.map(\.process?.pid) == [processes[1].pid], "\(ways): \(reader.text)\(reader.errorText)")
            #expect(reader.status == 75, "there is no second event in time")
            let ancestor = try #require(events.first?.ancestors.first)
            #expect(ancestor.pid == getpid() && ancestor.uid == 0 && ancestor.comm != nil)
            #expect(ancestor.arguments == nil && ancestor.executable == nil, "another user's program is its own affair")
        }
    }

    @Test("a third-party client of another user subscribes to its own events alone")
    func python() async throws {
        let environment = ["PYTHONPATH=\(ReadmeTests.pythonPath)"]
        let python = { (code: String) in
            try await Subprocess.run(
                "/usr/bin/setpriv", Self.nobody + ["python3", "-c", code], environment: environment)
        }
        guard try await python("import varlink").status == 0 else {
            try Test.cancel("python-varlink is not installed where nobody can read it")
        }
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration)
        let start = try await now(daemon)
        let processes = [try observed(), try observed(as: Self.nobody)]
        let reader = try await python(
            """
            import varlink
            with varlink.Client("unix:\(daemon.socketPath)").open("io.tocsin.Events") as tocsin:
                for reply in tocsin.Subscribe(after="\(start)", filter={"paths": ["/usr/bin/tail"]}, _more=True):
                    if "event" in reply:
                        print(reply["event"]["process"]["pid"], reply["event"]["process"]["uid"])
                        break
            """)
        #expect(reader.text == "\(processes[1].pid) 65534\n", "\(reader.errorText)")
    }

    @Test("the status tells another user how the daemon is, and counts its own sessions only")
    func status() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration)
        let session = try await daemon.client.open()
        _ = try? await session.read(timeout: .milliseconds(0))
        let other = try await tocsin(["status", "--format", "json"], daemon)
        let status = try Status(json: JSONValue(parsing: other.text))
        #expect(status.state == "running" && status.sources.map(\.state).contains("running"))
        #expect(status.sessionCount == 0 && status.delivered == 0 && status.sessions == nil)
        #expect(status.lostKernel == nil && status.logBytes == nil && status.lostJournal == nil)
        #expect(status.sources.allSatisfy { $0.seen == nil && $0.lost == nil })
        #expect(try await daemon.client.status().sessionCount == 1)
        let text = try await tocsin(["status"], daemon)
        #expect(text.status == 0, "\(text.errorText)")
        await session.close()
    }

    @Test("root of a user namespace is the user that made it, and no other")
    func userNamespace() async throws {
        let unshare = Self.nobody + ["/usr/bin/unshare", "--user", "--map-root-user"]
        guard try await Subprocess.run("/usr/bin/setpriv", unshare + ["/usr/bin/true"]).status == 0 else {
            try Test.cancel("users may not make user namespaces here")
        }
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration)
        let start = try await now(daemon)
        let processes = [try observed(), try observed(as: Self.nobody)]
        let reader = try await tocsin(
            ["read", "--format", "json", "--timeout", "20", "--path", "/usr/bin/tail", "--after", start]
                + ["--include-self"], daemon, as: unshare)
        #expect(reader.text.contains("\"pid\":\(processes[1].pid),"), "\(reader.text)\(reader.errorText)")
        let status = try await tocsin(["status", "--format", "json"], daemon, as: unshare)
        #expect(try Status(json: JSONValue(parsing: status.text)).sessions == nil, "\(status.errorText)")
    }

    @Test("a member of the socket's group sees every event, by the groups its process has")
    func member() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [fanotify]\nsocket: {access: own-events, group: daemon}\n")
        let start = try await now(daemon)
        let process = try observed()
        let member = ["--reuid=65534", "--regid=65534", "--groups=1"]
        let reader = try await tocsin(
            ["read", "--format", "json", "--timeout", "20", "--path", "/usr/bin/tail", "--after", start], daemon,
            as: member)
        #expect(reader.text.contains("\"pid\":\(process.pid),"), "\(reader.text)\(reader.errorText)")
        #expect(reader.text.contains(marker))
    }
}
