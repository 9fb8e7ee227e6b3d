@testable import TocsinDelivery

/// A region that outlives the logs laid into it, as a memfd outlives a daemon.
final class Region: Sendable {
    // Unsafe only to the compiler: the region of a test is used by its one thread.
    nonisolated(unsafe) let base: UnsafeMutableRawPointer
    let byteCount: Int

    /// - Parameter passages: slots for them.
    init(passages: Int = 0) {
        byteCount = EventLog.overheadBytes + EventLog.minimumCapacity + 8 * passages * PassageLayout.bytes
        base = .allocate(byteCount: byteCount, alignment: 4096)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { base.deallocate() }

    func memory() -> EventLogMemory {
        EventLogMemory(adopting: base, byteCount: byteCount) { [self] _, _ in withExtendedLifetime(self) {} }
    }

    /// Another, with the same content.
    func copy() -> Region {
        let copy = Region(passages: PassageLayout.count(in: byteCount))
        copy.base.copyMemory(from: base, byteCount: byteCount)
        return copy
    }

    var bytes: [UInt8] {
        get { Array(UnsafeRawBufferPointer(start: base, count: byteCount)) }
        set { newValue.withUnsafeBytes { base.copyMemory(from: $0.baseAddress!, byteCount: byteCount) } }
    }

    func word(_ offset: Int) -> UInt64 { base.load(fromByteOffset: offset, as: UInt64.self) }
    func set(_ value: UInt64, _ offset: Int) { base.storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
}
