/// A string value of a rule: literal text with wildcards, matched against a whole field value.
///
/// Comparison folds ASCII letters unless the pattern is cased; characters beyond ASCII compare exactly. That is
/// byte-local, and no look-alike (U+212A for K, U+017F for s) slips through.
struct TextPattern: Hashable, Sendable {
    enum Token: Hashable, Sendable {
        case literal([UInt8])
        /// `*`: any run of characters, none included, newlines included.
        case anyRun
        /// `?`: exactly one code point.
        case anyOne
    }

    var tokens: [Token]
    var isCased = false

    init(tokens: [Token], isCased: Bool = false) {
        self.tokens = tokens
        self.isCased = isCased
    }

    /// Text without wildcards.
    init(literal bytes: [UInt8]) { tokens = bytes.isEmpty ? [] : [.literal(bytes)] }

    /// A value as a rule writes it. A backslash escapes only `*`, `?` and itself; anywhere else, also at the end, it is
    /// a backslash.
    init(escaped text: String) {
        tokens = []
        var literal: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                if let next = bytes.first, Self.isSpecial(next) {
                    bytes.removeFirst(); literal.append(next)
                } else {
                    literal.append(byte)
                }
            case UInt8(ascii: "*"), UInt8(ascii: "?"):
                if !literal.isEmpty { tokens.append(.literal(literal)) }
                literal = []
                tokens.append(byte == UInt8(ascii: "*") ? .anyRun : .anyOne)
            default: literal.append(byte)
            }
        }
        if !literal.isEmpty { tokens.append(.literal(literal)) }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?")
    }

    /// The text, where the pattern has no wildcards.
    var literal: [UInt8]? {
        switch tokens.count {
        case 0: return []
        case 1: if case .literal(let bytes) = tokens[0] { return bytes } else { return nil }
        default: return nil
        }
    }

    /// False where an encoding produced bytes that no text holds.
    var isText: Bool {
        tokens.allSatisfy {
            if case .literal(let bytes) = $0 { String(validating: bytes, as: UTF8.self) != nil } else { true }
        }
    }

    // MARK: Modifiers

    mutating func openStart() { if tokens.first != .anyRun { tokens.insert(.anyRun, at: 0) } }
    mutating func openEnd() { if tokens.last != .anyRun { tokens.append(.anyRun) } }

    /// The pattern with its text in UTF-16; wildcards stay. nil where its text is not UTF-8 any more.
    func encodedUTF16(bigEndian: Bool, byteOrderMark: Bool) -> TextPattern? {
        var encoded: [Token] = []
        if byteOrderMark { encoded.append(.literal([0xFF, 0xFE])) }
        for token in tokens {
            guard case .literal(let bytes) = token else {
                encoded.append(token)
                continue
            }
            guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
            let units = text.utf16.flatMap { unit in
                let low = UInt8(truncatingIfNeeded: unit), high = UInt8(unit >> 8)
                return bigEndian ? [high, low] : [low, high]
            }
            if case .literal(let previous)? = encoded.last {
                encoded[encoded.count - 1] = .literal(previous + units)
            } else {
                encoded.append(.literal(units))
            }
        }
        return TextPattern(tokens: encoded, isCased: isCased)
    }

    /// Every combination of the characters that a Windows program takes for the dash of an option, in the place of each
    /// `-` and `/` that starts a word. nil where there would be more than `limit`.
    func windowsDashes(limit: Int) -> [TextPattern]? {
        let dashes = ["-", "/", "\u{2013}", "\u{2014}", "\u{2015}"].map { Array($0.utf8) }
        var results: [[Token]] = [[]]
        for token in tokens {
            guard case .literal(let bytes) = token else {
                results = results.map { $0 + [token] }
                continue
            }
            var texts: [[UInt8]] = [[]]
            let scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
            for (index, scalar) in scalars.enumerated() {
                let startsWord =
                    (scalar == "-" || scalar == "/") && index + 1 < scalars.count && scalars[index + 1].isWord
                    && (index == 0 || !scalars[index - 1].isWord)
                let choices = startsWord ? dashes : [Array(String(Character(scalar)).utf8)]
                guard texts.count * choices.count * results.count <= limit else { return nil }
                texts = choices.flatMap { choice in texts.map { $0 + choice } }
            }
            results = results.flatMap { result in texts.map { result + [.literal($0)] } }
        }
        return results.map { TextPattern(tokens: $0, isCased: isCased) }
    }
}

extension Unicode.Scalar {
    fileprivate var isWord: Bool {
        self == "_" || properties.isAlphabetic || properties.numericType != nil
    }
}

/// Base64 as the `base64` modifiers need it (RFC 4648, section 4, with padding).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        stride(from: 0, to: bytes.count, by: 3).flatMap { start in
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            return (0..<4).map { position in
                position > group.count
                    ? UInt8(ascii: "=") : alphabet[Int(bits >> UInt32(18 - 6 * position)) & 63]
            }
        }
    }

    /// What is certain of the encoding of `bytes` at each of the three offsets within a longer encoded text: the digits
    /// that mix in bits of what stands before or behind are cut off.
    static func encodeAtEveryOffset(_ bytes: [UInt8]) -> [[UInt8]] {
        (0..<3).map { offset in
            let encoded = encode(Array(repeating: UInt8(ascii: " "), count: offset) + bytes)
            return Array(encoded.dropFirst([0, 2, 3][offset]).dropLast([0, 3, 2][(bytes.count + offset) % 3]))
        }
    }
}
