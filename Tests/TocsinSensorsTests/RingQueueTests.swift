import CTocsinProbes
import Glibc
import Synchronization
import Testing
import TocsinEvents
import TocsinLinux

@testable import TocsinSensors

/// With a ring that the test writes, as the probes do.
struct RingQueueTests {
    @Test("who wakes the reader just before it sleeps is heard, also behind a record that is being written")
    func wokenBeforeSleep() throws {
        let ring = try WrittenRing()
        let queue = RingQueue(
            try ring.reader(), counters: SourceCounters(), urgent: try UrgentTypes([.exec]), failed: {})
        let doorbell = try Doorbell(for: ring.wakeups.descriptor)
        let bell = try doorbell.duplicateDescriptor()
        queue.ring(doorbell)
        let rounds = 1...3000
        let other = try BlockingThread(name: "probe") {
            for round in rounds { ring.submitOnceAwaited(1, inRound: round) }
        }
        defer { ring.end() }
        for round in rounds {
            // A wake-up for what was read meanwhile is still to be heard.
            ring.wakeups.signal()
            ring.reserve(2, inRound: round)
            let rest = queue.release()
            #expect(rest == .unfinished)
            ring.waitForOther(inRound: round)
            ring.submit(0)
            // Nobody will do so for these two again: the first to wake the reader took its wish back.
            let isHeard = try isReadable(bell)
            try #require(isHeard, "in round \(round)")
            ring.wakeups.reset()
            queue.read { _ in }
        }
        other.join()
    }

    private func isReadable(_ bell: borrowing FileDescriptor) throws -> Bool {
        var wanted = pollfd(fd: bell.rawValue, events: Int16(POLLIN), revents: 0)
        guard try syscall("poll", { poll(&wanted, 1, 10_000) }) == 1 else { return false }
        return try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { try bell.read(into: $0) } == 8
    }
}

/// A ring and its counters in memory of the test's, and what wakes its reader. Its records say nothing: they are
/// discarded ones.
private final class WrittenRing: Sendable {
    let wakeups: EventFD
    private let memory: MemoryFile
    private let counters: MemoryFile
    private let ring: MemoryMapping
    private let words: MemoryMapping
    /// Rounds of the one probe and of the other.
    private let begun = Atomic(0)
    private let ended = Atomic(0)
    /// Where the round's records begin.
    private let start = Atomic<UInt64>(0)

    private static let capacity = UInt64(MemoryMapping.pageSize)
    private static let record: (size: UInt32, room: UInt64) = (8, 16)

    init() throws {
        let size = 2 * MemoryMapping.pageSize + 2 * Int(Self.capacity)
        memory = try MemoryFile(name: "ring", byteCount: size)
        counters = try MemoryFile(name: "counters", byteCount: MemoryMapping.pageSize)
        ring = try memory.map(byteCount: size, writable: true)
        words = try counters.map(byteCount: MemoryMapping.pageSize, writable: true)
        wakeups = try EventFD()
    }

    func reader() throws -> RingReader {
        RingReader(
            ring: try RingBuffer(mapping: memory.descriptor, capacity: Int(Self.capacity)),
            counters: try ProbeCounters(mapping: counters.descriptor), boot: try #require(BootID(try Proc.bootID())),
            skippedRuns: { 0 })
    }

    /// So many records are being written from now on.
    func reserve(_ count: UInt64, inRound round: Int) {
        let end = ring_load64(producer)
        start.store(end, ordering: .relaxed)
        for index in 0..<count { setHeader(of: index, Self.record.size | 1 << 31) }
        ring_store64(producer, end + count * Self.record.room)
        begun.store(round, ordering: .releasing)
    }

    /// As the probes do: see tocsin.bpf.c.
    func submit(_ index: UInt64) {
        let isAwaited = ring_load64(awaited) != 0
        if isAwaited { ring_store64(awaited, 0) }
        setHeader(of: index, Self.record.size | 1 << 30)
        if isAwaited { wakeups.signal() }
    }

    func submitOnceAwaited(_ index: UInt64, inRound round: Int) {
        while begun.load(ordering: .acquiring) < round { sched_yield() }
        while ring_load64(awaited) == 0 { if hasEnded { return } }
        submit(index)
        ended.store(round, ordering: .releasing)
    }

    /// Nobody waits for a round any more.
    func end() { begun.store(.max, ordering: .releasing) }

    private var hasEnded: Bool { begun.load(ordering: .relaxed) == .max }

    func waitForOther(inRound round: Int) {
        while ended.load(ordering: .acquiring) < round { sched_yield() }
    }

    private var producer: UnsafeMutableRawPointer { ring.bytes.baseAddress! + MemoryMapping.pageSize }

    private var awaited: UnsafeMutableRawPointer {
        words.bytes.baseAddress! + MemoryLayout<probe_counters>.offset(of: \.awaited)!
    }

    private func setHeader(of index: UInt64, _ value: UInt32) {
        let position = start.load(ordering: .relaxed) + index * Self.record.room
        let header = producer + MemoryMapping.pageSize + Int(position % Self.capacity)
        header.storeBytes(of: value, as: UInt32.self)
        ring_fence()
    }
}
