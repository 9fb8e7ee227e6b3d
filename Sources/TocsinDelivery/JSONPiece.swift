/// JSON taken apart as far as shortening needs: texts and numbers stay the bytes they are, so nothing that is kept
/// changes its spelling.
enum JSONPiece {
    case object([(name: [UInt8], value: JSONPiece)])
    case array([JSONPiece])
    /// With its quotes, as it was written.
    case text([UInt8])
    case other([UInt8])

    /// nil where `text` is not compact JSON of moderate depth.
    init?(_ text: [UInt8]) {
        var reader = Reader(text: text)
        guard let piece = reader.value(depth: 0), reader.position == text.count else { return nil }
        self = piece
    }

    // MARK: Size and text

    var byteCount: Int {
        switch self {
        case .object(let members):
            members.reduce(2 + max(members.count - 1, 0)) { $0 + $1.name.count + 1 + $1.value.byteCount }
        case .array(let elements): elements.reduce(2 + max(elements.count - 1, 0)) { $0 + $1.byteCount }
        case .text(let bytes), .other(let bytes): bytes.count
        }
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes += member.name
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .text(let text), .other(let text): bytes += text
        }
    }

    // MARK: Editing

    /// Takes out the member that `path` leads to.
    mutating func removeMember(_ path: [String]) -> JSONPiece? {
        guard case .object(var members) = self, let index = Self.index(path.first, members) else { return nil }
        defer { self = .object(members) }
        guard path.count > 1 else { return members.remove(at: index).value }
        return members[index].value.removeMember(Array(path.dropFirst()))
    }

    mutating func appendMember(_ path: [String], _ value: JSONPiece) {
        guard case .object(var members) = self, let name = path.first else { return }
        defer { self = .object(members) }
        if path.count == 1 {
            members.append((Array("\"\(name)\"".utf8), value))
        } else if let index = Self.index(name, members) {
            members[index].value.appendMember(Array(path.dropFirst()), value)
        }
    }

    private static func index(_ name: String?, _ members: [(name: [UInt8], value: JSONPiece)]) -> Int? {
        guard let name else { return nil }
        return members.firstIndex { $0.name.dropFirst().dropLast().elementsEqual(name.utf8) }
    }

    /// The longest beginning that takes at most `room` bytes and still says something.
    func prefix(_ room: Int) -> JSONPiece? {
        switch self {
        case .text(let text): return Self.prefix(ofText: text, room).map { .text($0) }
        case .array(let elements):
            var kept: [JSONPiece] = []
            var rest = room - 2
            for element in elements {
                let separator = kept.isEmpty ? 0 : 1
                guard element.byteCount + separator <= rest else {
                    // An element that is an object is kept whole or not at all.
                    if case .text = element, let part = element.prefix(rest - separator) { kept.append(part) }
                    break
                }
                rest -= element.byteCount + separator
                kept.append(element)
            }
            return kept.isEmpty ? nil : .array(kept)
        case .object, .other: return byteCount <= room ? self : nil
        }
    }

    /// Cuts neither an escape nor a character in two.
    private static func prefix(ofText text: [UInt8], _ room: Int) -> [UInt8]? {
        guard text.count > room else { return text }
        let close = UInt8(ascii: "\"")
        var end = 1
        while end < text.count - 1 {
            var next = end + 1
            if text[end] == UInt8(ascii: "\\") {
                next = end + (text[end + 1] == UInt8(ascii: "u") ? 6 : 2)
            } else {
                while text[next] & 0xC0 == 0x80 { next += 1 }
            }
            guard next + 1 <= room else { break }
            end = next
        }
        return end > 1 ? text[..<end] + [close] : nil
    }
}

/// The way from bytes to pieces.
private struct Reader {
    let text: [UInt8]
    var position = 0

    init(text: [UInt8]) { self.text = text }

    private static let maximumDepth = 16

    private func peek() -> UInt8? { position < text.count ? text[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func value(depth: Int) -> JSONPiece? {
        guard depth < Self.maximumDepth, let first = peek() else { return nil }
        switch first {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return string().map { .text($0) }
        default:
            let start = position
            while let byte = peek(), ![UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}")].contains(byte) {
                position += 1
            }
            return position > start ? .other(Array(text[start..<position])) : nil
        }
    }

    private mutating func object(_ depth: Int) -> JSONPiece? {
        position += 1
        var members: [(name: [UInt8], value: JSONPiece)] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            guard let name = string(), take(UInt8(ascii: ":")), let value = value(depth: depth + 1) else { return nil }
            members.append((name, value))
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "}")) ? .object(members) : nil
    }

    private mutating func array(_ depth: Int) -> JSONPiece? {
        position += 1
        var elements: [JSONPiece] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            guard let element = value(depth: depth + 1) else { return nil }
            elements.append(element)
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "]")) ? .array(elements) : nil
    }

    private mutating func string() -> [UInt8]? {
        let start = position
        guard take(UInt8(ascii: "\"")) else { return nil }
        while let byte = peek() {
            position += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return Array(text[start..<position]) }
        }
        return nil
    }
}
