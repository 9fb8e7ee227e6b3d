import Glibc
import TestKit
import TestSupport
import Testing
import TocsinClient
import TocsinEvents
import TocsinLinux

@Suite struct LifecycleTests {
    private static let quiet = "sources: [heartbeat]\nheartbeat: {interval: 1h}"

    @Test(
        "SIGTERM and SIGINT answer the reads that pend with ShuttingDown and end with status 0",
        arguments: [SIGTERM, SIGINT])
    func shutdown(_ signal: Int32) async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet)
        let session = try await daemon.client.open()
        let reads = (0..<2).map { _ in Task { try await session.read() } }
        try await daemon.pendingReads(2)
        daemon.process.send(signal)
        for read in reads {
            await #expect(throws: TocsinError.shuttingDown(session.cursor)) { try await read.value }
        }
        let end = try await daemon.process.ended()
        #expect(end.status == 0, "\(end.errorText)")
        #expect(access(daemon.socketPath, F_OK) != 0, "the socket is removed")
    }

    /// Dispatch looks after the pool of Swift concurrency once a second.
    @Test("a daemon has no thread that wakes by itself")
    func threads() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet)
        let names = try daemon.process.threadNames.map { $0.hasPrefix("NIO-ELT") ? "event loop" : $0 }
        #expect(Set(names) == ["event loop", "heartbeat", "journal", "rules", "tocsind"])
    }

    /// What libbpf would read of the kernel's types is some ten megabytes.
    @Test(
        "a start with probes takes hardly more memory than one without",
        .enabled(if: geteuid() == 0, "loading probes needs root"),
        .disabled(if: isSanitized, "a sanitizer keeps what was freed"))
    func startingPeak() async throws {
        func peakKiB(_ source: String) async throws -> Int {
            let daemon = try await RunningDaemon.ready(["--source", source])
            let status = try FileDescriptor.open("/proc/\(daemon.process.pid)/status").readToEnd(limit: 1 << 16)
            let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            return try #require(line.flatMap { Int($0.filter(\.isNumber)) })
        }
        let (with, without) = (try await peakKiB("ebpf"), try await peakKiB("proc"))
        #expect(with < without + 5 << 10, "\(with) KiB, and without \(without) KiB")
    }

    @Test("a second daemon on the same socket is refused, and the first goes on")
    func socketInUse() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet)
        let second = try await Subprocess.run(
            BuiltProgram.path("tocsind"), ["--socket", daemon.socketPath, "--source", "heartbeat"])
        #expect(second.status == 1)
        #expect(second.errorText.contains("cannot listen at \(daemon.socketPath)"), "\(second.errorText)")
        #expect(try await daemon.client.status().sessionCount == 0)
    }

    @Test("a configuration that is not understood ends the start with EX_CONFIG, file and line")
    func badConfiguration() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("log:\n  size: wide\n", to: "bad.yaml")
        let path = directory.path + "/bad.yaml"
        let end = try await Subprocess.run(BuiltProgram.path("tocsind"), ["--config", path])
        #expect(end.status == 78)
        #expect(end.errorText.contains("\(path):2:9: log.size: expected a size"), "\(end.errorText)")
    }

    @Test("--check-config says what a start would refuse, and starts nothing")
    func checkConfiguration() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/tocsin.yaml"
        let check = { try await Subprocess.run(BuiltProgram.path("tocsind"), ["--check-config", "--config", path]) }
        try directory.write("sources: [heartbeat]\nsocket: {path: \(directory.path)/tocsin.sock}\n", to: "tocsin.yaml")
        let good = try await check()
        #expect(good.status == 0 && good.errorText == "" && good.text == "")
        #expect(access(directory.path + "/tocsin.sock", F_OK) != 0)
        try directory.write("sources: [wishes]\n", to: "tocsin.yaml")
        let bad = try await check()
        #expect(bad.status == 78)
        #expect(bad.errorText.hasPrefix("tocsind: \(path):1:11: sources: expected a list"), "\(bad.errorText)")
    }

    @Test(
        "root's daemon obeys no configuration that others may write or replace, at start and at reload",
        .enabled(if: isRoot, "only root's daemon minds"))
    func foreignConfiguration() async throws {
        let quiet = "sources: [heartbeat]\nheartbeat: {interval: 1h}\n"
        let daemon = try await RunningDaemon.ready(configuration: quiet)
        let path = daemon.directory.path + "/tocsin.yaml"
        chmod(path, 0o666)
        daemon.process.send(SIGHUP)
        try await daemon.notified("READY=1")
        let reason = "others than root may write it (mode 0666, owner 0, group 0): chown root and chmod go-w"
        try await daemon.logged("Configuration refused, continuing with the old one reason=\"\(path): \(reason)\"")

        let start = ["--check-config", "--config", path]
        let end = try await Subprocess.run(BuiltProgram.path("tocsind"), start)
        #expect(end.status == 78 && end.errorText == "tocsind: \(path): \(reason)\n", "\(end.errorText)")
        chmod(path, 0o644)
        chmod(daemon.directory.path, 0o777)
        let open = try await Subprocess.run(BuiltProgram.path("tocsind"), start)
        #expect(open.status == 78)
        #expect(open.errorText.hasPrefix("tocsind: \(daemon.directory.path): others than root"), "\(open.errorText)")
    }

    @Test("a configuration file that was named must exist")
    func missingConfiguration() async throws {
        let end = try await Subprocess.run(BuiltProgram.path("tocsind"), ["--config", "/nonexistent/t.yaml"])
        #expect(end.status == 78)
        #expect(end.errorText == "tocsind: /nonexistent/t.yaml: No such file or directory\n")
    }

    @Test("two sources of process starts contradict each other, and so does a source that does not exist")
    func badSources() async throws {
        let both = try await Subprocess.run(BuiltProgram.path("tocsind"), ["--source", "proc", "--source", "auto"])
        #expect(both.status == 78)
        #expect(both.errorText.contains("proc and auto would each report every process start"), "\(both.errorText)")
        #expect(both.errorText.contains("command line: sources: "), "\(both.errorText)")
        let unknown = try await Subprocess.run(BuiltProgram.path("tocsind"), ["--source", "wishes"])
        #expect(unknown.status == 64)
        #expect(
            unknown.errorText.contains("expected one of auto, ebpf, fanotify, proc, files, heartbeat"),
            "\(unknown.errorText)")
    }

    @Test("a daemon that would watch nothing does not start")
    func noSources() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("sources: []\n", to: "none.yaml")
        let path = directory.path + "/none.yaml"
        let end = try await Subprocess.run(BuiltProgram.path("tocsind"), ["--config", path])
        #expect(end.status == 78)
        #expect(end.errorText.contains("\(path): sources: expected at least one"), "\(end.errorText)")
    }

    @Test(
        "a reload that is asked for while the daemon starts is done when it has started", .timeLimit(.minutes(1)))
    func earlyReload() async throws {
        let directory = try TemporaryDirectory()
        let (configuration, socket) = (directory.path + "/fifo", directory.path + "/tocsin.sock")
        try #require(mkfifo(configuration, 0o600) == 0)
        let daemon = try RunningSubprocess(
            BuiltProgram.path("tocsind"), ["--config", configuration, "--socket", socket])
        try await daemon.whenReading(configuration) { daemon.send(SIGHUP) }
        // When it listens it has closed the file, and opens it again for the reload.
        while access(socket, F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
        try await daemon.whenReading(configuration) {}
        daemon.send(SIGTERM)
        let end = try await daemon.ended()
        #expect(end.status == 0, "\(end.errorText)")
    }

    @Test("SIGHUP takes a changed configuration as a whole, and keeps the old one where the new is refused")
    func reload() async throws {
        let beats = "sources: [heartbeat]\nheartbeat: {interval: 20ms}\n"
        let daemon = try await RunningDaemon.ready(configuration: beats)
        let session = try await daemon.client.open()
        _ = try await session.read()

        try daemon.directory.write(
            beats + "filter: {excludeTypes: [heartbeat], excludePaths: wrong}\n", to: "tocsin.yaml")
        daemon.process.send(SIGHUP)
        try await daemon.notified("READY=1")
        try await daemon.logged("tocsin.yaml:3:")
        #expect(try await session.read().event.type == .heartbeat)

        try daemon.directory.write(beats + "filter: {excludeTypes: [heartbeat]}\n", to: "tocsin.yaml")
        daemon.process.send(SIGHUP)
        try await daemon.notified("READY=1")
        let last = try await daemon.client.status().lastSequence
        let later = try await daemon.client.open()
        #expect(later.cursor.sequence == last, "no beat is an event any more")
        await #expect(throws: TocsinError.timedOut) { try await later.read(timeout: .milliseconds(100)) }
    }

    @Test("a log that is too small for what the configuration says is refused, not shrunk")
    func limits() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("log: {size: 1KiB}\n", to: "small.yaml")
        let end = try await Subprocess.run(BuiltProgram.path("tocsind"), ["--config", directory.path + "/small.yaml"])
        #expect(end.status == 78)
    }
}

extension RunningSubprocess {
    fileprivate var threadNames: [String] {
        get throws {
            let threads = "/proc/\(pid)/task"
            return try directoryNames(threads).map {
                let name = try FileDescriptor.open("\(threads)/\($0)/comm").readToEnd(limit: 64)
                return String(decoding: name.dropLast(), as: UTF8.self)
            }
        }
    }

    /// Waits until the process reads the FIFO, and gives it a configuration when `body` has returned.
    fileprivate func whenReading(_ fifo: String, _ body: () -> Void) async throws {
        for _ in 0..<3000 {
            let writer = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            guard writer >= 0 else {
                try await Task.sleep(for: .milliseconds(10))
                continue
            }
            defer { close(writer) }
            body()
            let text = Array("sources: [heartbeat]\n".utf8)
            #expect(write(writer, text, text.count) == text.count)
            return
        }
        Issue.record("nobody reads \(fifo); the daemon's log: \(errorsWritten)")
    }
}
