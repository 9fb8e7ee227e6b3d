import Glibc
import TestKit
import TestSupport
import Testing
import TocsinEvents
import TocsinLinux

@testable import TocsinSensors

/// Many processes at once, too many for the ring, and none reading for a while.
@Suite(.enabled(if: geteuid() == 0, "loading probes needs root"), .serialized)
struct EBPFStormTests {
    /// Numbers of the starts of each spawner of the storm, in the order of the records.
    private static func starts(_ records: [SensorRecord], of storm: Int32) -> [Int: [Int]] {
        var starts: [Int: [Int]] = [:]
        for process in records.compactMap(\.exec) {
            guard let numbers = name(process), numbers[0] == Int(storm) else { continue }
            starts[numbers[1], default: []].append(numbers[2])
        }
        return starts
    }

    private static func name(_ process: Process) -> [Int]? {
        guard let arguments = process.arguments.map(Array.init), arguments.count == 3, arguments[0] == "storm" else {
            return nil
        }
        let numbers = arguments[2].string.split(separator: "-").compactMap { Int($0) }
        return numbers.count == 3 ? numbers : nil
    }

    /// Returns the number of the storm's process, which has ended.
    private static func storm(_ spawners: Int, _ starts: Int) throws -> Int32 {
        let child = try Child([BuiltProgram.path("execute"), "storm", "\(spawners)", "\(starts)"])
        let pid = child.pid
        #expect(child.end() == 0)
        return pid
    }

    private static func gaps(_ records: [SensorRecord]) -> UInt64 {
        records.reduce(0) { if case .gap(let count, _) = $1.body { $0 + (count ?? 0) } else { $0 } }
    }

    // A window of one page moves for each record and within most; the other is the one in use.
    @Test(
        "the starts of 8 spawners at once are each seen once, in the order of each spawner, and with their ends",
        arguments: [RingBuffer.windowSize, 4096])
    func storm(_ windowSize: Int) throws {
        let runner = try SourceRunner(EBPFSource(windowSize: windowSize))
        defer { runner.finish() }
        let each = isSanitized ? 250 : 2500
        let storm = try Self.storm(8, each)
        try Self.settle(runner)
        let records = runner.records
        #expect(Self.gaps(records) == 0)
        let starts = Self.starts(records, of: storm)
        #expect(starts.count == 8)
        for (_, numbers) in starts { #expect(numbers == Array(0..<each)) }
        let processes = Set(
            records.compactMap(\.exec).filter { Self.name($0)?[0] == Int(storm) }.map(\.entityID))
        #expect(processes.count == 8 * each)
        // What happened because of something else comes after it.
        var state: [String: EventType] = [:]
        var disorder = 0
        for record in records {
            guard case .process(let type, let process) = record.body, processes.contains(process.entityID) else {
                continue
            }
            switch (state[process.entityID], type) {
            case (nil, .fork), (.fork, .exec), (.exec, .exit): state[process.entityID] = type
            default: disorder += 1
            }
        }
        #expect(disorder == 0)
    }

    @Test("what a tiny ring had no room for is a gap in its place, and every record is accounted for")
    func overflow() throws {
        let source = EBPFSource(ringSize: 4096)
        try source.open()
        let runner = try SourceRunner(adopting: source, started: false)
        defer { runner.finish() }
        // Nobody reads yet.
        _ = try Self.storm(2, 100)
        try runner.start()
        try runner.wait("gap") { Self.gaps($0) > 0 }
        try Self.settle(runner)
        // Others' processes go on; so it is read until nothing came in between.
        var isSettled = false
        for _ in 0..<100 where !isSettled {
            let before = source.statistics.records
            try Self.settle(runner)
            let (records, after) = (runner.records, source.statistics.records)
            #expect(after.map(\.type) == [.exec, .fork, .exit])
            for count in after { #expect(count.seen >= count.submitted + count.lost) }
            let lost = after.reduce(0) { $0 + $1.lost }
            #expect(lost >= before.reduce(0) { $0 + $1.lost } && lost >= 500)
            isSettled =
                Self.gaps(records) == lost
                && after.allSatisfy { count in
                    let events = records.count { $0.process(count.type) != nil }
                    return count.submitted == events && count.delivered == events
                }
        }
        #expect(isSettled, "\(Self.gaps(runner.records)) \(source.statistics.records)")
        #expect(source.statistics.undecodable == 0)
        #expect(runner.statistics.lost == Self.gaps(runner.records))
        // The ring was full at once: the first records are there, then the gap, then what came later.
        let first = try #require(runner.records.firstIndex { if case .gap = $0.body { true } else { false } })
        #expect(first > 0 && first < runner.records.count - 1)
    }

    @Test("what happened while nobody read is delivered to the next reader, and nothing twice")
    func resume() throws {
        let probes = try Probes(ringSize: 1 << 20)
        func reader() throws -> SourceRunner {
            let source = EBPFSource()
            let adopted = try Probes(
                adopting: probes.ring.duplicate(), counters: probes.counters.duplicate(),
                exitLink: probes.exitLink.duplicate(), execLink: probes.execLink.duplicate(),
                forkLink: probes.forkLink.duplicate())
            try source.resume(adopted)
            return try SourceRunner(adopting: source)
        }
        var records: [SensorRecord] = []
        var storms: [Int32] = []
        for round in 0..<3 {
            storms.append(try Self.storm(1, 20 + round))
            let runner = try reader()
            try Self.settle(runner)
            runner.finish()
            records += runner.records
        }
        // Whoever read: what all of them delivered is counted in one place.
        for count in try ProbeCounters(mapping: probes.counters).records {
            #expect(count.delivered == records.count { $0.process(count.type) != nil }, "\(count)")
            #expect(count.delivered <= count.submitted && count.lost == 0)
        }
        #expect(storms.map { Self.starts(records, of: $0) } == (20...22).map { [0: Array(0..<$0)] })
        let positions = records.compactMap(\.position)
        #expect(Set(positions).count == positions.count && positions == positions.sorted())
    }

    @Test("probes that the kernel skipped are a gap, once, whoever reads")
    func skipped() throws {
        let probes = try Probes(ringSize: 1 << 20)
        #expect(try SkippedRuns(of: probes).count == 0)
        let boot = try #require(BootID(try Proc.bootID()))
        // The kernel cannot be made to skip one: here it says that it did, first 3 and then 5 in all.
        var gaps: [SensorRecord.Body] = []
        for skipped: UInt64 in [3, 3, 5] {
            var reader = RingReader(
                ring: try RingBuffer(mapping: probes.ring, capacity: probes.ringSize),
                counters: try ProbeCounters(mapping: probes.counters), boot: boot, skippedRuns: { skipped })
            let child = try Child(["/bin/true"])
            child.end()
            let count = try reader.read(limit: 1000) { if case .gap = $0.body { gaps.append($0.body) } }
            #expect(count.events >= 2)
            _ = try reader.release()
        }
        #expect(gaps == [.gap(count: 3), .gap(count: 2)])
    }

    @Test("a ring that cannot be read on: what was read before is counted and given up, the rest is the next reader's")
    func failingMapping() throws {
        let probes = try Probes(ringSize: 1 << 20)
        func delivered() throws -> Int {
            try ProbeCounters(mapping: probes.counters).records.reduce(0) { $0 + Int($1.delivered) }
        }
        let before = try Self.descriptors(ofMapLike: probes.ring)
        // A window of one page moves after some records.
        var failing = try Self.reader(of: probes, windowSize: 4096)
        let own = try #require(try Self.descriptors(ofMapLike: probes.ring).subtracting(before).first)
        let storm = try Self.storm(1, 50)
        // What it maps from now on is a device that cannot be mapped.
        let device = open("/dev/null", O_RDONLY | O_CLOEXEC)
        #expect(dup2(device, own) == own && close(device) == 0)

        var records: [SensorRecord] = []
        let count = try failing.read(limit: 100_000) { records.append($0) }
        #expect(count.events == records.count && count.events > 0)
        #expect((Self.starts(records, of: storm)[0] ?? []).count < 50)
        #expect(throws: SystemError.self) { _ = try failing.release() }
        #expect(try delivered() == records.count)
        #expect(throws: SystemError.self) { _ = try failing.read(limit: 1) { _ in } }

        var next = try Self.reader(of: probes)
        _ = try next.read(limit: 100_000) { records.append($0) }
        _ = try next.release()
        #expect(try delivered() == records.count)
        #expect(Self.starts(records, of: storm)[0] == Array(0..<50))
    }

    /// Numbers of this process's descriptors of one BPF map; see `bpf_map_show_fdinfo` for `map_id`.
    private static func descriptors(ofMapLike map: borrowing FileDescriptor) throws -> Set<Int32> {
        func id(_ number: Int32) -> Substring? {
            guard let text = try? FileDescriptor.open("/proc/self/fdinfo/\(number)").readToEnd(limit: 4096) else {
                return nil
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("map_id:") }
        }
        let wanted = try #require(id(map.rawValue))
        return Set((0..<1024).filter { id($0) == wanted })
    }

    private static func reader(
        of probes: borrowing Probes, windowSize: Int = RingBuffer.windowSize
    ) throws -> RingReader {
        RingReader(
            ring: try RingBuffer(mapping: probes.ring, capacity: probes.ringSize, windowSize: windowSize),
            counters: try ProbeCounters(mapping: probes.counters), boot: try #require(BootID(try Proc.bootID())),
            skippedRuns: { 0 })
    }

    /// Reads all there is and sleeps until one of these types comes, on an `epoll` that is not ready then.
    private static func sleep(
        _ reader: inout RingReader, on epoll: borrowing Epoll, awaiting types: Set<EventType>
    ) throws {
        var rest = QueueRest.more
        while rest == .more {
            _ = try reader.read(limit: 1000) { _ in }
            rest = try reader.release()
            if rest != .more { rest = try reader.await(try UrgentTypes(types)) }
        }
        _ = try epoll.wait(timeoutMSec: 0)
    }

    @Test("a record that nobody is woken for waits, until there are many of them or another comes")
    func lazy() throws {
        let probes = try Probes(ringSize: 1 << 20, patience: .seconds(3600))
        var reader = try Self.reader(of: probes)
        let epoll = try Epoll()
        try epoll.add(probes.ring, token: 0, for: [.readable, .edgeTriggered])
        // An execution comes with a fork and an end, which alone would not have woken.
        try Self.sleep(&reader, on: epoll, awaiting: [.exec])
        let child = try Child(["/bin/true"])
        child.end()
        #expect(try epoll.wait(timeoutMSec: 10_000).count == 1)
        // Nobody is woken for ends, until they and all the rest take a quarter of the ring.
        try Self.sleep(&reader, on: epoll, awaiting: [])
        let silent = try Child(["/bin/true"])
        silent.end()
        #expect(try epoll.wait(timeoutMSec: 0).isEmpty)
        let storm = try Self.storm(1, 400)
        #expect(try epoll.wait(timeoutMSec: 10_000).count == 1)
        var records: [SensorRecord] = []
        let count = try reader.read(limit: 100_000) { records.append($0) }
        #expect(count.lost == 0 && count.events > 400)
        #expect(Self.starts(records, of: storm)[0]?.first == 0)
    }

    @Test("a record that nobody waits for wakes a reader that has slept for long")
    func patience() throws {
        let probes = try Probes(ringSize: 1 << 20, patience: .milliseconds(1))
        var reader = try Self.reader(of: probes)
        let epoll = try Epoll()
        try epoll.add(probes.ring, token: 0, for: [.readable, .edgeTriggered])
        try Self.sleep(&reader, on: epoll, awaiting: [])
        // The program's end comes longer after than that.
        let child = try Child(["/bin/sleep", "0.01"])
        child.end()
        #expect(try epoll.wait(timeoutMSec: 10_000).count == 1)
    }

    @Test("a sleeping reader is told when more types are waited for, and left asleep when fewer are")
    func wishes() throws {
        let urgent = try UrgentTypes([.exec, .exit])
        let epoll = try Epoll()
        try urgent.add(to: epoll, token: 0)
        _ = try epoll.wait(timeoutMSec: 0)
        urgent.change(to: [.exec])
        #expect(try epoll.wait(timeoutMSec: 0).isEmpty)
        urgent.change(to: [.exec, .fork])
        #expect(try epoll.wait(timeoutMSec: 0).count == 1)
    }

    /// Waits for the start of a program that begins now.
    private static func settle(_ runner: SourceRunner) throws {
        for _ in 0..<20 {
            let marker = try Child(["/bin/true"])
            let pid = marker.pid
            marker.end()
            // A tiny ring may lose the marker.
            if (try? runner.wait("marker", seconds: 1) { !$0.execs(of: pid).isEmpty }) != nil { return }
        }
        Issue.record("no marker arrived")
    }
}
