/// Memory that a reply is written into, with room for what was asked for.
///
/// Valid within the call that it is handed to. What would not fit is a mistake of the caller, and ends the process.
public struct ReplySpace: ~Copyable {
    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    /// Bytes written.
    public private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        // There is always room: an envelope at least.
        start = memory.baseAddress!
        capacity = memory.count
    }

    public mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func append(_ bytes: Span<UInt8>) { bytes.withUnsafeBytes { append($0) } }

    /// In decimal digits: 20 at most.
    public mutating func append(_ number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = digits.count
            var rest = number
            repeat {
                first -= 1
                digits.initializeElement(at: first, to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                rest /= 10
            } while rest > 0
            append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[first...]))
        }
    }

    /// Forgets what was written last.
    mutating func removeLast(_ bytes: Int) { count -= bytes }

    @inline(__always)
    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        precondition(bytes.count <= capacity - count, "a reply is longer than was said")
        (start + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }
}
