import Glibc
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

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
}
