import CTocsinProbes
import Glibc
import TocsinLinux

/// The consumer's side of a BPF ring buffer (`Documentation/bpf/ringbuf.rst`), mapped into this process.
///
/// Owns the mappings, not the descriptor. There may be one consumer: its position is in memory that the kernel and
/// whoever holds the map share, and it outlives this process. Positions rise for the life of the map and so
/// number the records: by them a reader tells after a restart what it has seen before.
package struct RingBuffer: ~Copyable {
    /// One page, writable: the consumer's position.
    private let consumer: UnsafeMutableRawPointer
    /// One page with the producer's position, and the data twice in a row, so that no record is ever split. Read-only.
    private let producer: UnsafeMutableRawPointer
    private let data: UnsafeRawPointer
    private let capacity: Int
    private let pageSize: Int
    /// Records before this position were handed out.
    private var position: UInt64

    /// `linux/bpf.h`: BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ.
    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30
    private static let headerSize = 8

    /// Maps the ring of `capacity` bytes, a power of two.
    package init(mapping descriptor: borrowing FileDescriptor, capacity: Int) throws(SystemError) {
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        let consumer = try Self.map(descriptor, PROT_READ | PROT_WRITE, at: 0, count: pageSize)
        do throws(SystemError) {
            producer = try Self.map(descriptor, PROT_READ, at: pageSize, count: pageSize + 2 * capacity)
        } catch {
            munmap(consumer, pageSize)
            throw error
        }
        self.consumer = consumer
        self.pageSize = pageSize
        self.capacity = capacity
        data = UnsafeRawPointer(producer + pageSize)
        position = ring_load64(consumer)
    }

    deinit {
        munmap(consumer, pageSize)
        munmap(producer, pageSize + 2 * capacity)
    }

    /// Hands out at most `limit` records that are whole, and stops at one that a probe is still writing. They stay in the
    /// ring, and their bytes valid, until `release`. Returns how many there were.
    package mutating func read(
        limit: Int, _ body: (_ position: UInt64, _ record: UnsafeRawBufferPointer) -> Void
    ) -> Int {
        var count = 0
        while count < limit {
            // Acquired: what was reserved before this position has its header written.
            guard position < ring_load64(producer) else { break }
            let header = data + Int(position & UInt64(capacity - 1))
            // Acquired: without the bit, the record's bytes are there.
            let word = ring_load32(header)
            if word & Self.busy != 0 { break }
            let length = Int(word & ~Self.discarded)
            if word & Self.discarded == 0 {
                body(position, UnsafeRawBufferPointer(start: header + Self.headerSize, count: length))
                count += 1
            }
            position += UInt64((length + Self.headerSize + 7) & ~7)
        }
        return count
    }

    /// Gives the room of all records handed out back to the probes.
    package func release() { ring_store64(consumer, position) }

    /// Whether there is something to read. Asked after `release`, a false means that the next commit wakes a reader that
    /// sleeps on the descriptor, edge-triggered: the level would stay up for as long as a probe is writing.
    package func hasNews() -> Bool {
        ring_fence()
        guard position < ring_load64(producer) else { return false }
        return ring_load32(data + Int(position & UInt64(capacity - 1))) & Self.busy == 0
    }

    /// Whether no record is in the ring, nor being written.
    package func isEmpty() -> Bool { position >= ring_load64(producer) }

    private static func map(_ descriptor: borrowing FileDescriptor, _ protection: Int32, at offset: Int, count: Int)
        throws(SystemError) -> UnsafeMutableRawPointer
    {
        guard let address = mmap(nil, count, protection, MAP_SHARED, descriptor.rawValue, off_t(offset)),
            address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw SystemError(operation: "mmap of the ring buffer", code: errno) }
        return address
    }
}
