import CTocsinProbes
import TocsinEvents
import TocsinLinux

/// Makes records of what is in the ring, with a gap wherever some are missing.
struct RingReader: ~Copyable {
    private var ring: RingBuffer
    private let counters: ProbeCounters
    private var decoder: RecordDecoder
    private var ledger: LossLedger
    /// The same for runs that the kernel skipped, of which no record knows. A reader that dies after one was logged and
    /// before `release` has its successor tell it again.
    private var skips: LossLedger
    private let skippedRuns: @Sendable () -> UInt64
    private var nextLookAtSkipsUSec: UInt64 = 0
    private var isClosed = false
    /// Since `release`.
    private var taken = ProbeCounters.Taken()
    /// Why the ring cannot be read on. What was read before is counted and released first, as it was handed out.
    private var failure: SystemError?

    /// A record may have 128 KiB of arguments, and what is made of it takes as much again; so a batch has a bound in
    /// bytes.
    private static let byteLimit = 256 << 10
    /// How often it is asked how many runs were skipped, while there is something to read: it is a system call or
    /// three.
    private static let skipIntervalUSec: UInt64 = 1_000_000

    init(
        ring: consuming RingBuffer, counters: consuming ProbeCounters, boot: BootID,
        skippedRuns: @escaping @Sendable () -> UInt64
    ) {
        self.ring = ring
        self.counters = counters
        self.skippedRuns = skippedRuns
        skips = LossLedger(reported: self.counters.reportedSkipped)
        decoder = RecordDecoder(boot: boot)
        ledger = LossLedger(reported: self.counters.reportedLost)
    }

    /// What was read: events, and gaps with what they stand for.
    struct Count {
        var events = 0
        var gaps = 0
        var lost: UInt64 = 0
    }

    /// Hands out at most `limit` events in their order, with the gaps among them. They stay in the ring until
    /// `release`, so that a reader who dies before has lost nothing.
    ///
    /// A failure in the middle is thrown by what is asked next.
    mutating func read(limit: Int, _ take: (consuming SensorRecord) -> Void) throws(SystemError) -> Count {
        if let failure { throw failure }
        counters.awaitNothing()
        let now = Clock.monotonicUSec()
        let clock = WallClock(realtimeUSec: Clock.realtimeUSec(), monotonicUSec: now)
        var gap = GapMerging()
        var (records, events) = (0, 0)
        do throws(SystemError) {
            let start = ring.position
            while records < limit, ring.position - start < Self.byteLimit, let (position, bytes) = try ring.next() {
                records += 1
                guard let (header, process) = decoder.decode(bytes) else {
                    // Never, unless probes and program do not belong together; and then no secret.
                    taken.undecodable += 1
                    gap.add(1, at: now)
                    continue
                }
                let time = header.monotonicNSec / 1000
                if let missing = ledger.missing(when: header.lost) {
                    gap.add(missing, at: time, total: ledger.reported)
                }
                if let gap = gap.end(clock) { take(gap) }
                taken.count(header.type)
                events += 1
                take(clock.record(at: time, .process(header.type, consume process), position: position))
            }
        } catch {
            failure = error
        }
        // With nothing behind it in the ring, a loss would wait for the next record to be told of.
        if ring.isEmpty(), let missing = ledger.missing(when: counters.lostTotal) {
            gap.add(missing, at: now, total: ledger.reported)
        }
        if now >= nextLookAtSkipsUSec || isClosed {
            nextLookAtSkipsUSec = now + Self.skipIntervalUSec
            if let missing = skips.missing(when: skippedRuns()) { gap.add(missing, at: now) }
        }
        if let gap = gap.end(clock) { take(gap) }
        return Count(events: events, gaps: gap.gaps, lost: gap.lost)
    }

    /// What the wall clock showed at moments of the monotonic one, as of now.
    struct WallClock {
        var realtimeUSec: UInt64
        var monotonicUSec: UInt64

        func record(at monotonic: UInt64, _ body: consuming SensorRecord.Body, position: UInt64?) -> SensorRecord {
            SensorRecord(
                realtimeUSec: realtimeUSec &+ monotonic &- monotonicUSec, monotonicUSec: monotonic, body: body,
                position: position)
        }
    }

    /// What was read needs not be read again, by nobody. Says what else is there.
    mutating func release() throws(SystemError) -> QueueRest {
        counters.setReportedLost(ledger.reported)
        counters.setReportedSkipped(skips.reported)
        counters.add(taken)
        taken = ProbeCounters.Taken()
        ring.release()
        if let failure { throw failure }
        return try rest()
    }

    /// The probes will wake whoever sleeps on the ring, edge-triggered: the level would stay up for as long as a probe
    /// is writing, or a record waits. The first to do so takes the wish back; a wake-up that comes from now on must not
    /// be missed, as no other follows. Says what is there now.
    mutating func await(_ types: UrgentTypes) throws(SystemError) -> QueueRest {
        guard !isClosed else { return .nothing }
        counters.await(types)
        ring_fence()
        return try rest()
    }

    private mutating func rest() throws(SystemError) -> QueueRest {
        if try ring.hasNext() { return .more }
        return ring.isEmpty() ? .nothing : .unfinished
    }

    /// From here on nothing is added.
    mutating func close() {
        isClosed = true
        ring.close()
    }
}

/// Gaps with no event between them are one.
struct GapMerging {
    /// Of all that were added.
    private(set) var gaps = 0
    private(set) var lost: UInt64 = 0
    private var open: (count: UInt64, monotonicUSec: UInt64, after: UInt64?, total: UInt64?)?

    /// - Parameter total: of all gaps until then, this one included; it outlives the process. nil where it does not
    ///   count.
    mutating func add(_ count: UInt64, at monotonicUSec: UInt64, total: UInt64? = nil) {
        gaps += 1
        lost += count
        open = (
            (open?.count ?? 0) + count, max(monotonicUSec, open?.monotonicUSec ?? 0),
            open?.after ?? total.map { $0 - count }, total ?? open?.total
        )
    }

    /// An event follows, or nothing.
    mutating func end(_ clock: RingReader.WallClock) -> SensorRecord? {
        guard let gap = open else { return nil }
        open = nil
        return clock.record(at: gap.monotonicUSec, .gap(count: gap.count, after: gap.after), position: gap.total)
    }
}

/// Which losses were told of. Every record carries how many were lost before it, in all, so a difference to what was
/// told is a gap at this place.
package struct LossLedger: Hashable, Sendable {
    /// Sum of all gaps.
    package private(set) var reported: UInt64 = 0

    package init(reported: UInt64 = 0) { self.reported = reported }

    /// Size of the gap before a record that knows of `lost`; nil where there is none. Probes on other processors may
    /// write their records in another order than they read the counter, so an older count says nothing.
    package mutating func missing(when lost: UInt64) -> UInt64? {
        guard lost > reported else { return nil }
        defer { reported = lost }
        return lost - reported
    }
}
