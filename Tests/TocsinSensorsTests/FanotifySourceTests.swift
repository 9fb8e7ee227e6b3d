import Glibc
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// Against the running kernel. Other processes of the machine appear in the records too, so each test looks for its
/// own.
@Suite(.enabled(if: geteuid() == 0, "fanotify needs root"), .serialized)
struct FanotifySourceTests {
    static func runner() throws -> SourceRunner {
        try SourceRunner(FanotifySource(reader: try ProcessReader()))
    }

    @Test("a dynamic program is one event with all that /proc knows")
    func dynamicProgram() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["cat", "-", "a b"], file: "/bin/cat")
        let pid = child.pid
        let process = try #require(try runner.wait("exec") { !$0.execs(of: pid).isEmpty }.execs(of: pid).first)
        #expect(process.executable?.lastComponent.elementsEqual("cat".utf8) == true)
        #expect(process.executableInode == (try FileStatus.of("/bin/cat").identity.inode))
        #expect(process.arguments == ["cat", "-", "a b"])
        #expect(process.comm == "cat")
        #expect(process.parentPid == getpid())
        #expect(process.uid == 0 && process.effectiveGid == 0)
        #expect(process.namespaces != nil && process.cgroup != nil)
        #expect(process.flags.isEmpty && !process.gone)
        child.end()
        try Self.settle(runner)
        #expect(runner.records.execs(of: pid).count == 1)
    }

    @Test("a script is one event, of its interpreter, that names the script")
    func script() throws {
        let directory = try TemporaryDirectory()
        let inner = try directory.write("inner", "#!/bin/sh\nread line\n")
        let outer = try directory.write("outer", "#!\(inner) x\n")
        let runner = try Self.runner()
        defer { runner.finish() }
        for (script, arguments) in [
            (inner, ["/bin/sh", inner, "1"]), (outer, ["/bin/sh", inner, "x", outer, "1"]),
        ] {
            let child = try Child([script, "1"])
            let pid = child.pid
            let process = try #require(try runner.wait("exec") { !$0.execs(of: pid).isEmpty }.execs(of: pid).first)
            #expect(process.executableInode == (try FileStatus.of("/bin/sh").identity.inode))
            #expect(process.filename == ByteString(script))
            #expect(process.flags == [.script])
            #expect(process.arguments?.map(\.string) == arguments)
            child.end()
            try Self.settle(runner)
            #expect(runner.records.execs(of: pid).count == 1)
        }
    }

    @Test("a process that executes one program after another is told of each, in order")
    func chain() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["/bin/sh", "-c", "exec /usr/bin/env /bin/sh -c 'exec /bin/cat -'"])
        let pid = child.pid
        let execs = try runner.wait("exec of cat") { $0.execs(of: pid).last?.comm == "cat" }.execs(of: pid)
        let names = execs.compactMap { $0.executable?.lastComponent }.map { String(decoding: $0, as: UTF8.self) }
        // The second sh may have been merged with the first by the kernel.
        let sh = String(decoding: try Self.resolved("/bin/sh"), as: UTF8.self)
        #expect(names == [sh, "env", sh, "cat"] || names == [sh, "env", "cat"], "\(names)")
        #expect(execs.last?.arguments == ["/bin/cat", "-"])
        #expect(execs.allSatisfy { $0.arguments == nil || $0.comm != nil })
        #expect(Set(execs.map(\.entityID)).count == 1)
        child.end()
    }

    @Test("a process that becomes another user's and executes again at once is told with that user")
    func changeOfUser() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        for _ in 0..<100 {
            let child = try Child(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", "-"], file: "/usr/bin/setpriv")
            let pid = child.pid
            let execs = try runner.wait("exec of cat") { $0.execs(of: pid).last?.comm == "cat" }.execs(of: pid)
            // The first may be another user's already when it is looked at.
            #expect(execs.last?.uid == 65534 && execs.last?.effectiveGid == 65534)
            child.end()
        }
    }

    @Test("programs that execute one another at once are told as themselves, not as the next")
    func chains() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let sh = String(decoding: try Self.resolved("/bin/sh"), as: UTF8.self)
        for _ in 0..<150 {
            let child = try Child(["/bin/sh", "-c", "exec /usr/bin/env /usr/bin/nice /bin/cat -"])
            let pid = child.pid
            let execs = try runner.wait("exec of cat") {
                $0.execs(of: pid).last?.executable?.lastComponent.elementsEqual("cat".utf8) == true
            }.execs(of: pid)
            let names = execs.compactMap { $0.executable?.lastComponent }.map { String(decoding: $0, as: UTF8.self) }
            #expect(names == [sh, "env", "nice", "cat"])
            child.end()
        }
    }

    @Test("a process that executes its own program again is told with the new arguments")
    func again() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["/bin/sh", "-c", "read line; exec /bin/sh -c 'read line; :' second"])
        let pid = child.pid
        try runner.wait("first") { $0.execs(of: pid).count == 1 }
        try child.write("go")
        let second = try runner.wait("second") { $0.execs(of: pid).count == 2 }.execs(of: pid)[1]
        #expect(second.arguments?.last == "second")
        child.end()
    }

    @Test("a static program is one event")
    func staticProgram() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let path = "/sbin/ldconfig"
        let file = try FileDescriptor.open(path)
        try #require(ExecutableFormat(read: { try? file.read(count: $1, at: $0) }) == .static)
        let child = try Child([path, "--version"])
        let pid = child.pid
        child.end()
        try runner.wait("exec") { !$0.execs(of: pid).isEmpty }
        try Self.settle(runner)
        let execs = runner.records.execs(of: pid)
        #expect(execs.count == 1)
        #expect(execs.first?.executable?.lastComponent.elementsEqual("ldconfig".utf8) == true)
    }

    @Test("a program on overlayfs is one event, not another one for the layer it comes from")
    func overlay() throws {
        let layers = try TemporaryMount(on: TemporaryDirectory())
        try shell("cd \(layers.path); mkdir lower upper work; cp /bin/cat lower/prog")
        let merged = try TemporaryMount(
            on: TemporaryDirectory(), kind: "overlay",
            options: "lowerdir=\(layers.path)/lower,upperdir=\(layers.path)/upper,workdir=\(layers.path)/work")
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["\(merged.path)/prog"])
        let pid = child.pid
        try runner.wait("exec") { !$0.execs(of: pid).isEmpty }
        child.end()
        try Self.settle(runner)
        #expect(runner.records.execs(of: pid).map(\.executable) == [ByteString("\(merged.path)/prog")])
    }

    @Test(
        "a set-user-ID program is told with both users",
        .enabled(if: (try? FileStatus.of("/usr/bin/setpriv")) != nil, "needs setpriv of util-linux"))
    func setuid() throws {
        let directory = try TemporaryDirectory()
        try shell("chmod 755 \(directory.path); cp /bin/cat \(directory.path)/suid; chmod 4755 \(directory.path)/suid")
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child([
            "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "\(directory.path)/suid",
        ])
        let pid = child.pid
        let execs = try runner.wait("suid") { $0.execs(of: pid).count == 2 }.execs(of: pid)
        #expect(execs[0].flags == [])
        #expect(execs[1].uid == 65534 && execs[1].effectiveUid == 0)
        #expect(execs[1].flags == [.setuid])
        child.end()
    }

    @Test("an execve that fails is no event")
    func failing() throws {
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", "no program\n")
        let orphan = try directory.write("orphan", "#!/nonexistent/interpreter\n")
        let runner = try Self.runner()
        defer { runner.finish() }
        let pid = fork_exec_failing([text, orphan])
        try Self.settle(runner)
        #expect(runner.records.execs(of: pid).isEmpty)
    }

    @Test("programs that end at once are all told, each once, with their executable")
    func short() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        var pids: Set<Int32> = []
        for _ in 0..<200 {
            let child = try Child(["/bin/true"])
            pids.insert(child.pid)
            child.end()
        }
        let all = try runner.wait("200 executions") { records in
            Set(records.compactMap(\.exec).map(\.pid)).isSuperset(of: pids)
        }
        try Self.settle(runner)
        let told = runner.records.compactMap(\.exec).filter { pids.contains($0.pid) }
        #expect(told.count == 200)
        let names = Set(told.map { $0.executable?.string })
        let program = String(decoding: try FileDescriptor.open("/bin/true").path(), as: UTF8.self)
        #expect(names == [program])
        #expect(told.allSatisfy { $0.gone || $0.arguments == ["/bin/true"] })
        _ = all
    }

    @Test("of a storm from eight shells at once every start is told, each once, or a gap says that some are not")
    func storm() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let directory = try TemporaryDirectory()
        // A file of its own, so that others' executions do not count.
        let program = try directory.write("storm", "")
        try shell("cp /bin/true \(program)")
        var shells: [Int32] = []
        for _ in 0..<8 {
            let loop = "read line; i=0; while [ $i -lt 250 ]; do \(program) $i; i=$((i+1)); done"
            shells.append(try Child(["/bin/sh", "-c", loop]).release())
        }
        for shell in shells { waitpid(shell, nil, 0) }
        try Self.settle(runner)
        let told = runner.records.compactMap(\.exec).filter { $0.executable == ByteString(program) }
        if runner.statistics.overflows == 0 { #expect(told.count == 2000) }
        #expect(Set(told.map(\.pid)).count == told.count)
    }

    @Test(
        "an overflow of the kernel's queue is told as a gap, once",
        .enabled(if: (try? FileStatus.of("/usr/bin/python3")) != nil, "needs python3"))
    func overflow() throws {
        let limit = try FileDescriptor.open("/proc/sys/fs/fanotify/max_queued_events").readToEnd(limit: 32)
        let count = try #require(Int(decimal: limit.prefix { $0 != UInt8(ascii: "\n") }))
        let directory = try TemporaryDirectory()
        let mount = try TemporaryMount(on: directory)
        let source = FanotifySource(reader: try ProcessReader())
        try source.open()
        // Every attempt to execute one of many files is an event, though none of them is a program.
        let script = try directory.write(
            "fail.py",
            """
            import os
            for i in range(\(count + 100)):
                path = "\(mount.path)/%d" % i
                open(path, "w").write("text"); os.chmod(path, 0o700)
                try: os.execv(path, [path])
                except OSError: pass
            """)
        try shell("/usr/bin/python3 \(script)")
        let runner = try SourceRunner(adopting: source)
        defer { runner.finish() }
        try runner.wait("gap") { $0.contains { $0.body == .gap(count: nil) } }
        try Self.settle(runner)
        #expect(runner.records.count { $0.body == .gap(count: nil) } == 1)
        #expect(runner.statistics.overflows == 1)
        #expect(!runner.records.compactMap(\.exec).contains { $0.executable?.string.hasPrefix(mount.path) ?? false })
    }

    @Test(
        "a program executed by a thread is told under the number of the process",
        .enabled(if: (try? FileStatus.of("/usr/bin/python3")) != nil, "needs python3"))
    func thread() throws {
        let directory = try TemporaryDirectory()
        let runner = try Self.runner()
        defer { runner.finish() }
        let program = """
            import os, threading, sys
            sys.stdin.readline()
            threading.Thread(target=lambda: os.execv("/bin/cat", ["cat", "-"])).start()
            """
        let script = try directory.write("thread.py", program)
        let child = try Child(["/usr/bin/python3", script])
        let pid = child.pid
        try runner.wait("python") { !$0.execs(of: pid).isEmpty }
        try child.write("go")
        try runner.wait("cat") { $0.execs(of: pid).contains { $0.arguments == ["cat", "-"] } }
        child.end()
    }

    @Test("a file system mounted later is watched")
    func mount() throws {
        let directory = try TemporaryDirectory()
        let runner = try Self.runner()
        defer { runner.finish() }
        let mount = try TemporaryMount(on: directory)
        let program = try mount.copy("/bin/cat", to: "copied")
        // The source learns of the mount by itself; until it has, an execution there is not seen.
        var told: [Process] = []
        for _ in 0..<100 where told.isEmpty {
            let child = try Child([program])
            let pid = child.pid
            let marker = try Child(["/bin/true"])
            let other = marker.pid
            try runner.wait("marker") { !$0.execs(of: other).isEmpty }
            told = runner.records.execs(of: pid)
            child.end()
            marker.end()
        }
        #expect(told.first?.executable == ByteString(program))
    }

    @Test("a file system mounted only in another mount namespace is watched after the next execution there")
    func foreignMount() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let directory = try TemporaryDirectory()
        let child = try Child([
            "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
            // The copy executes only after another execution in the namespace was seen, and a second has passed since
            // the one before the mount.
            "mount -t tmpfs tmpfs \(directory.path) && cp /bin/cat \(directory.path)/hidden && echo mounted && "
                + "while read line; do /bin/true; \(directory.path)/hidden /dev/null; done",
        ])
        var told = false
        for _ in 0..<100 where !told {
            try child.write("again")
            let marker = try Child(["/bin/true"])
            let other = marker.pid
            try runner.wait("marker") { !$0.execs(of: other).isEmpty }
            marker.end()
            usleep(100_000)
            told = runner.records.compactMap(\.exec).contains {
                $0.executable?.lastComponent.elementsEqual("hidden".utf8) == true
            }
        }
        #expect(told)
        child.end()
    }

    @Test("what was held of files and processes is closed when it has been told")
    func descriptors() throws {
        let directory = try TemporaryDirectory()
        try shell("cp /bin/true \(directory.path)/program")
        let runner = try Self.runner()
        defer { runner.finish() }
        var held: Set<String> = ["\(directory.path)/program"]
        for _ in 0..<50 {
            let child = try Child(["\(directory.path)/program"])
            held.insert("/proc/\(child.pid)")
            child.end()
        }
        try Self.settle(runner)
        // Others' descriptors come and go meanwhile, so these are looked for by what they lead to.
        let descriptors = try FileDescriptor.open("/proc/self/fd", flags: O_RDONLY | O_DIRECTORY)
        let paths = try descriptors.entries(limit: 100_000).compactMap { entry in
            try? descriptors.readLink(at: String(decoding: entry.name, as: UTF8.self))
        }
        #expect(held.isDisjoint(with: paths.map { String(decoding: $0, as: UTF8.self) }))
    }

    // MARK: Helpers

    /// Waits until all that was caused before this call has been told: by the news of one more process.
    static func settle(_ runner: SourceRunner) throws {
        let marker = try Child(["/bin/true"])
        let pid = marker.pid
        try runner.wait("marker") { !$0.execs(of: pid).isEmpty }
        marker.end()
    }

    static func resolved(_ path: String) throws -> ArraySlice<UInt8> {
        ByteString(try FileDescriptor.open(path).path()).lastComponent
    }

    static func linkerPath() throws -> String {
        let cat = try FileDescriptor.open("/bin/cat")
        guard case .dynamic(let interpreter) = ExecutableFormat(read: { try? cat.read(count: $1, at: $0) }) else {
            throw SystemError(operation: "no dynamic linker", code: ENOEXEC)
        }
        return String(decoding: interpreter, as: UTF8.self)
    }
}

/// A child that tries to execute each file and ends when all have failed; returns its number after its end.
private func fork_exec_failing(_ paths: [String]) -> Int32 {
    // posix_spawn(3) reports a failing execve after its child has tried.
    var last: Int32 = 0
    for path in paths {
        var pid = pid_t()
        let pointers = [strdup(path), nil]
        defer { free(pointers[0]) }
        if posix_spawn(&pid, path, nil, nil, pointers, environ) == 0 { waitpid(pid, nil, 0) }
        last = pid
    }
    return last
}
