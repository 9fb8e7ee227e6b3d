internal import TocsinEvents

// Text that a hostile process chose, made safe to show.
//
// Command lines and file names may hold terminal escapes, newlines that forge log lines, and characters that turn
// the reading direction. journalctl prints MESSAGE as it is with --all, and other tools always do. So nothing
// unprintable goes into the journal: it is escaped as in C, byte by byte, and the escape character is doubled, so that
// the exact bytes can be had back.

extension [UInt8] {
    /// Appends printable UTF-8.
    ///
    /// - Parameter limit: bytes to append at most; the ellipsis that marks a cut comes on top of it.
    /// - Returns: whether the whole text was appended.
    @discardableResult
    package mutating func appendPrintable(_ text: some Collection<UInt8>, limit: Int = .max) -> Bool {
        let fits =
            text.withContiguousStorageIfAvailable { appendPrintable(buffer: $0, limit: limit) }
            ?? Array(text).withUnsafeBufferPointer { appendPrintable(buffer: $0, limit: limit) }
        if !fits { append(contentsOf: "…".utf8) }
        return fits
    }

    private mutating func appendPrintable(buffer text: UnsafeBufferPointer<UInt8>, limit: Int) -> Bool {
        let start = count
        var index = 0
        var afterBase = false
        while index < text.count {
            let byte = text[index]
            if byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") {
                guard count - start < limit else { return false }
                append(byte)
                index += 1
                afterBase = true
                continue
            }
            let (length, printable) = Self.character(in: text, at: index, afterBase: afterBase)
            let width = printable ? length : byte == UInt8(ascii: "\\") ? 2 : 4 * length
            guard count - start <= limit - width else { return false }
            for byte in text[index..<index + length] {
                if printable { append(byte) } else { appendEscape(of: byte) }
            }
            index += length
            afterBase = printable
        }
        return true
    }

    /// Length in bytes of the character at `index`, and whether it may be shown. A byte that is no UTF-8 stands for
    /// itself.
    private static func character(
        in text: UnsafeBufferPointer<UInt8>, at index: Int, afterBase: Bool
    ) -> (length: Int, printable: Bool) {
        let first = text[index]
        // The least value rules out overlong forms.
        let (length, bits, least): (Int, UInt32, UInt32) =
            switch first {
            case 0xC2...0xDF: (2, UInt32(first & 0x1F), 0x80)
            case 0xE0...0xEF: (3, UInt32(first & 0x0F), 0x800)
            case 0xF0...0xF4: (4, UInt32(first & 0x07), 0x10000)
            default: (1, 0, 0)
            }
        guard length > 1, index + length <= text.count else { return (1, false) }
        var value = bits
        for byte in text[index + 1..<index + length] {
            guard byte & 0xC0 == 0x80 else { return (1, false) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        // Unicode.Scalar refuses surrogates and what lies beyond U+10FFFF.
        guard value >= least, let scalar = Unicode.Scalar(value) else { return (1, false) }
        return (length, scalar.isPrintable(afterBase: afterBase))
    }

    private mutating func appendEscape(of byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\\"): append(byte)
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        default:
            append(UInt8(ascii: "x"))
            append(Self.hexDigit(byte >> 4))
            append(Self.hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

extension [UInt8] {
    /// Appends a word as a shell would want it: quoted when it is empty or a reader could not tell where it ends.
    mutating func appendQuoted(_ word: some Collection<UInt8>, limit: Int) {
        let isPlain = !word.isEmpty && word.allSatisfy { $0 > 0x20 && !Self.quoted.contains($0) }
        guard !isPlain else {
            appendPrintable(word, limit: limit)
            return
        }
        append(UInt8(ascii: "\""))
        let start = count
        let parts = word.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index > 0 { append(contentsOf: "\\\"".utf8) }
            guard appendPrintable(part, limit: Swift.max(0, limit - (count - start))) else { break }
        }
        append(UInt8(ascii: "\""))
    }

    private static let quoted = Array("\"'`$&|;<>()*?[]{}#!~".utf8)
}
