/// An escape in a string, and the character that it stands for.
struct JSONEscape {
    let scalar: Unicode.Scalar
    /// Behind it, in bytes from the start of the text.
    let end: Int

    /// - Parameter start: Of the backslash.
    init(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) throws(JSONError) {
        var reader = Reader(bytes: bytes, offset: start + 1)
        scalar = try reader.scalar(startingAt: start)
        end = reader.offset
    }

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var offset: Int

        mutating func scalar(startingAt start: Int) throws(JSONError) -> Unicode.Scalar {
            guard let byte = next() else { throw JSONError(offset: offset, expected: "an escape") }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
            case UInt8(ascii: "b"): return "\u{08}"
            case UInt8(ascii: "f"): return "\u{0C}"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"): break
            default: throw JSONError(offset: start, expected: "an escape")
            }
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code) {
                guard next() == UInt8(ascii: "\\"), next() == UInt8(ascii: "u"),
                    case let low = try hexadecimal(), (0xDC00..<0xE000).contains(low)
                else { throw JSONError(offset: start, expected: "a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard code != 0 else { throw JSONError(offset: start, expected: "a string without U+0000") }
            guard let scalar = Unicode.Scalar(code) else {
                throw JSONError(offset: start, expected: "a surrogate pair")
            }
            return scalar
        }

        private mutating func hexadecimal() throws(JSONError) -> UInt32 {
            var code: UInt32 = 0
            for _ in 0..<4 {
                let place = offset
                guard let byte = next(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                    throw JSONError(offset: place, expected: "four hexadecimal digits")
                }
                code = code << 4 | UInt32(digit)
            }
            return code
        }

        private mutating func next() -> UInt8? {
            guard offset < bytes.count else { return nil }
            defer { offset += 1 }
            return bytes[offset]
        }
    }
}
