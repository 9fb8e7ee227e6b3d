package import TocsinEvents

/// Makes text that an attacker chose safe to look at and safe to copy.
///
/// The result is a word that a POSIX shell, or for `$'…'` bash, zsh and ksh, reads back as exactly the bytes it was
/// made from, and that holds nothing a terminal acts upon: no control characters (C0, DEL, C1), no bidirectional
/// overrides, nothing invisible, no line breaks. Two different texts never give the same word.
package enum ShellQuoting {
    /// A word as in a command line: bare where nothing in it is special.
    package static func word(_ text: ByteString) -> String {
        if !text.bytes.isEmpty, text.bytes.allSatisfy(isBare) { return String(decoding: text.bytes, as: UTF8.self) }
        return quoted(text)
    }

    /// A name or sentence between other words: bare while it is printable. Not for what has to be told from its
    /// surroundings.
    package static func phrase(_ text: ByteString) -> String {
        guard let string = String(validating: text.bytes, as: UTF8.self), isPrintable(string) else {
            return quoted(text)
        }
        return string
    }

    package static func phrase(_ text: String) -> String { phrase(ByteString(text)) }

    // MARK: Private

    private static func quoted(_ text: ByteString) -> String {
        guard let string = String(validating: text.bytes, as: UTF8.self), isPrintable(string),
            !text.bytes.contains(UInt8(ascii: "'"))
        else { return escaped(text) }
        return "'" + string + "'"
    }

    /// `$'…'`, as `bash(1)` has it under QUOTING.
    private static func escaped(_ text: ByteString) -> String {
        var result = "$'"
        var rest = text.bytes[...]
        var afterBase = false
        while let (scalar, length) = firstScalar(of: rest) {
            defer { rest = rest.dropFirst(length) }
            guard let scalar else {
                result += "\\x" + hexadecimal(UInt32(rest[rest.startIndex]), digits: 2)
                afterBase = false
                continue
            }
            switch scalar {
            case "'": result += "\\'"
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\u{1B}": result += "\\e"
            case _ where scalar.isPrintable(afterBase: afterBase): result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x80: result += "\\x" + hexadecimal(scalar.value, digits: 2)
            case _ where scalar.value < 0x10000: result += "\\u" + hexadecimal(scalar.value, digits: 4)
            default: result += "\\U" + hexadecimal(scalar.value, digits: 8)
            }
            afterBase = scalar.isPrintable(afterBase: afterBase)
        }
        return result + "'"
    }

    /// The next scalar and its length; a nil scalar where the next byte is not UTF-8; nil at the end.
    private static func firstScalar(of bytes: ArraySlice<UInt8>) -> (scalar: Unicode.Scalar?, length: Int)? {
        guard let first = bytes.first else { return nil }
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        // Four bytes hold any scalar; the strict decoder says which prefix is one.
        for length in 2...4 where bytes.count >= length {
            if let string = String(validating: bytes.prefix(length), as: UTF8.self),
                let scalar = string.unicodeScalars.first
            {
                return (scalar, length)
            }
        }
        return (nil, 1)
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    /// No shell gives these a meaning inside a word.
    private static func isBare(_ byte: UInt8) -> Bool {
        switch Unicode.Scalar(byte) {
        case "a"..."z", "A"..."Z", "0"..."9", "/", ".", "-", "_", "+", "=", ":", ",", "@", "%": true
        default: false
        }
    }
}

// MARK: - What may be shown

extension ShellQuoting {
    package static func isPrintable(_ string: String) -> Bool {
        var afterBase = false
        for scalar in string.unicodeScalars {
            guard scalar.isPrintable(afterBase: afterBase) else { return false }
            afterBase = true
        }
        return true
    }

    /// Whether a scalar must be escaped in JSON that may be shown on a terminal. Looser than in words: JSON strings are
    /// quoted anyway, and programs read them.
    package static func isHarmlessInJSON(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x7F || scalar.isPrintable(afterBase: true)
    }
}
