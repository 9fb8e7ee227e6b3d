import Glibc
import TocsinEvents

/// Names that came lately, of commands, programs and directories. Most come again and again: then they take neither
/// time to be made nor memory of their own, wherever they are kept.
///
/// Bounded: each has a place, by its bytes, which it takes from another. Who makes others lose theirs makes them cost
/// what every name would cost without this.
struct RecentNames: Sendable {
    private struct Entry {
        let written: [UInt8]
        let name: ByteString
    }

    private var entries = [Entry?](repeating: nil, count: places)
    private static let places = 256
    /// In bytes; what is longer is always made.
    private static let longest = 256

    /// - Parameter read: Makes the name of what is written. Always the same for the same.
    mutating func name(
        _ written: UnsafeRawBufferPointer, read: (UnsafeRawBufferPointer) -> ByteString
    ) -> ByteString {
        guard written.count <= Self.longest else { return read(written) }
        let place = Self.place(of: written)
        if let entry = entries[place], entry.written.isEqual(to: written) { return entry.name }
        let name = read(written)
        entries[place] = Entry(written: Array(written), name: name)
        return name
    }

    /// Multiplication brings every bit to the upper ones, of which the place is made.
    private static func place(of bytes: UnsafeRawBufferPointer) -> Int {
        var hash = UInt64(bytes.count)
        func add(_ word: UInt64) { hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15 }
        var start = 0
        while start + 8 <= bytes.count {
            add(bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            start += 8
        }
        var rest: UInt64 = 0
        for index in start..<bytes.count { rest = rest << 8 | UInt64(bytes[index]) }
        add(rest)
        return Int(hash >> 56) % places
    }
}

extension [UInt8] {
    fileprivate func isEqual(to bytes: UnsafeRawBufferPointer) -> Bool {
        guard count == bytes.count else { return false }
        guard let others = bytes.baseAddress, !isEmpty else { return true }
        return withUnsafeBytes { mine in mine.baseAddress.map { memcmp($0, others, count) == 0 } ?? true }
    }
}
