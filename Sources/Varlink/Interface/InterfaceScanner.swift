/// Why a text is not an interface description, and where.
public struct InterfaceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1; the column in bytes.
    public let line: Int
    public let column: Int
    /// What would have been right there.
    public let expected: String

    public var description: String { "line \(line), column \(column): expected \(expected)" }
}

/// Cuts an interface description into words and signs, and collects the comments before them.
struct InterfaceScanner {
    let bytes: [UInt8]
    private(set) var offset = 0
    /// The lines of comment that stand before the next token, without `#` and one space.
    private var comment: [String] = []
    /// Whether a line ended between the last token and the next.
    private(set) var isAfterLineBreak = true

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        skipSpace()
    }

    var isAtEnd: Bool { offset == bytes.count }

    /// The comment before the next token; asked for before the token is taken.
    var documentation: String { comment.joined(separator: "\n") }

    // MARK: Tokens

    mutating func take(_ sign: StaticString) -> Bool {
        guard sign.withUTF8Buffer({ bytes[offset...].starts(with: $0) }) else { return false }
        offset += sign.utf8CodeUnitCount
        skipSpace()
        return true
    }

    mutating func expect(_ sign: StaticString) throws(InterfaceError) {
        guard take(sign) else { throw expected("'\(sign)'") }
    }

    /// The letters, digits and given other characters that come next; empty where there are none.
    func word(with others: String = "") -> String {
        let word = bytes[offset...].prefix { $0.isASCIILetter || $0.isASCIIDigit || others.utf8.contains($0) }
        return String(decoding: word, as: UTF8.self)
    }

    mutating func skip(_ word: String) {
        offset += word.utf8.count
        skipSpace()
    }

    /// `[A-Z][A-Za-z0-9]*`
    mutating func name(of what: String) throws(InterfaceError) -> String {
        let name = word()
        guard let first = name.utf8.first, first.isASCIILetter, first < UInt8(ascii: "a") else {
            throw expected("the name of \(what), beginning with an uppercase letter")
        }
        skip(name)
        return name
    }

    /// `[A-Za-z](_?[A-Za-z0-9])*`
    mutating func fieldName() throws(InterfaceError) -> String {
        let name = word(with: "_")
        let parts = name.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard let first = name.utf8.first, first.isASCIILetter, parts.allSatisfy({ !$0.isEmpty }) else {
            throw expected("the name of a field")
        }
        skip(name)
        return name
    }

    /// `[A-Za-z]([-]*[A-Za-z0-9])*(\.[A-Za-z0-9]([-]*[A-Za-z0-9])*)+`
    mutating func interfaceName() throws(InterfaceError) -> String {
        let name = word(with: "-.")
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let hyphen = UInt8(ascii: "-")
        guard let first = name.utf8.first, first.isASCIILetter, parts.count >= 2,
            parts.allSatisfy({ !$0.isEmpty && $0.first != hyphen && $0.last != hyphen })
        else { throw expected("an interface name such as org.example.service") }
        skip(name)
        return name
    }

    func expected(_ what: String) -> InterfaceError { expected(what, at: offset) }

    /// Counted only when an error needs them.
    func expected(_ what: String, at offset: Int) -> InterfaceError {
        let before = bytes[..<offset]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return InterfaceError(line: line, column: offset - start + 1, expected: what)
    }

    // MARK: Space

    private mutating func skipSpace() {
        comment.removeAll(keepingCapacity: true)
        isAfterLineBreak = offset == 0
        // A comment at the end of a line speaks about what stands before it, not about what follows.
        var isAlone = isAfterLineBreak
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                offset += 1
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                offset += 1
                isAfterLineBreak = true
                isAlone = true
            case UInt8(ascii: "#"):
                let line = bytes[(offset + 1)...].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
                if isAlone {
                    let text = line.first == UInt8(ascii: " ") ? line.dropFirst() : line
                    comment.append(String(decoding: text, as: UTF8.self))
                }
                offset = line.endIndex
            default:
                return
            }
        }
    }
}

extension UInt8 {
    fileprivate var isASCIILetter: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
    fileprivate var isASCIIDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
