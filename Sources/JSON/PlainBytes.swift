/// Ways over what most of a JSON text is.
extension UnsafeBufferPointer<UInt8> {
    /// At the end NUL, which stands nowhere in a text.
    @inline(__always)
    func byte(at offset: Int) -> UInt8 { offset < count ? self[offset] : 0 }

    /// Passes over white space; the byte behind it.
    @inline(__always)
    func nextByte(_ offset: inout Int) -> UInt8 {
        let byte = byte(at: offset)
        if byte > 0x20 { return byte }
        offset = endOfSpace(from: offset)
        return self.byte(at: offset)
    }

    @inline(never)
    private func endOfSpace(from start: Int) -> Int {
        self[Swift.min(start, count)...].firstIndex { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 } ?? count
    }

    // MARK: Eight at a time

    /// Passes over bytes that have no meaning in a string. Stops before another, or within 8 bytes of the end: what it
    /// stops at is looked at one by one.
    @inline(__always)
    func endOfPlainBytes(from start: Int) -> Int {
        end(from: start) { word in
            // Not ASCII, below a space, or zero where it was a quote or a backslash. A borrow may mark the byte behind
            // one that is marked, never one alone.
            word | (word &- 0x20 &* .ones) | ((word ^ (0x22 &* .ones)) &- .ones) | ((word ^ (0x5C &* .ones)) &- .ones)
        }
    }

    /// Behind an integer of few digits, the first of which is at the offset, as nearly all numbers are; nil for what
    /// needs a closer look.
    @inline(__always)
    func endOfPlainInteger(from start: Int) -> Int? {
        // Digits become 0 to 9; what is more reaches the highest bit, or has it, as what carries has.
        let end = end(from: start) { word in (word ^ (0x30 &* .ones)) | ((word ^ (0x30 &* .ones)) &+ 0x76 &* .ones) }
        guard end &- start <= 18, end < count, self[start] != UInt8(ascii: "0") || end == start &+ 1 else { return nil }
        // A number may go on with a digit, a point or an exponent; none of these is a comma or a bracket.
        switch self[end] {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"): return end
        default: return nil
        }
    }

    /// Behind the bytes of which none is marked in its highest bit. Words of eight bytes, because where the next value
    /// begins is known only when this one's end is: an answer from a vector register comes later than most strings
    /// take.
    @inline(__always)
    private func end(from start: Int, marking: (UInt64) -> UInt64) -> Int {
        guard let bytes = UnsafeRawPointer(baseAddress) else { return start }
        var end = start
        while end &+ 8 <= count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
            let marks = marking(word) & (0x80 &* .ones)
            if marks != 0 { return end &+ marks.trailingZeroBitCount / 8 }
            end &+= 8
        }
        return end
    }
}

extension UInt64 {
    /// One in each byte.
    fileprivate static var ones: UInt64 { 0x0101_0101_0101_0101 }
}
