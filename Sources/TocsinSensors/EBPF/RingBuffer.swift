import CTocsinProbes
import TocsinLinux

/// The consumer's side of a BPF ring buffer (`Documentation/bpf/ringbuf.rst`), mapped into this process.
///
/// Owns the mappings, and a duplicate of the descriptor to move the one of the data. There may be one consumer: its
/// position is in memory that the kernel and whoever holds the map share, and it outlives this process. Positions rise
/// for the life of the map and so number the records: by them a reader tells after a restart what it has seen before.
package struct RingBuffer: ~Copyable {
    private let descriptor: FileDescriptor
    /// One page, writable: the consumer's position.
    private let consumer: MemoryMapping
    /// One page, read-only: the producer's position. The data follow it.
    private let producer: MemoryMapping
    private let capacity: Int
    private var window: RingWindow
    /// What `window` says, read-only.
    private var data: MemoryMapping
    /// Records before this position were handed out.
    package private(set) var position: UInt64
    /// What lies behind it is not ours.
    private var end = UInt64.max

    /// `linux/bpf.h`: BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ.
    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30
    private static let headerSize = 8

    /// Bytes of the data that are mapped at a time, all of them resident. A move is two system calls, once in some
    /// hundred executions.
    package static let windowSize = 1 << 20

    /// Maps the ring of `capacity` bytes, a power of two.
    package init(
        mapping descriptor: borrowing FileDescriptor, capacity: Int, windowSize: Int = Self.windowSize
    ) throws(SystemError) {
        let pageSize = MemoryMapping.pageSize
        let own = try descriptor.duplicate()
        let consumer = try MemoryMapping(own, byteCount: pageSize, writable: true)
        let producer = try MemoryMapping(own, at: pageSize, byteCount: pageSize, writable: false)
        let position = ring_load64(consumer.bytes.baseAddress)
        let window = RingWindow(
            capacity: capacity, length: windowSize, pageSize: pageSize, at: Int(position & UInt64(capacity - 1)))
        let data = try Self.map(window, of: own)
        self.init(own, consumer, producer, data, capacity: capacity, window: window, position: position)
    }

    private init(
        _ descriptor: consuming FileDescriptor, _ consumer: consuming MemoryMapping,
        _ producer: consuming MemoryMapping, _ data: consuming MemoryMapping, capacity: Int, window: RingWindow,
        position: UInt64
    ) {
        self.descriptor = descriptor
        self.consumer = consumer
        self.producer = producer
        self.data = data
        self.capacity = capacity
        self.window = window
        self.position = position
    }

    /// The next record, if it is whole; nil where there is none, or a probe is still writing it. It stays in the ring
    /// until `release`; its bytes are valid until the next call of anything here.
    package mutating func next() throws(SystemError) -> (position: UInt64, bytes: UnsafeRawBufferPointer)? {
        while let header = try nextHeader() {
            let length = Int(header & ~Self.discarded)
            let record = (position, try bytes(Self.headerSize, length))
            position += UInt64((length + Self.headerSize + 7) & ~7)
            if header & Self.discarded == 0 { return record }
        }
        return nil
    }

    /// Gives the room of all records handed out back to the probes.
    package func release() { ring_store64(consumer.bytes.baseAddress, position) }

    /// Whether there is something to read.
    package mutating func hasNext() throws(SystemError) -> Bool { try nextHeader() != nil }

    /// Whether no record is in the ring, nor being written.
    package func isEmpty() -> Bool { position >= produced }

    /// Ends it behind what is there now.
    package mutating func close() { end = produced }

    private var produced: UInt64 { min(ring_load64(producer.bytes.baseAddress), end) }

    /// The header of the next record; nil where there is none, or a probe is still writing it.
    private mutating func nextHeader() throws(SystemError) -> UInt32? {
        // Acquired: what was reserved before this position has its header written.
        guard position < produced else { return nil }
        // Acquired: without the bit, the record's bytes are there.
        let header = ring_load32(try bytes(0, Self.headerSize).baseAddress)
        return header & Self.busy == 0 ? header : nil
    }

    /// Of the next record, once the window is there. Valid until this is called again.
    private mutating func bytes(_ offset: Int, _ count: Int) throws(SystemError) -> UnsafeRawBufferPointer {
        let start = Int(position & UInt64(capacity - 1))
        if window.move(toCover: start..<start + offset + count) { data = try Self.map(window, of: descriptor) }
        let first = start + offset - window.range.lowerBound
        return UnsafeRawBufferPointer(rebasing: data.bytes[first..<first + count])
    }

    private static func map(_ window: RingWindow, of descriptor: borrowing FileDescriptor) throws(SystemError)
        -> MemoryMapping
    {
        // Behind the pages of the two positions.
        try MemoryMapping(
            descriptor, at: 2 * MemoryMapping.pageSize + window.range.lowerBound, byteCount: window.range.count,
            writable: false)
    }
}
