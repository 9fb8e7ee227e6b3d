import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents
import TocsinLinux

/// Rules in the running daemon, with processes that really start.
@Suite(.enabled(if: isRoot, "fanotify needs CAP_SYS_ADMIN"))
struct RuleTests {
    /// A rule about a word that only this test's commands have.
    private struct Marker {
        let word = "marker-\(UInt64.random(in: 0 ... .max))"

        func rule(_ id: Int, title: String = "Marked", level: String = "high", extra: String = "") -> String {
            """
            title: \(title)
            id: 00000000-0000-4000-8000-00000000000\(id)
            logsource: {category: process_creation, product: linux}
            detection:
              selection:
                Image|endswith: /tail
                CommandLine|endswith: ' \(word)'
              condition: selection
            level: \(level)
            tags: [attack.t1059]
            \(extra)
            """
        }

        /// A process that stays until it is let go of, so that all of it can be read.
        func start(_ suffix: String = "") throws -> RunningSubprocess {
            try RunningSubprocess("/usr/bin/tail", ["-f", "/dev/null", word + suffix])
        }
    }

    private static func configuration(_ rules: TemporaryDirectory, _ more: String = "") -> String {
        "sources: [fanotify]\nrules: {directories: [\(rules.path)]}\n" + more
    }

    /// The event of this process.
    private func event(of process: RunningSubprocess, in session: Session) async throws -> Event {
        while true {
            let event = try await session.read(timeout: .seconds(20)).event
            if event.process?.pid == process.pid { return event }
        }
    }

    @Test("a process that matches is an event with its detection and a line in the log; a near miss is an event only")
    func match() async throws {
        let rules = try TemporaryDirectory()
        let marker = Marker()
        try rules.write(marker.rule(1), to: "marked.yml")
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(rules))
        #expect(try await daemon.client.status().rules == 1)
        let session = try await daemon.client.open(Filter(types: [.exec]))
        let process = try marker.start()
        let found = try await event(of: process, in: session)
        #expect(
            found.detections == [
                Detection(
                    ruleID: "00000000-0000-4000-8000-000000000001", title: "Marked", severity: .high,
                    tags: ["attack.t1059"])
            ])
        try await daemon.logged("high: Marked: exec \(process.pid)")

        let nearMiss = try marker.start("x")
        #expect(try await event(of: nearMiss, in: session).detections == [])
        await session.close()
    }

    @Test("a rule that others than root may write is refused and counted, and the others are in force")
    func foreign() async throws {
        let rules = try TemporaryDirectory()
        for number in 1...3 { try rules.write(Marker().rule(number), to: "\(number).yml") }
        chmod(rules.path + "/2.yml", 0o646)
        chown(rules.path + "/3.yml", 65534, 65534)
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(rules))
        let status = try await daemon.client.status()
        #expect(status.rules == 1)
        #expect(status.refused.contains { $0.limit == "rules" && $0.count == 2 }, "\(status.refused)")
        try await daemon.logged("\(rules.path)/2.yml:")
        try await daemon.logged("others than root may write it (mode 0644, owner 65534, group 65534)")
    }

    @Test("subscribe --detections and --min-severity show what the rules found, in words")
    func commandLine() async throws {
        let rules = try TemporaryDirectory()
        let (low, high) = (Marker(), Marker())
        try rules.write(low.rule(1, title: "Small matter", level: "low"), to: "low.yml")
        try rules.write(high.rule(2, title: "Great matter", level: "high"), to: "high.yaml")
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(rules))
        let begin = try await daemon.client.open().cursor.description
        let quiet = try Marker().start()
        let processes = [try low.start(), try high.start()]
        func read(_ arguments: [String]) async throws -> String {
            let end = try await Subprocess.run(
                BuiltProgram.path("tocsin"),
                ["read", "--socket", daemon.socketPath, "--after", begin, "--timeout", "20", "--include-self"]
                    + arguments)
            #expect(end.status == 0, "\(end.errorText)")
            return end.text
        }
        let both = try await read(["--detections", "--count", "2"])
        #expect(both.contains("Small matter") && both.contains("Great matter"), "\(both)")
        #expect(both.contains("[00000000-0000-4000-8000-000000000001]"), "\(both)")
        #expect(!both.contains(" \(quiet.pid) "), "\(both)")
        let grave = try await read(["--min-severity", "medium"])
        #expect(grave.contains("high") && grave.contains("Great matter") && !grave.contains("Small"), "\(grave)")
        _ = processes
    }

    @Test("a file that is written is judged by the rules about files, and so is what a rename puts in its place")
    func files() async throws {
        let (rules, watched) = (try TemporaryDirectory(), try TemporaryDirectory())
        try rules.write(
            """
            title: Drop-in Written
            id: 00000000-0000-4000-8000-000000000001
            logsource: {category: file_event, product: linux}
            detection:
              selection: {TargetFilename: '\(watched.path)/drop-in', Image|endswith: [/sh, /dash, /bash, /mv]}
              condition: selection
            level: critical
            """, to: "file.yml")
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [files]
                files: {paths: ["\(watched.path)/**"]}
                rules: {directories: [\(rules.path)]}
                """)
        let session = try await daemon.client.open(Filter(types: [.modify, .rename]))
        // The shell stays what it is, so that whoever wrote is there to be read.
        let script = "cd \(watched.path); echo a > other; echo b > drop-in; mv other drop-in; tail -f /dev/null; :"
        let shell = try RunningSubprocess("/bin/sh", ["-c", script])
        var told: [String] = []
        while told.count < 3 {
            let event = try await session.read(timeout: .seconds(20)).event
            let name = event.file?.path.map { String(decoding: $0.lastComponent, as: UTF8.self) } ?? "?"
            // Who renamed may be gone before it is read: then only the file's name is known.
            let isDetected = event.detections.map(\.title) == ["Drop-in Written"] || event.process?.executable == nil
            told.append("\(event.type.rawValue) \(name) \(isDetected)")
        }
        #expect(told == ["modify other false", "modify drop-in true", "rename drop-in true"])
        _ = shell
        await session.close()
    }

    @Test("a rule that is refused is logged with file, line and reason and counted, and the others are in force")
    func refused() async throws {
        let rules = try TemporaryDirectory()
        try rules.write(Marker().rule(1), to: "good.yml")
        try rules.write(Marker().rule(2).replacing("condition: selection", with: "condition: selektion"), to: "bad.yml")
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(rules))
        let status = try await daemon.client.status()
        #expect(status.rules == 1)
        #expect(status.refused.contains { $0.limit == "rules" && $0.count == 1 }, "\(status.refused)")
        try await daemon.logged("place=\(rules.path)/bad.yml:8:")
        try await daemon.logged("selektion")
    }

    @Test("a rule that is written, changed or removed is taken over without being asked")
    func change() async throws {
        let rules = try TemporaryDirectory()
        let directory = rules.path + "/not/yet"
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [heartbeat]\nheartbeat: {interval: 1h}\nrules: {directories: [\(directory)]}")
        #expect(try await daemon.client.status().rules == 0)
        defer {
            for path in ["/one.yml", "/more/two.yml"] { unlink(directory + path) }
            for path in ["/not/yet/more", "/not/yet", "/not"] { rmdir(rules.path + path) }
        }
        #expect(mkdir(rules.path + "/not", 0o755) == 0 && mkdir(directory, 0o755) == 0)
        try rules.write(Marker().rule(1), to: "not/yet/one.yml")
        try await daemon.rules(1)
        // As editors save: written elsewhere, then renamed. In a directory that was not there before.
        #expect(mkdir(directory + "/more", 0o755) == 0)
        try rules.write(Marker().rule(2), to: "two.tmp")
        #expect(rename(rules.path + "/two.tmp", directory + "/more/two.yml") == 0)
        try await daemon.rules(2)
        unlink(directory + "/one.yml")
        try await daemon.rules(1)
    }

    @Test("SIGHUP is done when the rules of the new configuration are in force")
    func hangUp() async throws {
        let (first, second) = (try TemporaryDirectory(), try TemporaryDirectory())
        try first.write(Marker().rule(1), to: "a.yml")
        for id in 1...3 { try second.write(Marker().rule(id), to: "\(id).yml") }
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(first))
        #expect(try await daemon.client.status().rules == 1)
        try daemon.directory.write(Self.configuration(second), to: "tocsin.yaml")
        daemon.process.send(SIGHUP)
        try await daemon.notified("READY=1")
        #expect(try await daemon.client.status().rules == 3)
    }

    @Test("a set that cannot be read as a whole leaves the old one in force")
    func unreadable() async throws {
        let rules = try TemporaryDirectory()
        try rules.write(Marker().rule(1), to: "a.yml")
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(rules))
        // A circle of links: there, and cannot be opened (ELOOP) even by root.
        let circle = daemon.directory.path + "/circle"
        #expect(symlink(circle, circle) == 0)
        try daemon.directory.write(
            "sources: [fanotify]\nrules: {directories: [\(rules.path), \(circle)]}\n", to: "tocsin.yaml")
        daemon.process.send(SIGHUP)
        try await daemon.notified("READY=1")
        try await daemon.logged("Rules cannot be read, continuing with the old ones")
        #expect(try await daemon.client.status().rules == 1)
    }

    @Test("the journal gets the first of many alike, then how many it was spared; subscribers get all")
    func repeats() async throws {
        let rules = try TemporaryDirectory()
        let marker = Marker()
        try rules.write(marker.rule(1, title: "Noisy"), to: "noisy.yml")
        let daemon = try await RunningDaemon.ready(
            configuration: Self.configuration(rules, "journal: {repeatInterval: 2s}\n"))
        let session = try await daemon.client.open(Filter(types: [.exec]))
        let processes = try (0..<5).map { _ in try marker.start() }
        for process in processes { #expect(try await event(of: process, in: session).detections.count == 1) }
        try await daemon.logged("Rule matched again")
        let lines = daemon.process.errorsWritten.split(separator: "\n")
        #expect(lines.count { $0.contains("high: Noisy") } == 1, "\(lines)")
        #expect(lines.contains { $0.contains("Rule matched again") && $0.contains("count=4") }, "\(lines)")
        #expect(try await daemon.client.status().refused.contains { $0.limit == "journalRepeats" && $0.count == 4 })
        await session.close()
    }

    @Test("what matches again when the interval is over is written again, and is no repeat")
    func intervalOver() async throws {
        let rules = try TemporaryDirectory()
        let marker = Marker()
        try rules.write(marker.rule(1, title: "Rare"), to: "rare.yml")
        let daemon = try await RunningDaemon.ready(
            configuration: Self.configuration(rules, "journal: {repeatInterval: 1ms}\n"))
        let session = try await daemon.client.open(Filter(types: [.exec]))
        for _ in 0..<3 {
            let process = try marker.start()
            let event = try await event(of: process, in: session)
            #expect(event.detections.count == 1)
            while TocsinLinux.Clock.monotonicUSec() <= event.monotonicUSec + 1000 { await Task.yield() }
        }
        let lines = daemon.process.errorsWritten.split(separator: "\n")
        #expect(lines.count { $0.contains("high: Rare") } == 3, "\(lines)")
        #expect(!lines.contains { $0.contains("Rule matched again") }, "\(lines)")
        await session.close()
    }

    @Test("a correlation is detected on the event that completes it, and one that time decides is an event of its own")
    func correlations() async throws {
        let rules = try TemporaryDirectory()
        let marker = Marker()
        func correlation(_ id: Int, _ title: String, _ condition: String) -> String {
            """
            title: \(title)
            id: 00000000-0000-4000-8000-00000000000\(id)
            correlation:
              type: event_count
              rules: [marked]
              group-by: [User]
              timespan: 1s
              condition: {\(condition)}
            level: medium

            """
        }
        try rules.write(marker.rule(1, extra: "name: marked"), to: "base.yml")
        try rules.write(correlation(2, "Three at once", "gte: 3"), to: "three.yml")
        try rules.write(correlation(3, "Not even five", "lt: 5"), to: "few.yml")
        let daemon = try await RunningDaemon.ready(configuration: Self.configuration(rules))
        #expect(try await daemon.client.status().rules == 3)
        let session = try await daemon.client.open(Filter(minimumSeverity: .informational))
        let processes = try (0..<3).map { _ in try marker.start() }
        let third = try await session.read(timeout: .seconds(20)).event
        // Not always the one that was started last: who is read first is told first.
        #expect(processes.contains { $0.pid == third.process?.pid })
        #expect(third.detections.map(\.title) == ["Three at once"])
        let decided = try await session.read(timeout: .seconds(20)).event
        #expect(decided.type == .detection)
        #expect(decided.detections.map(\.title) == ["Not even five"])
        await session.close()
    }
}

extension RunningDaemon {
    /// Waits until the daemon has written this to its log.
    func logged(_ text: String) async throws {
        for _ in 0..<3000 {
            if process.errorsWritten.contains(text) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Silent(log: "expected \(text) in: " + process.errorsWritten)
    }

    /// Waits until this many rules are in force.
    fileprivate func rules(_ count: Int) async throws {
        for _ in 0..<3000 {
            if try await client.status().rules == count { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Silent(log: "expected \(count) rules: " + process.errorsWritten)
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
