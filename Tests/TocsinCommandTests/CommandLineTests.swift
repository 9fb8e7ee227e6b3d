import CTestSystem
import Glibc
import JSON
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// The real binary against a scripted daemon on a real socket.
@Suite(.timeLimit(.minutes(1))) struct CommandLineTests {
    private func tocsin(
        _ daemon: ScriptedDaemon, _ arguments: [String], standardOutput: Int32? = nil, environment: [String] = []
    ) throws -> RunningSubprocess {
        try RunningSubprocess(
            BuiltProgram.path("tocsin"), arguments, environment: ["TOCSIN_SOCKET=\(daemon.socketPath)"] + environment,
            standardOutput: standardOutput)
    }

    private func exec(_ sequence: UInt64, processGroup: Int32? = nil, argument: ByteString = "-l") -> Event {
        var event = Event(
            sequence: sequence, cursor: Cursor(instance: 0xA5, sequence: sequence), type: .exec,
            realtimeUSec: 1_700_000_000_123_456, monotonicUSec: 2)
        var process = Process(entityID: "e", pid: 4321, startTimeNSec: 1)
        process.processGroup = processGroup
        process.uid = 4_000_000_000
        process.executable = "/usr/bin/ls"
        process.arguments = ["ls", argument]
        event.process = process
        return event
    }

    @Test("read prints as many events as asked for, one line each, and ends")
    func read() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["read", "--count", "2"])
        try await daemon.open()
        try await daemon.next("Read").complete(with: exec(1))
        try await daemon.next("Read").complete(with: exec(2, argument: "a b"))
        let result = try await command.ended()
        #expect(
            result.text == """
                Nov 14 22:13:20.123  exec          4321  4000000000  /usr/bin/ls -l
                Nov 14 22:13:20.123  exec          4321  4000000000  /usr/bin/ls 'a b'

                """)
        #expect(result.errorText == "")
        #expect(result.status == 0)
        try await daemon.stop()
    }

    @Test("a JSON line is the event as the daemon wrote it, also what this version does not know")
    func json() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["read", "--format", "json"])
        try await daemon.open()
        var writer = JSONWriter()
        writer.event(exec(1, argument: "\u{202E}\u{9B}"))
        var event = try #require(try JSONValue(parsing: writer.bytes).objectValue)
        event["wormhole"] = .integer(3)
        try await daemon.next("Read").reply(["event": .object(event), "queued": .integer(0), "lost": .integer(0)])
        let result = try await command.ended()
        #expect(result.output.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        #expect(result.text.contains(#""arguments":["ls","\u202e\u009b"]"#))
        #expect(try JSONValue(parsing: result.output) == .object(event))
        try await daemon.stop()
    }

    @Test("a member of another type is passed on as JSON, and named where the event is to be shown as text")
    func malformedMember() async throws {
        for (format, status, errors) in [
            ("json", 0, ""),
            (
                "text", 76,
                """
                tocsin: the service's reply cannot be understood: event.process.pid: expected an integer
                Are client and daemon of the same version? Compare 'tocsin --version' with 'tocsin status'.

                """
            ),
        ] as [(String, Int32, String)] {
            let daemon = try await ScriptedDaemon.start()
            let command = try tocsin(daemon, ["read", "--format", format])
            try await daemon.open()
            var writer = JSONWriter()
            writer.event(exec(1))
            var event = try #require(try JSONValue(parsing: writer.bytes).objectValue)
            event["process"] = .object(["entityId": .string("e"), "pid": .string("x")])
            try await daemon.next("Read").reply(["event": .object(event), "queued": .integer(0), "lost": .integer(0)])
            let result = try await command.ended()
            #expect(result.status == status)
            #expect(result.errorText == errors)
            if status == 0 { #expect(try JSONValue(parsing: result.output) == .object(event)) }
            try await daemon.stop()
        }
    }

    @Test("an event without what every event has is refused by name in every format", arguments: ["json", "text"])
    func malformedEvent(format: String) async throws {
        for (member, expected) in [
            ("sequence", "an integer"), ("cursor", "a string"), ("type", "a string"), ("realtimeUSec", "an integer"),
        ] {
            let daemon = try await ScriptedDaemon.start()
            let command = try tocsin(daemon, ["subscribe", "--depth", "1", "--format", format])
            try await daemon.open()
            var writer = JSONWriter()
            writer.event(exec(1))
            var event = try #require(try JSONValue(parsing: writer.bytes).objectValue)
            event[member] = .boolean(true)
            try await daemon.next("Read").reply(["event": .object(event)])
            let result = try await command.ended()
            #expect(result.status == 76 && result.output.isEmpty)
            #expect(
                result.errorText.hasPrefix(
                    "tocsin: the service's reply cannot be understood: event.\(member): expected \(expected)\n"),
                "\(result.errorText)")
            try await daemon.stop()
        }
    }

    @Test("events that arrived together are written at once, each on its line", arguments: ["json", "text"])
    func oneWrite(format: String) async throws {
        let daemon = try await ScriptedDaemon.start()
        // Of these each write is a packet.
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        let command = try tocsin(
            daemon, ["subscribe", "--depth", "3", "--format", format], standardOutput: ends[1])
        close(ends[1])
        try await daemon.open()
        var reads: [ScriptedCall] = []
        for _ in 0..<3 { reads.append(try await daemon.next("Read")) }
        command.send(SIGSTOP)
        // Told once all of its threads have stopped.
        var stop = siginfo_t()
        #expect(waitid(P_PID, id_t(command.pid), &stop, WSTOPPED | WNOWAIT) == 0)
        for (index, read) in reads.enumerated() { try read.complete(with: .heartbeat(UInt64(index + 1))) }
        // Asked and answered behind them, so they are in the socket.
        let status = Task { try? await TocsinClient(socketPath: daemon.socketPath).status() }
        try await daemon.next("GetStatus").reply([:])
        _ = await status.value
        command.send(SIGCONT)
        // It asks for more once it has written.
        for _ in 0..<3 { _ = try await daemon.next("Read") }
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = recv(ends[0], &chunk, chunk.count, Int32(MSG_DONTWAIT))
        #expect(chunk.prefix(max(0, count)).filter { $0 == UInt8(ascii: "\n") }.count == 3)
        #expect(recv(ends[0], &chunk, chunk.count, Int32(MSG_DONTWAIT)) == -1)
        command.send(SIGINT)
        #expect(try await command.ended().status == 130)
        try await daemon.stop()
    }

    @Test("the filter options arrive as the interface has them")
    func filter() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(
            daemon,
            [
                "subscribe", "--type", "exec", "--type", "modify", "--path", "/etc/**", "--exclude-path", "/etc/mtab",
                "--uid", "root", "--uid", "33", "--min-severity", "high", "--after", ScriptedDaemon.cursor(7),
                "--group", "g", "--depth", "2",
            ])
        let open = try await daemon.open()
        #expect(
            open.parameters == [
                "filter": .object([
                    "types": .array([.string("exec"), .string("modify")]), "paths": .array([.string("/etc/**")]),
                    "excludePaths": .array([.string("/etc/mtab")]), "uids": .array([.integer(0), .integer(33)]),
                    "minimumSeverity": .string("high"),
                ]), "after": .string(ScriptedDaemon.cursor(7)), "group": .string("g"),
            ])
        for _ in 0..<2 { _ = try await daemon.next("Read") }
        command.send(SIGINT)
        _ = try await command.ended()
        try await daemon.stop()
    }

    @Test("--detections means any severity")
    func detections() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["read", "--detections"])
        let open = try await daemon.open()
        #expect(open.parameters == ["filter": .object(["minimumSeverity": .string("informational")])])
        try await daemon.next("Read").complete(with: exec(1))
        #expect(try await command.ended().status == 0)
        try await daemon.stop()
    }

    @Test("events of its own process group are left out, unless it is told not to")
    func ownEvents() async throws {
        let daemon = try await ScriptedDaemon.start()
        for (option, expected) in [([], 1), (["--include-self"], 2)] as [([String], Int)] {
            let command = try tocsin(daemon, ["read", "--count", "\(expected)"] + option)
            try await daemon.open()
            try await daemon.next("Read").complete(with: exec(1, processGroup: command.pid))
            try await daemon.next("Read").complete(with: exec(2, processGroup: 1))
            let result = try await command.ended()
            #expect(result.text.split(separator: "\n").count == expected)
        }
        try await daemon.stop()
    }

    @Test("a reader of a group acknowledges also its last event before it ends")
    func group() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["read", "--count", "2", "--group", "g"])
        try await daemon.open()
        try await daemon.next("Read").complete(with: exec(1))
        let second = try await daemon.next("Read")
        #expect(second.parameters["acknowledge"] == .string(ScriptedDaemon.cursor(1)))
        try second.complete(with: exec(2))
        let last = try await daemon.next("Read")
        #expect(last.parameters["acknowledge"] == .string(ScriptedDaemon.cursor(2)))
        #expect(last.parameters["maxBytes"] == .integer(1))
        last.fail("TimedOut")
        #expect(try await command.ended().status == 0)
        try await daemon.stop()
    }

    @Test("no event in time is an exit status of its own")
    func timeout() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["read", "--timeout", "0.25"])
        try await daemon.open()
        let read = try await daemon.next("Read")
        #expect(read.parameters["timeoutMSec"] == .integer(250))
        read.fail("TimedOut")
        let result = try await command.ended()
        #expect(result.status == 75)
        #expect(result.errorText == "tocsin: no event in time\n")
        try await daemon.stop()
    }

    @Test("SIGINT ends it quietly, as it ends journalctl -f")
    func interrupted() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["subscribe", "--depth", "1"])
        try await daemon.open()
        _ = try await daemon.next("Read")
        command.send(SIGINT)
        let result = try await command.ended()
        #expect(result.status == 130)
        #expect(result.text == "" && result.errorText == "")
        try await daemon.connectionCloses()
        try await daemon.stop()
    }

    @Test("it ends quietly with the reader of its pipe, also while no event comes")
    func readerGone() async throws {
        let daemon = try await ScriptedDaemon.start()
        var ends: [Int32] = [-1, -1]
        #expect(test_pipe(&ends) == 0)
        let command = try tocsin(daemon, ["subscribe", "--depth", "1"], standardOutput: ends[1])
        close(ends[1])
        try await daemon.open()
        try await daemon.next("Read").complete(with: exec(1))
        _ = try await daemon.next("Read")
        // As head -1 does: takes a line, and goes.
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(ends[0], &chunk, chunk.count)
        #expect(chunk.prefix(max(0, count)).last == UInt8(ascii: "\n"))
        close(ends[0])
        let result = try await command.ended()
        #expect(result.status == 141)
        #expect(result.errorText == "")
        try await daemon.stop()
    }

    @Test("a terminal gets titles and colour; NO_COLOR, a dumb terminal and a file get none")
    func colour() async throws {
        for (environment, isColoured) in [
            (["TERM=xterm"], true), (["TERM=xterm", "NO_COLOR=1"], false), (["TERM=dumb"], false),
            (["TERM=xterm", "NO_COLOR="], true),
        ] as [([String], Bool)] {
            let daemon = try await ScriptedDaemon.start()
            let terminal = try PseudoTerminal()
            let command = try tocsin(
                daemon, ["read"], standardOutput: terminal.replica, environment: environment)
            try await daemon.open()
            try await daemon.next("Read").complete(with: exec(1))
            #expect(try await command.ended().status == 0)
            let shown = terminal.shown()
            #expect(shown.contains("WHAT"))
            #expect(shown.contains("/usr/bin/ls -l"))
            #expect(shown.contains("\u{1B}[") == isColoured, "\(environment)")
            try await daemon.stop()
        }
    }

    @Test("a restart of the daemon is told once, and the events go on")
    func reconnects() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try tocsin(daemon, ["subscribe", "--depth", "1"])
        try await daemon.open(at: 1)
        try await daemon.next("Read").complete(with: exec(2))
        try await daemon.next("Read").closeConnection()
        let open = try await daemon.open(at: 2)
        #expect(open.parameters == ["after": .string(ScriptedDaemon.cursor(2))])
        try await daemon.next("Read").complete(with: exec(3))
        // The event was written when it is asked for the next.
        _ = try await daemon.next("Read")
        command.send(SIGINT)
        let result = try await command.ended()
        #expect(result.text.split(separator: "\n").count == 2)
        #expect(result.errorText == "tocsin: the connection to the daemon ended; reconnecting\n")
        try await daemon.stop()
    }
}
