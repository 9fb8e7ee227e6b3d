import Synchronization
import TocsinEvents
import TocsinLinux

/// Memory for what was taken out of a fanotify queue and is not logged yet. It outlives this process.
///
/// Reading takes events out of the queue, so they are read into this memory, and stay until they are logged: a process
/// that comes after a killed one finds them here. There are two halves, and one word says which of them is in force.
/// What is to stay is written into the other half, then the word changes: whoever is killed between two stores leaves
/// the one or the other, whole.
///
/// Owns the mapping. What lies in a half is its user's business.
struct ReadJournal: ~Copyable, Sendable {
    private let mapping: MemoryMapping
    private let halfBytes: Int
    private var active: Int

    /// A change of the layout here, or of what its users lay into it.
    private static let version: UInt64 = 1
    /// "TOCSINRJ"
    private static let magic: UInt64 = 0x544F_4353_494E_524A
    private static let headerBytes = 4096
    private static let halfHeaderBytes = 64
    private static let magicOffset = 0
    private static let versionOffset = 8
    private static let halfBytesOffset = 16
    private static let activeOffset = 24
    /// 36 characters.
    private static let bootOffset = 32

    /// Bytes of memory for halves that hold so many.
    static func byteCount(capacity: Int) -> Int { headerBytes + 2 * (halfHeaderBytes + capacity) }

    /// Begins a journal in memory of zeros.
    init(beginning mapping: consuming MemoryMapping, boot: BootID) {
        halfBytes = (mapping.bytes.count - Self.headerBytes) / 2
        active = 0
        mapping.bytes.storeBytes(of: Self.version, toByteOffset: Self.versionOffset, as: UInt64.self)
        mapping.bytes.storeBytes(of: UInt64(halfBytes), toByteOffset: Self.halfBytesOffset, as: UInt64.self)
        for (index, byte) in boot.description.utf8.enumerated() { mapping.bytes[Self.bootOffset + index] = byte }
        self.mapping = mapping
        publish(Self.magic, at: Self.magicOffset)
    }

    /// Takes up what another process left. nil where that is of another layout, size or boot.
    init?(resuming mapping: consuming MemoryMapping, boot: BootID) {
        let bytes = mapping.bytes
        let half = (bytes.count - Self.headerBytes) / 2
        let word = bytes.load(fromByteOffset: Self.activeOffset, as: UInt64.self)
        guard bytes.load(fromByteOffset: Self.magicOffset, as: UInt64.self) == Self.magic,
            bytes.load(fromByteOffset: Self.versionOffset, as: UInt64.self) == Self.version,
            bytes.load(fromByteOffset: Self.halfBytesOffset, as: UInt64.self) == UInt64(half), word <= 1,
            bytes[Self.bootOffset..<(Self.bootOffset + 36)].elementsEqual(boot.description.utf8)
        else { return nil }
        halfBytes = half
        active = Int(word)
        self.mapping = mapping
    }

    /// What its user counts: everything before this number is logged.
    var number: UInt64 { mapping.bytes.load(fromByteOffset: offset(of: active), as: UInt64.self) }

    func setNumber(_ number: UInt64) { publish(number, at: offset(of: active)) }

    /// A second word, kept with the number.
    var time: UInt64 { mapping.bytes.load(fromByteOffset: offset(of: active) + 8, as: UInt64.self) }

    func setTime(_ time: UInt64) { publish(time, at: offset(of: active) + 8) }

    /// The half in force, valid as long as this journal lives.
    var content: UnsafeMutableRawBufferPointer { content(of: active) }

    /// Puts the other half in force, with what `fill` writes into it; it holds old bytes.
    mutating func turnOver(number: UInt64, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let other = 1 - active
        fill(content(of: other))
        publish(number, at: offset(of: other))
        publish(UInt64(other), at: Self.activeOffset)
        active = other
    }

    private func offset(of half: Int) -> Int { Self.headerBytes + half * halfBytes }

    private func content(of half: Int) -> UnsafeMutableRawBufferPointer {
        let begin = offset(of: half)
        return UnsafeMutableRawBufferPointer(
            rebasing: mapping.bytes[(begin + Self.halfHeaderBytes)..<(begin + halfBytes)])
    }

    /// Everything stored before is in memory before it.
    private func publish(_ word: UInt64, at offset: Int) {
        guard let base = mapping.bytes.baseAddress else { return }
        (base + offset).withMemoryRebound(to: Atomic<UInt64>.self, capacity: 1) {
            $0.pointee.store(word, ordering: .sequentiallyConsistent)
        }
    }
}
