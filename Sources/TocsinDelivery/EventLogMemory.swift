import Synchronization

/// One contiguous region of memory that the event log lays its header and records into.
///
/// Owns the region and gives it back once, when it is destroyed. Must not know what the bytes mean: that is
/// `EventLogLayout`. It is the only place of this module that touches raw memory; every access is checked against the
/// region's bounds, because a resumed region holds whatever a crash left there.
package struct EventLogMemory: ~Copyable {
    package let byteCount: Int
    private let base: UnsafeMutableRawPointer
    private let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void

    /// Ordinary memory, which dies with the process. Only the pages that are written become resident.
    ///
    /// - Parameter byteCount: `EventLog.overheadBytes` included.
    package init(byteCount: Int) {
        precondition(byteCount >= EventLog.overheadBytes)
        self.byteCount = byteCount
        base = .allocate(byteCount: byteCount, alignment: 4096)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: EventLogLayout.headerBytes)
        release = { base, _ in base.deallocate() }
    }

    /// A region made elsewhere, as a shared mapping of a memfd.
    ///
    /// - Parameters:
    ///   - base: aligned to 8 bytes, readable and writable for `byteCount` bytes until `release` is called.
    ///   - release: called once with both, when the log is destroyed; unmaps.
    package init(
        adopting base: UnsafeMutableRawPointer, byteCount: Int,
        release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
    ) {
        precondition(byteCount >= EventLog.overheadBytes)
        self.byteCount = byteCount
        self.base = base
        self.release = release
    }

    deinit { release(base, byteCount) }

    #if DEBUG
    /// Called before each store: where a test looks at what a process killed here would leave.
    var willStore: (() -> Void)?
    #endif

    func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at offset: Int) -> T {
        precondition(offset >= 0 && offset <= byteCount - MemoryLayout<T>.size)
        return base.load(fromByteOffset: offset, as: type)
    }

    mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset <= byteCount - MemoryLayout<T>.size)
        notice()
        base.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }

    /// Stores a word so that everything stored before is in memory before it.
    ///
    /// A killed process leaves in a shared mapping exactly the stores it had executed, in program order; what must be
    /// kept from reordering them is the compiler, and the processor where another process reads along.
    mutating func publish(_ value: UInt64, at offset: Int) {
        precondition(offset >= 0 && offset <= byteCount - 8 && offset.isMultiple(of: 8))
        notice()
        base.advanced(by: offset).withMemoryRebound(to: Atomic<UInt64>.self, capacity: 1) {
            $0.pointee.store(value, ordering: .sequentiallyConsistent)
        }
    }

    mutating func write(_ bytes: Span<UInt8>, at offset: Int) {
        precondition(offset >= 0 && offset <= byteCount - bytes.count)
        notice()
        bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            base.advanced(by: offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    @inline(__always)
    private func notice() {
        #if DEBUG
        willStore?()
        #endif
    }

    /// `count` words of eight bytes at a multiple of eight.
    func withWords<R>(at offset: Int, count: Int, _ body: (Span<UInt64>) -> R) -> R {
        precondition(offset >= 0 && offset.isMultiple(of: 8) && count >= 0 && offset <= byteCount - 8 * count)
        let start = base.advanced(by: offset).assumingMemoryBound(to: UInt64.self)
        return body(UnsafeBufferPointer(start: start, count: count).span)
    }

    func withBytes<R>(at offset: Int, count: Int, _ body: (Span<UInt8>) throws -> R) rethrows -> R {
        precondition(offset >= 0 && count >= 0 && offset <= byteCount - count)
        let start = base.advanced(by: offset).assumingMemoryBound(to: UInt8.self)
        return try body(UnsafeBufferPointer(start: start, count: count).span)
    }
}
