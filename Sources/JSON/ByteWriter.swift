/// Bytes written one after another, into memory that grows and is kept.
///
/// Owns the memory. An array would ask before every piece whether it is the only owner; here nobody else can be, which is
/// also why it may move between threads as no pointer may.
struct ByteWriter: ~Copyable, @unchecked Sendable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 16)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    mutating func removeAll() { count = 0 }

    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        body(UnsafeBufferPointer(start: start, count: count).span)
    }

    var array: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        reserve(1)
        start[count] = byte
        count += 1
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        // Raw: the typed copy becomes a loop.
        UnsafeMutableRawPointer(start + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Decimal digits, two at a time, from the end.
    mutating func put(decimal value: UInt64) {
        reserve(20)
        let digits = Self.digitCount(value)
        count += digits
        var end = start + count
        var rest = value
        while rest >= 10 {
            let pair = UInt8(truncatingIfNeeded: rest % 100)
            rest /= 100
            end -= 2
            end[0] = UInt8(ascii: "0") + pair / 10
            end[1] = UInt8(ascii: "0") + pair % 10
        }
        if digits % 2 == 1 { start[count - digits] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest) }
    }

    /// Room for so many more.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(by: more) }
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        let larger = max(2 * capacity, count + more)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        new.moveInitialize(from: start, count: count)
        start.deallocate()
        (start, capacity) = (new, larger)
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var limit: UInt64 = 10
        while value >= limit {
            count += 1
            // 10^20 is beyond 64 bits.
            guard count < 20 else { break }
            limit *= 10
        }
        return count
    }
}
