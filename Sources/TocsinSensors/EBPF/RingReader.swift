import CTocsinProbes
import TocsinEvents
import TocsinLinux

/// Makes records of what is in the ring, with a gap wherever some are missing.
struct RingReader: ~Copyable {
    private var ring: RingBuffer
    private let counters: ProbeCounters
    private var decoder: RecordDecoder
    private var ledger: LossLedger
    /// Since `release`.
    private var taken = ProbeCounters.Taken()

    init(ring: consuming RingBuffer, counters: consuming ProbeCounters, boot: BootID) {
        self.ring = ring
        self.counters = counters
        decoder = RecordDecoder(boot: boot)
        ledger = LossLedger(reported: self.counters.reportedLost)
    }

    /// Records in their order, and how many of them are events, and how many events the gaps among them stand for.
    struct Batch {
        var records: [SensorRecord] = []
        var events = 0
        var gaps = 0
        var lost: UInt64 = 0

        /// Where nothing lies between this gap and the one before, it becomes one with that.
        ///
        /// - Parameter total: of all gaps until then, this one included; it outlives the process.
        mutating func append(
            gap count: UInt64, at monotonicUSec: UInt64, _ clock: WallClock, total: UInt64? = nil
        ) {
            gaps += 1
            lost += count
            guard let last = records.last, case .gap(let earlier) = last.body else {
                var record = clock.record(at: monotonicUSec, .gap(count: count))
                record.position = total
                records.append(record)
                return
            }
            var record = clock.record(at: max(monotonicUSec, last.monotonicUSec), .gap(count: (earlier ?? 0) + count))
            record.position = total ?? last.position
            records[records.endIndex - 1] = record
        }

        mutating func append(
            _ type: EventType, _ process: Process, at monotonicUSec: UInt64, _ clock: WallClock, position: UInt64
        ) {
            var record = clock.record(at: monotonicUSec, .process(type, process))
            record.position = position
            records.append(record)
            events += 1
        }
    }

    /// At most `limit` events; none where nothing is there to read. They stay in the ring until `release`, so that a reader
    /// who dies before has lost nothing.
    mutating func read(limit: Int) throws(SystemError) -> Batch {
        let now = Clock.monotonicUSec()
        let clock = WallClock(realtimeUSec: Clock.realtimeUSec(), monotonicUSec: now)
        var batch = Batch()
        // A closure cannot capture parts of self that change.
        var (decoder, ledger, taken) = (self.decoder, self.ledger, self.taken)
        let count = try ring.read(limit: limit) { position, bytes in
            guard let decoded = decoder.decode(bytes) else {
                // Never, unless probes and program do not belong together; and then no secret.
                taken.undecodable += 1
                batch.append(gap: 1, at: now, clock)
                return
            }
            let time = decoded.monotonicNSec / 1000
            if let missing = ledger.missing(when: decoded.lost) {
                batch.append(gap: missing, at: time, clock, total: ledger.reported)
            }
            batch.append(decoded.type, decoded.process, at: time, clock, position: position)
            taken.count(decoded.type)
        }
        // With nothing behind it in the ring, a loss would wait for the next record to be told of.
        if count < limit, ring.isEmpty(), let missing = ledger.missing(when: counters.lostTotal) {
            batch.append(gap: missing, at: now, clock, total: ledger.reported)
        }
        (self.decoder, self.ledger, self.taken) = (decoder, ledger, taken)
        return batch
    }

    /// What the wall clock showed at moments of the monotonic one, as of now.
    struct WallClock {
        var realtimeUSec: UInt64
        var monotonicUSec: UInt64

        func record(at monotonic: UInt64, _ body: SensorRecord.Body) -> SensorRecord {
            SensorRecord(
                realtimeUSec: realtimeUSec &+ monotonic &- monotonicUSec, monotonicUSec: monotonic, body: body)
        }
    }

    /// What was read needs not be read again, by nobody.
    mutating func release() {
        counters.setReportedLost(ledger.reported)
        counters.add(taken)
        taken = ProbeCounters.Taken()
        ring.release()
    }

    mutating func hasNews() throws(SystemError) -> Bool { try ring.hasNews() }
}

/// Which losses were told of. Every record carries how many were lost before it, in all, so a difference to what was told is
/// a gap at this place.
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
