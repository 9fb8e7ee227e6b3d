import Glibc
import Testing
import TocsinEvents
import TocsinLinux

@testable import TocsinSensors

/// A source after another, as a daemon after a restart.
@Suite(.enabled(if: geteuid() == 0, "fanotify needs root"), .serialized)
struct FanotifyResumeTests {
    private func source(_ store: KeptDescriptors) throws -> FanotifySource {
        FanotifySource(reader: try ProcessReader(), store: store)
    }

    @Test("what executed while no source read is told by the next, once, whether it still runs or not")
    func queueOutlivesSource() throws {
        let store = KeptDescriptors()
        let first = try source(store)
        let runner = try SourceRunner(first)
        #expect(!first.isResumed)
        let before = try Child(["/bin/cat", "-", "before"])
        let pidBefore = before.pid
        try runner.wait("exec before") { !$0.execs(of: pidBefore).isEmpty }
        runner.finish()

        let running = try Child(["/bin/cat", "-", "running"])
        let brief = try Child(["/bin/cat", "/dev/null"])
        let (pidRunning, pidBrief) = (running.pid, brief.pid)
        brief.end()

        let second = try source(store)
        let next = try SourceRunner(second)
        defer { next.finish() }
        #expect(second.isResumed)
        try next.wait("both execs") { !$0.execs(of: pidRunning).isEmpty && !$0.execs(of: pidBrief).isEmpty }
        let after = try Child(["/bin/cat", "-", "after"])
        let pidAfter = after.pid
        let records = try next.wait("exec after") { !$0.execs(of: pidAfter).isEmpty }
        #expect(records.execs(of: pidRunning).map(\.arguments) == [["/bin/cat", "-", "running"]])
        #expect(records.execs(of: pidBrief).map(\.gone) == [true])
        #expect(records.execs(of: pidBefore).isEmpty, "told by the first")
        before.end()
        running.end()
        after.end()
    }

    @Test("a kept descriptor that is no fanotify group is not taken up")
    func otherDescriptor() throws {
        let store = KeptDescriptors()
        let runner = try SourceRunner(try source(store))
        runner.finish()
        let name = try #require(store.names.first)
        store.keep(try FileDescriptor.open("/dev/null"), as: name)
        let second = try source(store)
        let next = try SourceRunner(second)
        next.finish()
        #expect(!second.isResumed)
    }

    /// Runs the source until `isIt` says so of a batch, and returns that batch, with what a process killed before it
    /// was logged would have left.
    private func killed(
        _ source: any Source, _ store: KeptDescriptors, when isIt: ([SensorRecord]) -> Bool
    ) throws -> (records: [SensorRecord], left: KeptDescriptors) {
        var found: (records: [SensorRecord], left: KeptDescriptors)?
        var failure: (any Error)?
        try source.run { records in
            guard found == nil, isIt(records) else { return }
            do { found = (records, try store.asLeft()) } catch { failure = error }
            source.stop()
        }
        source.close()
        if let failure { throw failure }
        return try #require(found)
    }

    @Test("killed before it is logged, an execution is told again by the next, under the same number")
    func killedBeforeLog() throws {
        let store = KeptDescriptors()
        let first = try source(store)
        try first.open()
        first.keep()
        let pid = try Self.runToEnd(["/bin/cat", "/dev/null"])
        let (records, left) = try killed(first, store) { !$0.execs(of: pid).isEmpty }
        let told = try #require(records.first { $0.exec?.pid == pid })

        let second = try source(left)
        let next = try SourceRunner(second)
        defer { next.finish() }
        #expect(second.isResumed)
        let after = try Self.runToEnd(["/bin/cat", "/dev/null"])
        let again = try next.wait("exec after") { !$0.execs(of: after).isEmpty }.filter { $0.exec?.pid == pid }
        #expect(told.position != nil)
        #expect(again.map(\.position) == [told.position])
        #expect(again.map(\.exec?.executable) == [told.exec?.executable])
        #expect(again.map(\.exec?.gone) == [true])
        let newer = try #require(next.records.first { $0.exec?.pid == after })
        #expect(try #require(newer.position) > #require(told.position))
    }

    @Test(
        "killed while its opens were given their number, an execution is told once by the next, as what it was",
        arguments: [false, true])
    func killedWhileTold(isScript: Bool) throws {
        let directory = try TemporaryDirectory()
        let script = try directory.write("script.sh", "#!/bin/sh\nread line\n")
        guard chmod(script, 0o755) == 0 else { throw SystemError(operation: "chmod", code: errno) }
        let store = KeptDescriptors()
        let first = try source(store)
        try first.open()
        first.keep()
        let child = try Child(isScript ? [script] : ["/bin/cat"])
        let pid = child.pid
        let (records, left) = try killed(first, store) { !$0.execs(of: pid).isEmpty }
        let told = try #require(records.execs(of: pid).last)
        // All but the first open have the number.
        guard let memory = left.takeKept("fanotify-exec-v2-journal") else {
            Issue.record("kept is \(left.names)")
            return
        }
        var bytes = try memory.read(count: ReadJournal.byteCount(capacity: OpenJournal.capacity), at: 0)
        let changed = bytes.withUnsafeMutableBytes { bytes in
            // In that half which is in force; behind the headers of the journal and of the half.
            (0...1).contains { half in
                var entry = 4096 + half * (bytes.count - 4096) / 2 + 64
                while let note = NotedOpen(in: bytes, at: entry), note.byteCount > 0 {
                    guard note.pid != pid || note.state == 0 else {
                        note.setState(0)
                        return bytes.load(fromByteOffset: 24, as: UInt64.self) == half
                    }
                    entry += note.byteCount
                }
                return false
            }
        }
        #expect(changed)
        #expect(pwrite(memory.rawValue, bytes, bytes.count, 0) == bytes.count)
        let second = try source(left)
        let next = try SourceRunner(second)
        defer { next.finish() }
        #expect(second.isResumed)
        try next.wait("the execution") { !$0.execs(of: pid).isEmpty }
        try FanotifySourceTests.settle(next)
        let again = next.records.execs(of: pid)
        #expect(again.map(\.executable) == [told.executable])
        #expect(again.map(\.arguments) == [told.arguments])
        child.end()
    }

    @Test("what was logged is not told again")
    func logged() throws {
        let store = KeptDescriptors()
        let runner = try SourceRunner(try source(store))
        let before = try Self.runToEnd(["/bin/cat", "/dev/null"])
        try runner.wait("exec before") { !$0.execs(of: before).isEmpty }
        // The next delivery says that the one before has returned.
        let other = try Self.runToEnd(["/bin/cat", "/dev/null"])
        try runner.wait("the other") { !$0.execs(of: other).isEmpty }
        let left = try store.asLeft()
        runner.finish()

        let next = try SourceRunner(try source(left))
        defer { next.finish() }
        let after = try Self.runToEnd(["/bin/cat", "/dev/null"])
        let records = try next.wait("exec after") { !$0.execs(of: after).isEmpty }
        #expect(records.execs(of: before).isEmpty)
    }

    @Test("killed before the file of an event was noted, its reader left the event in the second queue")
    func killedBeforeNote() throws {
        let store = KeptDescriptors()
        let first = try source(store)
        try first.open()
        first.keep()
        let pid = try Self.runToEnd(["/bin/cat", "/dev/null"])
        // What the system call leaves, and nothing behind it. Events of other processes come first, if there are any.
        guard let keptGroup = store.takeKept("fanotify-exec-v2"),
            let keptMemory = store.takeKept("fanotify-exec-v2-journal")
        else {
            Issue.record("kept is \(store.names)")
            return
        }
        let group = FanotifyGroup(adopting: keptGroup)
        var event = [UInt8](repeating: 0, count: 32)
        repeat {
            #expect(try event.withUnsafeMutableBytes { try group.read(into: $0) } == 32)
        } while event.withUnsafeBytes({ $0.load(fromByteOffset: 20, as: Int32.self) }) != pid
        // The descriptor dies with its reader.
        #expect(close(event.withUnsafeBytes { $0.load(fromByteOffset: 16, as: Int32.self) }) == 0)
        // Behind the headers of the journal, of its half and of the entry.
        #expect(pwrite(keptMemory.rawValue, event, 32, 4096 + 64 + 16) == 32)
        first.close()

        let next = try SourceRunner(try source(store))
        defer { next.finish() }
        let after = try Self.runToEnd(["/bin/cat", "/dev/null"])
        let records = try next.wait("exec after") { !$0.execs(of: after).isEmpty }
        #expect(records.execs(of: pid).map(\.executable) == records.execs(of: after).map(\.executable))
        #expect(!records.contains { if case .abandoned = $0.body { true } else { false } })
    }

    @Test("killed before they are logged, changes of files are told again by the next, under the same numbers")
    func files() throws {
        let directory = try TemporaryDirectory()
        let paths = try WatchedPaths(including: ["\(directory.path)/**"])
        let store = KeptDescriptors()
        let first = FilesSource(paths, reader: try ProcessReader(), store: store)
        try first.open()
        first.keep()
        try shell("cd \(directory.path); echo 1 >a; mv a b; rm b")
        let (records, left) = try killed(first, store) { _ in true }

        let second = FilesSource(paths, reader: try ProcessReader(), store: left)
        let next = try SourceRunner(second)
        defer { next.finish() }
        #expect(second.isResumed)
        try shell("echo 1 >\(directory.path)/c")
        let all = try next.wait("the last") { $0.contains { $0.file(.create)?.path?.string.hasSuffix("/c") ?? false } }
        #expect(all.prefix(records.count).map(\.position) == records.map(\.position))
        #expect(all.prefix(records.count).map(\.kind) == records.map(\.kind))
        let positions = try all.map { try #require($0.position) }
        #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 })
        for (type, name) in [(EventType.create, "a"), (.rename, "b"), (.delete, "b")] {
            #expect(all.count { $0.file(type)?.path == ByteString("\(directory.path)/\(name)") } == 1)
        }
    }

    @Test("a group of another boot is not taken up")
    func otherBoot() throws {
        let store = KeptDescriptors()
        let runner = try SourceRunner(try source(store))
        runner.finish()
        let boot = try #require(BootID("00000000-0000-4000-8000-000000000000"))
        let second = FanotifySource(reader: ProcessReader(boot: boot), store: store)
        let next = try SourceRunner(second)
        next.finish()
        #expect(!second.isResumed)
    }

    private static func runToEnd(_ arguments: [String]) throws -> Int32 {
        let child = try Child(arguments)
        let pid = child.pid
        child.end()
        return pid
    }
}

extension SensorRecord {
    fileprivate var kind: String {
        switch body {
        case .file(let type, let file, _): "\(type.rawValue) \(file.path?.string ?? "")"
        default: "\(body)"
        }
    }
}
