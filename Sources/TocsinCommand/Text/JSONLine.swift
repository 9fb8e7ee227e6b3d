package import JSON

/// One JSON object a line, harmless on a terminal.
package enum JSONLine {
    /// The object and a line feed.
    package static func line(_ value: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(value)
        return line(encoded: writer.bytes)
    }

    package static func line(encoded json: [UInt8]) -> [UInt8] {
        var lines: [UInt8] = []
        append(json[...], to: &lines)
        return lines
    }

    /// Appends what is a JSON text, and a line feed.
    package static func append(_ json: ArraySlice<UInt8>, to lines: inout [UInt8]) {
        if isHarmless(json) { lines.append(contentsOf: json) } else { appendEscaped(json, to: &lines) }
        lines.append(UInt8(ascii: "\n"))
    }

    /// Whether all of it is printable ASCII, as most is.
    private static func isHarmless(_ json: ArraySlice<UInt8>) -> Bool {
        json.withUnsafeBytes { json in
            let ones: UInt64 = 0x0101_0101_0101_0101
            let words = json.count / 8
            var marks: UInt64 = 0
            for index in 0..<words {
                let word = json.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                // The highest bit of a byte: not ASCII, below a space, or DEL. A carry or borrow needs another such
                // byte.
                marks |= word | (word &- ones &* 0x20) | (word &+ ones)
            }
            return marks & (ones &* 0x80) == 0 && json[(words * 8)...].allSatisfy { (0x20..<0x7F).contains($0) }
        }
    }

    /// What a terminal obeys or hides (DEL, C1, bidirectional overrides, what is invisible) is legal in JSON, but the
    /// line may well be shown on a terminal. Such a character can stand nowhere but in a string, so it is escaped
    /// without a parser; and a control character below a space nowhere but between values, where a space does as well.
    private static func appendEscaped(_ json: ArraySlice<UInt8>, to lines: inout [UInt8]) {
        for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
            if scalar.value < 0x20 {
                lines.append(UInt8(ascii: " "))
            } else if ShellQuoting.isHarmlessInJSON(scalar) {
                lines.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    lines.append(
                        contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
                }
            }
        }
    }
}
