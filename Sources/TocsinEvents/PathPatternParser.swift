/// Why a glob cannot be understood, and at which byte of it.
package struct PathPatternError: Error, Hashable, CustomStringConvertible {
    package var position: Int
    package var reason: String

    package var description: String { "at byte \(position): \(reason)" }
}

extension PathPattern {
    /// Parses a glob. Its form is described at the type.
    package init(_ glob: String) throws(PathPatternError) {
        let bytes = Array(glob.utf8)
        guard bytes.count <= Self.maximumBytes else {
            throw PathPatternError(position: Self.maximumBytes, reason: "longer than \(Self.maximumBytes) bytes")
        }
        // Paths are absolute: anything else would silently never match.
        guard bytes.first == UInt8(ascii: "/") || bytes.starts(with: "**".utf8) else {
            throw PathPatternError(position: 0, reason: "a path pattern begins with / or **")
        }
        var parser = PathPatternParser(bytes: bytes)
        let elements = try parser.parse()
        self.init(elements: elements, text: glob)
        guard self.elements.count <= Self.maximumElements else {
            throw PathPatternError(
                position: bytes.count, reason: "more than \(Self.maximumElements) elements behind the first wildcard")
        }
    }
}

private struct PathPatternParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func parse() throws(PathPatternError) -> [PathPattern.Element] {
        var elements: [PathPattern.Element] = []
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case 0:
                throw PathPatternError(position: position, reason: "a path has no NUL")
            case UInt8(ascii: "*"):
                elements.append(stars(atComponentStart: elements.isEmpty || elements.last == .byte(UInt8(ascii: "/"))))
            case UInt8(ascii: "?"):
                elements.append(.any)
                position += 1
            case UInt8(ascii: "["):
                elements.append(try set())
            case UInt8(ascii: "\\"):
                guard position + 1 < bytes.count else {
                    throw PathPatternError(position: position, reason: "nothing follows the backslash")
                }
                elements.append(.byte(bytes[position + 1]))
                position += 2
            default:
                elements.append(.byte(byte))
                position += 1
            }
        }
        return elements
    }

    private mutating func stars(atComponentStart: Bool) -> PathPattern.Element {
        let start = position
        while position < bytes.count, bytes[position] == UInt8(ascii: "*") { position += 1 }
        guard position - start > 1 else { return .star }
        guard atComponentStart, position < bytes.count, bytes[position] == UInt8(ascii: "/") else { return .globstar }
        position += 1
        return .directories
    }

    /// As in glob(7): `!` or `^` negates, `]` is ordinary in the first place, `-` in the first and in the last.
    private mutating func set() throws(PathPatternError) -> PathPattern.Element {
        let start = position
        position += 1
        let negated =
            position < bytes.count && (bytes[position] == UInt8(ascii: "!") || bytes[position] == UInt8(ascii: "^"))
        if negated { position += 1 }
        var set = ByteSet()
        var isFirst = true
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "]"), !isFirst {
                position += 1
                return .set(set, negated: negated)
            }
            isFirst = false
            let low = try member(openedAt: start)
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "-"),
                bytes[position + 1] != UInt8(ascii: "]")
            else {
                set.insert(low...low)
                continue
            }
            let dash = position
            position += 1
            let high = try member(openedAt: start)
            guard low <= high else { throw PathPatternError(position: dash, reason: "the range ends before it begins") }
            set.insert(low...high)
        }
        throw PathPatternError(position: start, reason: "the [ is never closed")
    }

    private mutating func member(openedAt start: Int) throws(PathPatternError) -> UInt8 {
        if bytes[position] == UInt8(ascii: "\\") { position += 1 }
        guard position < bytes.count else { throw PathPatternError(position: start, reason: "the [ is never closed") }
        guard bytes[position] != UInt8(ascii: "/") else {
            throw PathPatternError(position: position, reason: "a set never matches a slash")
        }
        // A set stands for one byte: a longer character in it would match each of its bytes.
        guard bytes[position] < 0x80 else {
            throw PathPatternError(position: position, reason: "a set holds ASCII characters only")
        }
        defer { position += 1 }
        return bytes[position]
    }
}
