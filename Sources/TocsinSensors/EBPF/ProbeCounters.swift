import CTocsinProbes
import TocsinEvents
import TocsinLinux

/// The counters of the probes and of their readers, mapped: `probe_counters` of `probe_event.h`.
///
/// Each is exact at any time; their sums are once no probe is running. They are as old as the probes, which may be
/// older than this process. There is one reader at a time, so what readers count needs no atomic addition.
package struct ProbeCounters: ~Copyable, Sendable {
    private let memory: MemoryMapping

    package init(mapping descriptor: borrowing FileDescriptor) throws(SystemError) {
        memory = try MemoryMapping(descriptor, byteCount: MemoryMapping.pageSize, writable: true)
    }

    static let types: [(EventType, probe_type)] = [
        (.exec, PROBE_EXEC), (.fork, PROBE_FORK), (.exit, PROBE_EXIT),
    ]

    package var records: [RecordCount] {
        Self.types.map { type, index in
            RecordCount(
                type: type,
                seen: load(MemoryLayout<probe_counters>.offset(of: \.seen), index),
                submitted: load(MemoryLayout<probe_counters>.offset(of: \.submitted), index),
                lost: load(MemoryLayout<probe_counters>.offset(of: \.lost), index),
                delivered: load(MemoryLayout<probe_counters>.offset(of: \.delivered), index))
        }
    }

    /// Lost, of all types.
    var lostTotal: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.lost_total)) }

    /// Executions recorded with less than all of their text, because the ring had no room for more.
    var shortened: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.shortened)) }

    /// How many of those lost were told of in gaps, by this or an earlier reader.
    var reportedLost: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.reported_lost)) }

    func setReportedLost(_ count: UInt64) {
        ring_store64(word(MemoryLayout<probe_counters>.offset(of: \.reported_lost)), count)
    }

    /// How many runs of probes that the kernel skipped were told of in gaps, by this or an earlier reader.
    var reportedSkipped: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.reported_skipped)) }

    func setReportedSkipped(_ count: UInt64) {
        ring_store64(word(MemoryLayout<probe_counters>.offset(of: \.reported_skipped)), count)
    }

    /// Records taken out of the ring that were no records, by this or an earlier reader.
    var undecodable: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.undecodable)) }

    /// What a reader took out of the ring.
    struct Taken {
        fileprivate var executions: UInt64 = 0
        fileprivate var forks: UInt64 = 0
        fileprivate var ends: UInt64 = 0
        var undecodable: UInt64 = 0

        mutating func count(_ type: EventType) {
            switch type {
            case .exec: executions += 1
            case .fork: forks += 1
            case .exit: ends += 1
            default: break
            }
        }
    }

    func add(_ taken: Taken) {
        let delivered = MemoryLayout<probe_counters>.offset(of: \.delivered)
        add(taken.executions, to: word(delivered, PROBE_EXEC))
        add(taken.forks, to: word(delivered, PROBE_FORK))
        add(taken.ends, to: word(delivered, PROBE_EXIT))
        add(taken.undecodable, to: word(MemoryLayout<probe_counters>.offset(of: \.undecodable)))
    }

    // MARK: Waking

    /// The reader sleeps from now on, and is woken for records of these types, or when others are many, or come late.
    func await(_ types: UrgentTypes) {
        ring_store64(word(MemoryLayout<probe_counters>.offset(of: \.asleep_since)), Clock.monotonicNSec())
        ring_store64(awaited, types.bits)
    }

    /// The reader is awake.
    func awaitNothing() { ring_store64(awaited, 0) }

    private var awaited: UnsafeMutableRawPointer { word(MemoryLayout<probe_counters>.offset(of: \.awaited)) }

    // MARK: Words

    private func load(_ offset: Int?, _ type: probe_type = PROBE_EXEC) -> UInt64 { ring_load64(word(offset, type)) }

    private func add(_ count: UInt64, to word: UnsafeMutableRawPointer) {
        if count > 0 { ring_store64(word, ring_load64(word) + count) }
    }

    private func word(_ offset: Int?, _ type: probe_type = PROBE_EXEC) -> UnsafeMutableRawPointer {
        memory.bytes.baseAddress! + (offset ?? 0) + Int(type.rawValue) * MemoryLayout<UInt64>.stride
    }
}
