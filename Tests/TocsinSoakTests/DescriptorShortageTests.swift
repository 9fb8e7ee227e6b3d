import Glibc
import JSON
import Synchronization
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

@Suite(.serialized) struct DescriptorShortageTests {
    @Test("the daemon raises its limit of descriptors to the hard one, and clients cannot take those its sources need")
    func limits() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [heartbeat, proc]
                heartbeat: {interval: 10ms}
                proc: {interval: 10ms}
                log: {size: 1MiB}
                limits: {connections: 1000, connectionsPerUser: 1000}
                """, wrapper: ["/usr/bin/prlimit", "--nofile=100:200"])
        #expect(try descriptorLimits(of: daemon) == [200, 200])
        #expect(daemon.process.errorsWritten.contains("allowing fewer connections"), "\(daemon.process.errorsWritten)")

        let witness = try await Witness(daemon.client)
        let status = try TestSocket(connectingTo: daemon.socketPath)
        let crowd = try (0..<300).map { _ in try TestSocket(connectingTo: daemon.socketPath) }
        let isFull = try await Soak.eventually { try self.refusals(status)["connections"]?.integerValue ?? 0 >= 200 }
        #expect(isFull)
        let answer = try self.refusals(status)
        #expect(answer["accept"] == nil, "never without a descriptor: \(answer)")
        _ = consume crowd
        let isFree = try await Soak.eventually { (try? await daemon.client.status()) != nil }
        #expect(isFree)
        try await witness.hasSeenAll(of: daemon)
        #expect(try await daemon.client.status().sources.allSatisfy { $0.state == "running" })
    }

    private func refusals(_ socket: TestSocket) throws -> JSONObject {
        try parameters(of: "GetStatus", socket)["refused"]?.objectValue ?? [:]
    }

    private func parameters(of method: String, _ socket: TestSocket) throws -> JSONObject {
        try socket.send(#"{"method":"io.tocsin.Events.\#(method)"}"#)
        let reply = try JSONValue(parsing: try #require(try socket.receive()))
        return try #require(reply.objectValue?["parameters"]?.objectValue)
    }

    // MARK: None left at all

    /// What somebody was told of processes.
    private struct Told {
        var starts = 0
        var ends: Set<Int32> = []
        var gaps = 0
    }

    @Test(
        "without a descriptor left no source says what is not so; what it misses is told as a gap, and it recovers",
        .enabled(if: isRoot, "needs root"), arguments: ["proc", "fanotify", "ebpf"])
    func noneLeft(source: String) async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [heartbeat, \(source)]
                heartbeat: {interval: 10ms}
                proc: {interval: 10ms}
                log: {size: 64MiB}
                """)
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        // Nobody else on the machine runs this one.
        let place = try TemporaryDirectory()
        let program = place.path + "/sleep"
        #expect(try await Subprocess.run("/usr/bin/cp", ["/usr/bin/sleep", program]).status == 0)
        let told = Mutex(Told())
        let events = daemon.client.events(Filter(types: [.exec, .exit]), after: try await daemon.cursor)
        let reader = Task {
            for try await event in events {
                told.withLock { told in
                    switch event.type {
                    case .exec where event.process?.executable?.string == program: told.starts += 1
                    case .exit: if let pid = event.process?.pid { told.ends.insert(pid) }
                    case .gap: told.gaps += 1
                    default: break
                    }
                }
            }
        }
        defer { reader.cancel() }
        let bystander = try RunningSubprocess(program, ["1000"])
        let isSeen = try await Soak.eventually { told.withLock(\.starts) > 0 }
        #expect(isSeen)

        let rounds = Soak.scaled(1, full: 5)
        var starts = 1
        for _ in 0..<rounds {
            // None, and then some: with one left it can open a directory, but nothing in it.
            let free = try freeDescriptors(of: daemon)
            for spare in [0, 1, 2, 3, 0] {
                try await limit(daemon, to: free[spare])
                for _ in 0..<5 { #expect(try await Subprocess.run(program, ["0.03"]).status == 0) }
                starts += 5
            }
            let waiting = try TestSocket(connectingTo: daemon.socketPath)
            let beats = witness.events
            let goesOn = try await Soak.eventually { witness.events > beats + 10 }
            #expect(goesOn, "who is connected is told on")
            try await limit(daemon, to: descriptorLimits(of: daemon)[1])
            _ = try parameters(of: "GetStatus", waiting)
            let recovers = try await Soak.eventually {
                let state = try await daemon.client.status().sources.first { $0.name == source }?.state
                let before = told.withLock(\.starts)
                #expect(try await Subprocess.run(program, ["0.1"]).status == 0)
                starts += 1
                guard state == "running" else { return false }
                return try await Soak.eventually(within: .seconds(1)) { told.withLock(\.starts) > before }
            }
            #expect(recovers, "\(daemon.process.errorsWritten)")
        }
        try await witness.hasSeenAll(of: daemon)
        withExtendedLifetime(place) {}
        let facts = told.withLock { $0 }
        #expect(!facts.ends.contains(bystander.pid) && !facts.ends.contains(getpid()), "nobody ended who lives")
        if facts.starts < starts { #expect(facts.gaps > 0, "\(facts.starts) of \(starts)") }
        // The others failed, and so let go of some.
        if source == "ebpf" {
            #expect(facts.starts == starts && facts.gaps == 0, "\(facts)")
            #expect(try await daemon.client.status().refused(by: "accept") > 0)
        }
        let vitals = try Vitals(of: daemon)
        vitals.expectBounded()
        Soak.report(
            "no descriptors", "\(source): \(facts.starts) of \(starts) starts told, \(facts.gaps) gaps; \(vitals)")
    }

    @Test(
        "files that change while there is no descriptor are a gap, and afterwards all is watched again",
        .enabled(if: isRoot, "needs root"))
    func files() async throws {
        let (watched, elsewhere) = (try TemporaryDirectory(), try TemporaryDirectory())
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [heartbeat, auto]
                heartbeat: {interval: 10ms}
                files: {paths: [\(watched.path)/**]}
                log: {size: 64MiB}
                """)
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        let told = Mutex((names: Set<String>(), gaps: 0))
        let events = daemon.client.events(Filter(types: [.create]), after: try await daemon.cursor)
        let reader = Task {
            for try await event in events {
                told.withLock { told in
                    if let name = event.path?.string.split(separator: "/").last { told.names.insert(String(name)) }
                    if event.type == .gap { told.gaps += 1 }
                }
            }
        }
        defer { reader.cancel() }
        var number = 0
        var directories: [String] = []
        defer {
            for path in directories {
                rmdir(path + "/below")
                rmdir(path)
            }
        }
        // In each directory that there is: also where it came from elsewhere while the daemon could not look into it.
        func change() throws -> [String] {
            number += 1
            try watched.write("", to: "file-\(number)")
            return try ["file-\(number)"]
                + directories.indices.map { index in
                    let path = "\(directories[index])/below/entry-\(number)-\(index)"
                    try #require(mkdir(path, 0o755) == 0)
                    rmdir(path)
                    return "entry-\(number)-\(index)"
                }
        }
        for round in 1...Soak.scaled(1, full: 5) {
            let gaps = told.withLock(\.gaps)
            let free = try freeDescriptors(of: daemon)
            for spare in [0, 1, 2, 0] {
                try await limit(daemon, to: free[spare])
                let (made, moved) = ("\(elsewhere.path)/made", "\(watched.path)/moved-\(directories.count)")
                #expect(mkdir(made, 0o755) == 0 && mkdir(made + "/below", 0o755) == 0 && rename(made, moved) == 0)
                directories.append(moved)
                for _ in 0..<5 { _ = try change() }
                let beats = witness.events
                let goesOn = try await Soak.eventually { witness.events > beats + 5 }
                #expect(goesOn)
            }
            try await limit(daemon, to: descriptorLimits(of: daemon)[1])
            let recovers = try await Soak.eventually {
                let names = try change()
                return try await Soak.eventually(within: .milliseconds(200)) {
                    told.withLock { $0.names.isSuperset(of: names) }
                }
            }
            #expect(recovers, "round \(round): \(daemon.process.errorsWritten)")
            #expect(told.withLock(\.gaps) > gaps, "what happened where it could not look is missing")
        }
        try await witness.hasSeenAll(of: daemon)
        let (names, gaps) = told.withLock { ($0.names.count, $0.gaps) }
        let vitals = try Vitals(of: daemon)
        vitals.expectBounded()
        Soak.report("no descriptors", "files: \(names) creations told, \(gaps) gaps; \(vitals)")
    }

    /// Soft and hard.
    private func descriptorLimits(of daemon: RunningDaemon) throws -> [Int] {
        let limits = try #require(contents(of: "/proc/\(daemon.process.pid)/limits"))
        let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max open files") })
        return line.split(separator: " ").compactMap { Int($0) }
    }

    private func limit(_ daemon: RunningDaemon, to count: Int) async throws {
        let result = try await Subprocess.run(
            "/usr/bin/prlimit", ["--pid", "\(daemon.process.pid)", "--nofile=\(count):"])
        try #require(result.status == 0, "\(result.errorText)")
    }

    /// The numbers that it would use next: below the first none is left, below the second one, and so on.
    private func freeDescriptors(of daemon: RunningDaemon) throws -> [Int] {
        let path = "/proc/\(daemon.process.pid)/fd"
        let directory = try #require(opendir(path))
        defer { closedir(directory) }
        var used: Set<Int> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int(name) { used.insert(number) }
        }
        return (0..<used.count + 10).filter { !used.contains($0) }
    }
}
