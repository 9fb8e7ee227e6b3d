package import JSON

/// One JSON object a line, harmless on a terminal.
package enum JSONLine {
    /// The object and a line feed.
    package static func line(_ value: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(value)
        return line(encoded: writer.bytes)
    }

    package static func line(encoded json: [UInt8]) -> [UInt8] { harmless(json) + [UInt8(ascii: "\n")] }

    /// The writer escapes C0 and DEL. What else a terminal obeys or hides (C1, bidirectional overrides, what is invisible)
    /// is legal in JSON, but the line may well be shown on a terminal; it is escaped here. Outside of ASCII nothing but
    /// string contents can stand in a JSON text, so the escapes need no parser.
    private static func harmless(_ json: [UInt8]) -> [UInt8] {
        guard json.contains(where: { $0 >= 0x80 }) else { return json }
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
            if ShellQuoting.isHarmlessInJSON(scalar) {
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result.append(
                        contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
                }
            }
        }
        return result
    }
}
