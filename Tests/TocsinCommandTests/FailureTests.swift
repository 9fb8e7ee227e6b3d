import Glibc
import JSON
import TestSupport
import Testing
import TocsinClient
import TocsinCommand

/// What the real binary says when something is wrong, and its exit status.
@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    private func run(_ arguments: [String], environment: [String] = []) async throws -> Subprocess {
        try await Subprocess.run(BuiltProgram.path("tocsin"), arguments, environment: environment)
    }

    @Test("without a socket the question is whether the service runs")
    func noSocket() async throws {
        let result = try await run(["status", "--socket", "/nonexistent/socket"])
        #expect(result.status == 69)
        #expect(
            result.errorText == """
                tocsin: no socket at /nonexistent/socket
                Is the service running? See 'systemctl status tocsin', or start one with 'make run'.

                """)
        #expect(result.text == "")
    }

    @Test("a path that no socket can have is refused in words")
    func longPath() async throws {
        let path = "/tmp/" + String(repeating: "x", count: 200)
        let result = try await run(["status", "--socket", path])
        #expect(result.status == 69)
        #expect(
            result.errorText == "tocsin: cannot connect to \(path): the path of a socket has 1 to 107 bytes\n",
            "\(result.errorText)")
    }

    @Test("the doctor tells of a daemon that does not answer, to eyes and to programs, with status 2")
    func doctor() async throws {
        let text = try await run(["doctor", "--socket", "/nonexistent/socket"])
        #expect(text.status == 2 && text.text.contains("broken   daemon    no socket at /nonexistent/socket\n"))
        let json = try await run(["doctor", "--format", "json", "--socket", "/nonexistent/socket"])
        #expect(json.status == 2)
        let object = try JSONValue(parsing: json.output).objectValue
        #expect(object?["state"]?.stringValue == "broken")
        #expect(object?["findings"]?.arrayValue?.isEmpty == false)
    }

    @Test(
        "without permission the way out is the group",
        .enabled(if: geteuid() == 0, "another user's permissions need root"))
    func permission() async throws {
        let daemon = try await ScriptedDaemon.start()
        chmod(daemon.socketPath, 0o600)
        // The build directory may lie where only its owner may go.
        let copy = daemon.directory + "/tocsin"
        let copied = try await Subprocess.run("/bin/cp", [BuiltProgram.path("tocsin"), copy])
        #expect(copied.status == 0)
        defer { unlink(copy) }
        let result = try await Subprocess.run(
            "/usr/bin/setpriv",
            [
                "--reuid=65534", "--regid=65534", "--clear-groups", "--", copy, "status", "--socket", daemon.socketPath,
            ])
        #expect(result.status == 77)
        #expect(result.errorText.hasPrefix("tocsin: no permission to use \(daemon.socketPath)\n"))
        #expect(result.errorText.contains("usermod -aG tocsin"))
        try await daemon.stop()
    }

    @Test("a service that is not tocsin, or of another version, is told apart")
    func otherService() async throws {
        let daemon = try await ScriptedDaemon.start(offersEvents: false)
        let result = try await run(["read", "--socket", daemon.socketPath])
        #expect(result.status == 76)
        #expect(result.errorText.hasPrefix("tocsin: the service does not know io.tocsin.Events\n"))
        try await daemon.stop()
    }

    @Test("what the daemon does not understand is a wrong command line")
    func invalidParameter() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try RunningSubprocess(
            BuiltProgram.path("tocsin"), ["read", "--path", "/", "--socket", daemon.socketPath])
        try await daemon.next("Open").fail(
            "org.varlink.service.InvalidParameter", ["parameter": .string("filter.paths")])
        let result = try await command.ended()
        #expect(result.status == 64)
        #expect(result.errorText.contains("filter.paths"))
        try await daemon.stop()
    }

    @Test(
        "a wrong command line is refused before anything is asked",
        arguments: [
            ["read", "--count", "0"], ["read", "--timeout", "-1"], ["read", "--timeout", "nan"],
            ["subscribe", "--type", "exce"], ["subscribe", "--after", "7"], ["subscribe", "--depth", "0"],
            ["subscribe", "--uid", "no such user"], ["subscribe", "--min-severity", "dreadful"],
            ["status", "--nonsense"],
        ])
    func usage(_ arguments: [String]) async throws {
        let result = try await run(arguments + ["--socket", "/nonexistent/socket"])
        #expect(result.status == 64)
        #expect(result.errorText.contains("Usage: tocsin"))
    }

    @Test(
        "a wrong glob is named with its option and the reason",
        arguments: [("[", "a path pattern begins with / or **"), ("/[", "at byte 1: "), ("", "begins with / or **")])
    func glob(_ glob: String, _ reason: String) async throws {
        for option in ["--path", "--exclude-path"] {
            let result = try await run(["subscribe", option, glob, "--socket", "/nonexistent/socket"])
            #expect(result.status == 64)
            #expect(result.errorText.contains("'\(option) <glob>'") && result.errorText.contains(reason))
        }
    }

    @Test("a wrong argument is repeated, but not raw")
    func hostileArgument() async throws {
        for arguments in [["subscribe", "--type", "\u{1B}[31mred"], ["\u{1B}]0;title\u{7}"], ["read", "--\u{9B}m"]] {
            let result = try await run(arguments)
            #expect(result.status == 64)
            #expect(result.errorText.contains("Usage: tocsin"))
            let raw = result.errorText.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
            #expect(raw.isEmpty, "\(result.errorText)")
        }
    }

    @Test("a wrong argument with a line break makes no line of its own")
    func argumentOfLines() async throws {
        for arguments in [
            ["status", "a\nforged"], ["subscribe", "--depth=1\nforged"], ["subscribe", "--uid", "1\nforged"],
            ["--a\nforged=1"],
        ] {
            let result = try await run(arguments)
            #expect(result.status == 64)
            #expect(result.errorText.contains(#"\nforged"#), "\(result.errorText)")
            #expect(!result.errorText.contains("\nforged"), "\(result.errorText)")
        }
    }

    @Test("a closed standard output is an error, and no socket takes its place")
    func closedOutput() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try RunningSubprocess(
            "/bin/sh",
            ["-c", #"exec "$0" read --socket "$1" >&-"#, BuiltProgram.path("tocsin"), daemon.socketPath])
        try await daemon.open()
        try await daemon.next("Read").complete(with: .heartbeat(1))
        let result = try await command.ended()
        #expect(result.status == 1)
        #expect(result.errorText == "tocsin: cannot write: Bad file descriptor\n")
        try await daemon.stop()
    }

    @Test("the words of the service in an error are not raw")
    func hostileService() async throws {
        let daemon = try await ScriptedDaemon.start()
        let command = try RunningSubprocess(BuiltProgram.path("tocsin"), ["read", "--socket", daemon.socketPath])
        try await daemon.next("Open").fail(
            "org.varlink.service.InvalidParameter", ["parameter": .string("\u{1B}[2Jfilter")])
        let result = try await command.ended()
        #expect(result.status == 64)
        #expect(result.errorText == "tocsin: $'the daemon does not understand the parameter \\e[2Jfilter'\n")
        try await daemon.stop()
    }

    @Test("a full disk is a failure, and is said")
    func fullDisk() async throws {
        let daemon = try await ScriptedDaemon.start()
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        let command = try RunningSubprocess(
            BuiltProgram.path("tocsin"), ["read", "--socket", daemon.socketPath], standardOutput: full)
        try await daemon.open()
        try await daemon.next("Read").complete(with: .heartbeat(1))
        let result = try await command.ended()
        #expect(result.status == 1)
        #expect(result.errorText == "tocsin: cannot write: No space left on device\n")
        let help = try await RunningSubprocess(BuiltProgram.path("tocsin"), ["--help"], standardOutput: full).ended()
        #expect(help.status == 1 && help.errorText == result.errorText)
        try await daemon.stop()
    }

    @Test("--help documents every exit status and each option")
    func help() async throws {
        let result = try await run(["--help"])
        #expect(result.status == 0)
        for status in ExitStatus.allCases { #expect(result.text.contains("\n  \(status.rawValue) ")) }
        #expect(result.text.contains("\n  130 ") && result.text.contains("\n  141 "))
        #expect(result.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
        let subscribe = try await run(["subscribe", "--help"])
        for option in [
            "--type", "--path", "--exclude-path", "--uid", "--min-severity", "--detections", "--after", "--group",
            "--include-self", "--format", "--socket", "--depth", "TOCSIN_SOCKET",
        ] {
            #expect(subscribe.text.contains(option))
        }
    }
}
