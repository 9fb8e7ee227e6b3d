import CTocsinProbes
import Glibc
import TocsinLinux

/// The probes' counters, mapped. Each is exact at any time; their sums are once no probe is running.
package struct ProbeCounters: ~Copyable, @unchecked Sendable {
    // @unchecked: the words are read and written with atomic operations.
    private let memory: UnsafeMutableRawPointer
    private let pageSize: Int

    package init(mapping descriptor: borrowing FileDescriptor) throws(SystemError) {
        pageSize = sysconf(Int32(_SC_PAGESIZE))
        guard let address = mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.rawValue, 0),
            address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw SystemError(operation: "mmap of the counters", code: errno) }
        memory = address
    }

    deinit { munmap(memory, pageSize) }

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
        guard let offset = MemoryLayout<probe_counters>.offset(of: \.reported_lost) else { return }
        ring_store64(memory + offset, count)
    }

    private func load(_ offset: Int?, _ index: Int = 0) -> UInt64 { ring_load64(memory + (offset ?? 0) + index) }
}
