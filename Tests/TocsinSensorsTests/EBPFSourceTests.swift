import Glibc
import TestSupport
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// Against the running kernel. /proc is the other witness: `cat` waits, and both must say the same of it.
@Suite(.enabled(if: geteuid() == 0, "loading probes needs root"), .serialized)
struct EBPFSourceTests {
    private static func runner() throws -> SourceRunner { try SourceRunner(EBPFSource(ringSize: 4 << 20)) }

    /// Starts `execute WAY FILE ARGUMENT…` and returns the first execution of a file of that name by it or by a child
    /// of it.
    private static func execution(
        _ way: String, file: String = "/bin/cat", _ arguments: [String], in runner: SourceRunner,
        check: (Process) throws -> Void
    ) throws {
        let execute = try BuiltProgram.path("execute")
        let child = try Child([execute, way, file] + arguments)
        let pid = child.pid
        func executions(_ records: [SensorRecord]) -> [Process] {
            records.compactMap(\.exec).filter { process in
                (process.pid == pid || process.parentPid == pid)
                    && process.executable?.lastComponent.elementsEqual("execute".utf8) == false
            }
        }
        let process = try #require(executions(try runner.wait(way) { !executions($0).isEmpty }).first)
        try check(process)
        child.end()
    }

    /// What /proc says of the same process, which waits.
    private static func expectAgreement(_ process: Process) throws {
        let directory = try ProcDirectory(pid: process.pid)
        let witness = try ProcessReader().snapshot(directory).process
        #expect(process.entityID == witness.entityID)
        #expect(process.startTimeNSec / 10_000_000 == witness.startTimeNSec / 10_000_000)
        #expect(process.parentPid == witness.parentPid && process.processGroup == witness.processGroup)
        #expect(process.uid == witness.uid && process.effectiveUid == witness.effectiveUid)
        #expect(process.gid == witness.gid && process.effectiveGid == witness.effectiveGid)
        #expect(process.loginUid == witness.loginUid && process.auditSession == witness.auditSession)
        #expect(process.tty == witness.tty)
        #expect(process.comm == witness.comm)
        #expect(process.executable == witness.executable)
        #expect(process.executableDevice == witness.executableDevice)
        #expect(process.executableInode == witness.executableInode)
        #expect(process.arguments == witness.arguments)
        #expect(process.workingDirectory == witness.workingDirectory)
        #expect(process.cgroup == witness.cgroup && process.unit == witness.unit)
        #expect(process.namespaces == witness.namespaces)
        #expect(process.flags.subtracting(.script) == witness.flags.subtracting(.script))
        #expect(!process.argumentsTruncated)
    }

    @Test(
        "however a program is executed, the probe and /proc agree about it",
        arguments: ["plain", "thread", "vfork", "nobody", "memory", "deleted", "terminal"])
    func ways(_ way: String) throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        try Self.execution(way, ["another name", "-", "", "two words"], in: runner) { process in
            try Self.expectAgreement(process)
            #expect(process.arguments == ["another name", "-", "", "two words"])
            switch way {
            case "memory":
                #expect(process.flags == .memfd && process.executable == "/memfd:a memory")
                #expect(process.filename?.string.hasPrefix("/dev/fd/") == true)
            case "deleted": #expect(process.flags == .deleted)
            case "terminal": #expect(process.tty?.hasPrefix("pts/") == true)
            case "nobody": #expect(process.uid == 65534 && process.effectiveGid == 65534)
            default: #expect(process.flags.isEmpty && process.filename == "/bin/cat")
            }
        }
    }

    @Test("in namespaces of its own a process keeps the number and names of the machine")
    func namespaces() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        try Self.execution("namespaces", ["cat"], in: runner) { process in
            try Self.expectAgreement(process)
            let own = try ProcDirectory(pid: getpid())
            #expect(process.namespaces?.pid != (try own.namespace("pid")))
            #expect(process.namespaces?.network != (try own.namespace("net")))
            #expect(process.namespaces?.user == (try own.namespace("user")))
        }
    }

    @Test("in a user namespace of its own a process keeps the user that it is to the machine, and names the namespace")
    func userNamespace() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        // Root in there, and nobody out here.
        try Self.execution("user", ["cat"], in: runner) { process in
            try Self.expectAgreement(process)
            #expect(process.uid == 65534 && process.effectiveUid == 65534)
            let own = try ProcDirectory(pid: getpid())
            #expect(process.namespaces?.user != (try own.namespace("user")))
            #expect(process.namespaces?.pid == (try own.namespace("pid")))
            let map = try FileDescriptor.open("/proc/\(process.pid)/uid_map").readToEnd(limit: 4096)
            #expect(String(decoding: map, as: UTF8.self).split(separator: " ").prefix(2) == ["0", "65534"])
        }
    }

    @Test("an empty argument vector is what the kernel made of it")
    func noArguments() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        try Self.execution("nothing", [], in: runner) { process in
            try Self.expectAgreement(process)
            // Since 5.18 an empty string stands in for the missing name.
            #expect(process.arguments == [""] || process.arguments == [])
        }
    }

    @Test("set-user-ID and set-group-ID show in ids and flags, and only where they took effect")
    func setID() throws {
        let directory = try TemporaryDirectory()
        chmod(directory.path, 0o755)
        let file = try directory.copy("/bin/cat", to: "cat")
        let runner = try Self.runner()
        defer { runner.finish() }
        chmod(file, 0o6755)
        try Self.execution("nobody", file: file, ["cat"], in: runner) { process in
            try Self.expectAgreement(process)
            #expect(process.uid == 65534 && process.effectiveUid == 0 && process.effectiveGid == 0)
            #expect(process.flags == [.setuid, .setgid])
        }
        try Self.execution("plain", file: file, ["cat"], in: runner) { process in #expect(process.flags.isEmpty) }
    }

    @Test("a script is its interpreter, the name that was executed, and the flag")
    func script() throws {
        let directory = try TemporaryDirectory()
        let script = try directory.write("run", "#!/bin/cat -\n")
        let runner = try Self.runner()
        defer { runner.finish() }
        try Self.execution("plain", file: script, ["ignored", "/dev/null"], in: runner) { process in
            try Self.expectAgreement(process)
            #expect(process.filename == ByteString(script))
            #expect(process.flags == .script)
            #expect(process.arguments?.map(\.string) == ["/bin/cat", "-", script, "/dev/null"])
        }
    }

    @Test("bytes that are no text, newlines, and names with spaces and brackets arrive as they are")
    func bytes() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.copy("/bin/cat", to: "a) (b c")
        let runner = try Self.runner()
        defer { runner.finish() }
        let script = "cd '\(directory.path)'; exec ./'a) (b c' - \"$(printf 'x\\n\\377\\033[2J')\" 2>&-"
        let child = try Child(["/bin/sh", "-c", script])
        let pid = child.pid
        func executions(_ records: [SensorRecord]) -> [Process] { records.execs(of: pid).filter { $0.comm != "sh" } }
        let process = try #require(executions(try runner.wait("exec") { !executions($0).isEmpty }).first)
        try Self.expectAgreement(process)
        #expect(process.arguments?.last?.bytes == [0x78, 0x0A, 0xFF, 0x1B] + Array("[2J".utf8))
        #expect(process.comm == "a) (b c")
        #expect(process.filename == "./a) (b c" && process.executable == ByteString(file))
        #expect(process.workingDirectory == ByteString(directory.path))
        child.end()
    }

    @Test("long paths and arguments are whole up to the bound", arguments: [4, 100, 120])
    func long(_ kibibytes: Int) throws {
        let directory = try TemporaryDirectory()
        var name = ""
        for _ in 0..<12 {
            name += String(repeating: "d", count: 200) + "/"
            mkdir(directory.path + "/" + name, 0o755)
        }
        let file = try directory.copy("/bin/cat", to: name + "cat")
        let runner = try Self.runner()
        defer { runner.finish() }
        let argument = String(repeating: "0123456789abcdef", count: kibibytes * 64 - 1)
        try Self.execution("plain", file: file, ["cat", "-", argument], in: runner) { process in
            try Self.expectAgreement(process)
            #expect(process.arguments?.last == ByteString(argument))
            #expect(process.executable == ByteString(file) && process.filename == ByteString(file))
        }
    }

    @Test("arguments of 100 KiB are whole wherever they lie in the ring and to the part of it that is mapped")
    func longAtEveryEdge() throws {
        let directory = try TemporaryDirectory()
        let argument = String(repeating: "0123456789abcdef", count: 100 * 64 - 1)
        let script = try directory.write("run", "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8; do /bin/true $i \"$1\"; done\n")
        // Each takes 144 KiB, nine a round: the window of 256 KiB moves for most, and they go around the ring twice.
        let runner = try SourceRunner(EBPFSource(ringSize: 2 << 20, windowSize: 256 << 10))
        defer { runner.finish() }
        for round in 1...4 {
            let child = try Child([script, argument])
            let pid = child.pid
            child.end()
            func executions(_ records: [SensorRecord]) -> [Process] {
                records.compactMap(\.exec).filter { $0.parentPid == pid && $0.comm == "true" }
            }
            let found = executions(try runner.wait("round \(round)") { executions($0).count == 8 })
            let areWhole = found.enumerated().map {
                $1.arguments == ["/bin/true", ByteString("\($0 + 1)"), ByteString(argument)]
            }
            #expect(areWhole == Array(repeating: true, count: 8))
        }
    }

    @Test("arguments beyond the bound are cut, and flagged")
    func tooLong() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let arguments = ["cat", "-"] + (0..<3).map { String(repeating: "\($0)", count: 100_000) }
        try Self.execution("plain", arguments, in: runner) { process in
            #expect(process.argumentsTruncated)
            let kept = (process.arguments ?? []).map(\.string).joined(separator: " ")
            #expect(arguments.joined(separator: " ").hasPrefix(kept))
            #expect(kept.utf8.count == 128 << 10)
        }
    }

    @Test("a control group of its own is told by its path")
    func controlGroup() throws {
        let mounts = try MountTable().read()
        let mount = try #require(mounts.first { $0.fileSystem == "cgroup2" }, "needs a cgroup2 mount")
        let name = "tocsin-test-\(getpid()).service"
        let group = String(decoding: mount.mountPoint, as: UTF8.self) + "/" + name
        try syscall("mkdir") { mkdir(group, 0o755) }
        defer { rmdir(group) }
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["/bin/sh", "-c", "echo $$ >\(group)/cgroup.procs && exec cat"])
        let pid = child.pid
        func executions(_ records: [SensorRecord]) -> [Process] { records.execs(of: pid).filter { $0.comm == "cat" } }
        let process = try #require(executions(try runner.wait("exec") { !executions($0).isEmpty }).first)
        try Self.expectAgreement(process)
        #expect(process.cgroup?.string.hasSuffix("/" + name) == true && process.unit == name)
        child.end()
    }

    @Test("a life is fork, exec and exit, in this order and of one process")
    func life() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        for (command, code, signal): (String, Int32?, Int32?) in [("exit 7", 7, nil), ("kill -9 $$", nil, 9)] {
            let child = try Child(["/bin/sh", "-c", command])
            let pid = child.pid
            child.end()
            let records = try runner.wait("exit") { $0.contains { $0.process(.exit)?.pid == pid } }
            let life = records.compactMap { record -> (EventType, Process)? in
                guard case .process(let type, let process) = record.body, process.pid == pid else { return nil }
                return (type, process)
            }
            #expect(life.map(\.0) == [.fork, .exec, .exit])
            #expect(Set(life.map(\.1.entityID)).count == 1)
            let end = try #require(life.last?.1)
            #expect(end.exitCode == code && end.exitSignal == signal)
            #expect(end.runTimeNSec.map { $0 > 0 && $0 < 10_000_000_000 } == true)
            let positions = records.compactMap(\.position)
            #expect(positions == positions.sorted() && Set(positions).count == positions.count)
        }
    }

    @Test("threads begin and end without events, and an execve by one of them keeps the process")
    func threads() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        try Self.execution("thread", ["cat"], in: runner) { process in
            let own = runner.records.filter {
                if case .process(_, let other) = $0.body { other.entityID == process.entityID } else { false }
            }
            #expect(own.compactMap { $0.process(.fork) }.count == 1)
            #expect(own.compactMap { $0.process(.exit) }.isEmpty)
        }
    }
}
