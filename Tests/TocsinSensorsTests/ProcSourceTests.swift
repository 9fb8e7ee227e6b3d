import Glibc
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

@Suite struct ProcSourceTests {
    static func runner() throws -> SourceRunner {
        try SourceRunner(ProcSource(intervalMSec: 20, reader: try ProcessReader()))
    }

    @Test("a process that starts is told with all that /proc knows, and its end too")
    func starts() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["cat", "-", "a b", ""], file: "/bin/cat")
        let pid = child.pid
        let process = try #require(
            try runner.wait("exec of cat") { $0.execs(of: pid).contains { $0.comm == "cat" } }.execs(of: pid).last)
        #expect(process.executable?.lastComponent.elementsEqual("cat".utf8) == true)
        #expect(process.arguments == ["cat", "-", "a b", ""])
        #expect(process.parentPid == getpid())
        #expect(process.uid == getuid() && process.effectiveGid == getegid())
        #expect(process.workingDirectory?.bytes.first == UInt8(ascii: "/"))
        #expect(process.namespaces != nil)
        #expect(!process.gone)
        #expect(process.startTimeNSec > 0 && process.startTimeNSec <= Clock.boottimeNSec())
        child.end()
        let ended = try runner.wait("end") { $0.contains { $0.process(.exit)?.pid == pid } }
            .compactMap { $0.process(.exit) }.first { $0.pid == pid }
        #expect(ended?.entityID == process.entityID)
        #expect(ended?.executable == process.executable)
        #expect(ended?.runTimeNSec != nil)
    }

    @Test("a known process that executes another program is told again, as the same process")
    func executes() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["/bin/sh", "-c", "read line; exec /bin/cat -"])
        let pid = child.pid
        let first = try runner.wait("exec of sh") { !$0.execs(of: pid).isEmpty }.execs(of: pid)
        try child.write("go")
        let all = try runner.wait("exec of cat") { $0.execs(of: pid).contains { $0.comm == "cat" } }.execs(of: pid)
        #expect(Set(all.map(\.entityID)) == [first[0].entityID])
        #expect(all.last?.arguments == ["/bin/cat", "-"])
        child.end()
    }

    @Test("a process that executes its own program again is told again")
    func again() throws {
        let runner = try Self.runner()
        defer { runner.finish() }
        let child = try Child(["/bin/sh", "-c", "read line; exec /bin/sh -c 'cat; :' second"])
        let pid = child.pid
        try runner.wait("first") { !$0.execs(of: pid).isEmpty }
        try child.write("go")
        try runner.wait("second") { $0.execs(of: pid).contains { $0.arguments?.last == "second" } }
        child.end()
    }

    @Test("what ran before is the baseline and no event")
    func baseline() throws {
        let child = try Child(["/bin/cat"])
        let pid = child.pid
        let runner = try Self.runner()
        defer { runner.finish() }
        let marker = try Child(["/bin/cat"])
        let other = marker.pid
        try runner.wait("marker") { !$0.execs(of: other).isEmpty }
        #expect(runner.records.execs(of: pid).isEmpty)
        child.end()
        marker.end()
    }

    @Test("stopping before running returns at once, and stopping twice does no harm")
    func stop() throws {
        let source = ProcSource(intervalMSec: 1_000_000, reader: try ProcessReader())
        source.stop()
        try source.open()
        source.stop()
        try source.run { _ in Issue.record("delivered after stop") }
        source.close()
    }
}

@Suite struct HeartbeatSourceTests {
    @Test("the heart beats until it is stopped")
    func beats() throws {
        let runner = try SourceRunner(HeartbeatSource(intervalMSec: 1))
        let records = try runner.wait("three beats") { $0.count >= 3 }
        #expect(records.allSatisfy { $0.body == .heartbeat })
        runner.finish()
        #expect(runner.statistics.seen == UInt64(runner.records.count))
    }

    @Test("beats missed while the reader was busy become one and are counted")
    func busy() throws {
        let source = HeartbeatSource(intervalMSec: 1)
        try source.open()
        var beats = 0
        try source.run { records in
            beats += records.count
            if beats == 1 { usleep(20_000) } else { source.stop() }
        }
        #expect(beats == 2)
        #expect(source.statistics.lost >= 10)
        source.close()
    }
}
