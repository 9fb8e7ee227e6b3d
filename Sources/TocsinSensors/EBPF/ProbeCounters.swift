import CTocsinProbes
import TocsinLinux

/// The probes' counters, mapped. Each is exact at any time; their sums are once no probe is running.
package struct ProbeCounters: ~Copyable, Sendable {
    // The words are read and written with atomic operations.
    private let memory: MemoryMapping

    package init(mapping descriptor: borrowing FileDescriptor) throws(SystemError) {
        memory = try MemoryMapping(descriptor, byteCount: MemoryMapping.pageSize, writable: true)
    }

    /// Of one type of record: `seen == submitted + lost`.
    package struct Count: Hashable, Sendable {
        /// The probe ran.
        package var seen: UInt64
        /// Written to the ring.
        package var submitted: UInt64
        /// The ring had no room.
        package var lost: UInt64
    }

    package func count(of type: probe_type) -> Count {
        let index = Int(type.rawValue) * MemoryLayout<UInt64>.stride
        return Count(
            seen: load(MemoryLayout<probe_counters>.offset(of: \.seen), index),
            submitted: load(MemoryLayout<probe_counters>.offset(of: \.submitted), index),
            lost: load(MemoryLayout<probe_counters>.offset(of: \.lost), index))
    }

    /// Of all types.
    package var lostTotal: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.lost_total)) }

    /// Executions recorded with less than all of their arguments, because the ring had no room for more.
    package var shortened: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.shortened)) }

    /// How many of those lost were told of in gaps, by this or an earlier reader.
    package var reportedLost: UInt64 { load(MemoryLayout<probe_counters>.offset(of: \.reported_lost)) }

    package func setReportedLost(_ count: UInt64) {
        ring_store64(word(MemoryLayout<probe_counters>.offset(of: \.reported_lost)), count)
    }

    private func load(_ offset: Int?, _ index: Int = 0) -> UInt64 { ring_load64(word(offset, index)) }

    private func word(_ offset: Int?, _ index: Int = 0) -> UnsafeMutableRawPointer {
        memory.bytes.baseAddress! + (offset ?? 0) + index
    }
}
