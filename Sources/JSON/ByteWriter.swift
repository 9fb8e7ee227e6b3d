/// Bytes written one after another, into memory that grows and is kept.
///
/// Owns the memory. An array would ask before every piece whether it is the only owner; here nobody else can be, which
/// is also why it may move between threads as no pointer may.
@usableFromInline
struct ByteWriter: ~Copyable, @unchecked Sendable {
    @usableFromInline var start: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 64)
        start = .allocate(byteCount: self.capacity, alignment: 16)
    }

    @inlinable deinit { start.deallocate() }

    mutating func removeAll() { count = 0 }

    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result { body(written.span) }

    var array: [UInt8] { array(from: 0) }
    func array(from start: Int) -> [UInt8] { Array(written[start...]) }

    private var written: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: count)
    }

    @inlinable @inline(__always)
    mutating func put(_ byte: UInt8) {
        reserve(1)
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inlinable @inline(__always)
    mutating func put(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        // Raw: the typed copy becomes a loop.
        (start + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// The name of a member, as `,"name":`. Inlined where the name is a literal, so that its bytes become a few stores
    /// of constants.
    @inlinable @inline(__always)
    mutating func put(name: StaticString, afterComma: Bool) {
        let length = name.utf8CodeUnitCount
        reserve(length + 4)
        start.storeBytes(of: UInt8(ascii: ","), toByteOffset: count, as: UInt8.self)
        let open = count + (afterComma ? 1 : 0)
        start.storeBytes(of: UInt8(ascii: "\""), toByteOffset: open, as: UInt8.self)
        (start + open + 1).copyMemory(from: name.utf8Start, byteCount: length)
        start.storeBytes(of: UInt8(ascii: "\""), toByteOffset: open + 1 + length, as: UInt8.self)
        start.storeBytes(of: UInt8(ascii: ":"), toByteOffset: open + 2 + length, as: UInt8.self)
        count = open + 3 + length
    }

    /// Copies printable ASCII without quote and backslash: bytes of which nothing is to escape or to repair. Eight at a
    /// time.
    ///
    /// Returns false, and has written nothing, where that is not all there is.
    mutating func put(plain bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let source = UnsafeRawBufferPointer(bytes)
        reserve(source.count)
        let target = start + count
        guard source.count >= 8 else {
            for index in source.indices {
                guard source[index].isPlainText else { return false }
                target.storeBytes(of: source[index], toByteOffset: index, as: UInt8.self)
            }
            count += source.count
            return true
        }
        var index = 0
        while index < source.count {
            // The last eight again with what is left.
            let offset = min(index, source.count - 8)
            let word = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            guard word.isPlainText else { return false }
            target.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            index += 8
        }
        count += source.count
        return true
    }

    /// Decimal digits.
    mutating func put(decimal value: UInt64) {
        reserve(24)
        // Flags, users and codes are mostly this small.
        guard value > 9 else {
            start.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value), toByteOffset: count, as: UInt8.self)
            count += 1
            return
        }
        let scale: UInt64 = 100_000_000
        guard value >= scale else { return putLeading(value) }
        let (high, low) = value.quotientAndRemainder(dividingBy: scale)
        if high < scale {
            putLeading(high)
        } else {
            let (top, middle) = high.quotientAndRemainder(dividingBy: scale)
            putLeading(top)
            putEight(middle.decimalDigits)
        }
        putEight(low.decimalDigits)
    }

    /// Sixteen hexadecimal digits.
    mutating func put(hexadecimal value: UInt64) {
        reserve(16)
        putEight((value >> 32).hexadecimalDigits)
        putEight((value & 0xFFFF_FFFF).hexadecimalDigits)
    }

    /// Eight digits at most, without zeros in front.
    @inline(__always)
    private mutating func putLeading(_ value: UInt64) {
        let digits = value.decimalDigits
        // Without the digits' text they are zeros.
        let zeros = min((digits ^ UInt64.eightZeros).trailingZeroBitCount / 8, 7)
        putEight(digits >> UInt64(8 * zeros))
        count -= zeros
    }

    /// Text, the first byte in the lowest one. There is room for it.
    @inline(__always)
    private mutating func putEight(_ text: UInt64) {
        start.storeBytes(of: text.littleEndian, toByteOffset: count, as: UInt64.self)
        count += 8
    }

    /// Room for so many more.
    @inlinable @inline(__always)
    mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(by: more) }
    }

    @usableFromInline @inline(never)
    mutating func grow(by more: Int) {
        let larger = max(2 * capacity, count + more)
        let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        new.copyMemory(from: start, byteCount: count)
        start.deallocate()
        (start, capacity) = (new, larger)
    }
}

extension UInt64 {
    fileprivate static let eightZeros: UInt64 = 0x3030_3030_3030_3030

    /// Of a number below 10^8 its eight digits, as text, the first one in the lowest byte: halved thrice, all halves at
    /// once. What divides is a multiplication by the reciprocal, exact for numbers this small.
    fileprivate var decimalDigits: UInt64 {
        let fours = self / 10_000 | (self % 10_000) << 32
        let hundreds = (fours &* 5243) >> 19 & 0x0000_007F_0000_007F
        let twos = hundreds | (fours &- hundreds &* 100) << 16
        let tens = (twos &* 103) >> 10 & 0x000F_000F_000F_000F
        return Self.eightZeros | tens | (twos &- tens &* 10) << 8
    }

    /// Of a number below 2^32 its eight hexadecimal digits, as text, the first one in the lowest byte: halved thrice, all
    /// halves at once.
    fileprivate var hexadecimalDigits: UInt64 {
        let fours = self >> 16 | (self & 0xFFFF) << 32
        let twos = (fours >> 8 | fours << 16) & 0x00FF_00FF_00FF_00FF
        let ones = (twos >> 4 | twos << 8) & 0x0F0F_0F0F_0F0F_0F0F
        // Those above nine are letters, which are further on.
        let letters = (ones &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return ones &+ Self.eightZeros &+ letters &* UInt64(UInt8(ascii: "a") - 10 - UInt8(ascii: "0"))
    }

    /// Each of its eight bytes is.
    fileprivate var isPlainText: Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // Each marks, by its highest bit, the bytes that are so; one borrowed from a lower byte only adds marks that do
        // no harm, where there is one already.
        let control = self &- ones &* 0x20
        let quote = (self ^ ones &* UInt64(UInt8(ascii: "\""))) &- ones
        let backslash = (self ^ ones &* UInt64(UInt8(ascii: "\\"))) &- ones
        let delete = (self ^ ones &* 0x7F) &- ones
        return (self | control | quote | backslash | delete) & ones << 7 == 0
    }
}

extension UInt8 {
    fileprivate var isPlainText: Bool {
        self >= 0x20 && self < 0x7F && self != UInt8(ascii: "\"") && self != UInt8(ascii: "\\")
    }
}
