/// A JSON value as it was written: checked, and taken apart only where somebody asks.
///
/// Members and elements share the memory of the whole text. Equal are values that are written alike.
public struct JSONText: Sendable {
    /// How deep arrays and objects may nest unless told otherwise.
    public static let defaultMaximumDepth = 64

    private let whole: Whole
    /// Place of this value among those of the whole.
    private let index: Int

    /// What the parts of a text share.
    fileprivate final class Whole: Sendable {
        let bytes: [UInt8]
        let places: [JSONScanner.Place]
        let namesArePlain: Bool

        init(_ bytes: [UInt8], _ places: [JSONScanner.Place], namesArePlain: Bool) {
            self.bytes = bytes
            self.places = places
            self.namesArePlain = namesArePlain
        }
    }

    private init(_ whole: Whole, index: Int) {
        self.whole = whole
        self.index = index
    }

    /// Reads the one JSON value that the bytes hold; see RFC 8259.
    ///
    /// Refused beyond the grammar: a member name twice, U+0000 in a string, numbers outside the range of a double.
    public init(
        parsing bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = defaultMaximumDepth
    ) throws(JSONError) {
        var scanner = JSONScanner(bytes, maximumDepth: maximumDepth)
        try scanner.document()
        self.init(Whole(Array(bytes), scanner.places, namesArePlain: scanner.namesArePlain), index: 0)
    }

    /// Reads the one JSON value that the bytes hold.
    public init(parsing bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth) throws(JSONError) {
        let scanned = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(JSONError) in
                var scanner = JSONScanner(bytes, maximumDepth: maximumDepth)
                try scanner.document()
                return (scanner.places, scanner.namesArePlain)
            }
        }
        let (places, namesArePlain) = try scanned.get()
        self.init(Whole(bytes, places, namesArePlain: namesArePlain), index: 0)
    }

    /// `{}`
    public static let emptyObject = JSONText(
        Whole(Array("{}".utf8), [JSONScanner.Place(start: 0, end: 2, next: 1)], namesArePlain: true), index: 0)

    private var place: JSONScanner.Place { whole.places[index] }

    /// What is written, without white space around it.
    public var bytes: ArraySlice<UInt8> { whole.bytes[Int(place.start)..<Int(place.end)] }

    public enum Kind: Hashable, Sendable {
        case null, boolean, number, string, array, object
    }

    public var kind: Kind {
        switch whole.bytes[Int(place.start)] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    public var isNull: Bool { kind == .null }

    // MARK: Parts

    /// A member of an object; nil where there is none, or where this is no object.
    public subscript(_ name: String) -> JSONText? { place(ofMember: name).map { JSONText(whole, index: $0) } }

    /// The value of a member, with all that it holds; nil as for a member.
    public func value(of name: String) -> JSONValue? { place(ofMember: name).map { value(at: $0) } }

    /// The members of an object, in the order they are written; nil where this is none.
    public var members: Members? {
        kind == .object ? Members(whole: whole, index: index + 1, end: Int(place.next)) : nil
    }

    public struct Members: Sequence, IteratorProtocol {
        fileprivate let whole: Whole
        fileprivate var index: Int
        fileprivate let end: Int

        public mutating func next() -> (name: String, value: JSONText)? {
            guard index < end else { return nil }
            let name = whole.bytes.withUnsafeBufferPointer { JSONText.string(at: whole.places[index], of: $0) }
            let value = JSONText(whole, index: index + 1)
            index = Int(value.place.next)
            return (name, value)
        }
    }

    /// The elements of an array; nil where this is none.
    public var elements: Elements? {
        kind == .array ? Elements(whole: whole, index: index + 1, end: Int(place.next)) : nil
    }

    public struct Elements: Sequence, IteratorProtocol {
        fileprivate let whole: Whole
        fileprivate var index: Int
        fileprivate let end: Int

        public mutating func next() -> JSONText? {
            guard index < end else { return nil }
            let element = JSONText(whole, index: index)
            index = Int(element.place.next)
            return element
        }
    }

    /// Place of the value of a member; nil where there is none, or where this is no object.
    private func place(ofMember name: String) -> Int? {
        guard kind == .object else { return nil }
        var name = name
        return name.withUTF8 { wanted in
            whole.bytes.withUnsafeBufferPointer { bytes in
                whole.places.withUnsafeBufferPointer { places in
                    let end = Int(places[index].next)
                    let namesArePlain = whole.namesArePlain
                    // A plain name is as long as it is written, with its quotes.
                    let length = wanted.count + 2
                    var name = index + 1
                    while name < end {
                        let place = places[name]
                        if !namesArePlain || place.length == length, Self.isName(place, wanted, namesArePlain, bytes) {
                            return name + 1
                        }
                        name = Int(places[name + 1].next)
                    }
                    return nil
                }
            }
        }
    }

    private static func isName(
        _ place: JSONScanner.Place, _ wanted: UnsafeBufferPointer<UInt8>, _ namesArePlain: Bool,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard namesArePlain else { return string(at: place, of: bytes) == String(decoding: wanted, as: UTF8.self) }
        return written(at: place, of: bytes).isSame(as: wanted)
    }
}

extension JSONText: Hashable {
    public static func == (one: JSONText, other: JSONText) -> Bool { one.bytes == other.bytes }

    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

// MARK: - Values

extension JSONText {
    /// The value with all that it holds.
    public var value: JSONValue { value(at: index) }

    public var stringValue: String? {
        guard kind == .string else { return nil }
        return whole.bytes.withUnsafeBufferPointer { Self.string(at: place, of: $0) }
    }

    /// What a string means, in UTF-8.
    public var stringBytes: [UInt8]? {
        guard kind == .string else { return nil }
        return whole.bytes.withUnsafeBufferPointer { bytes in
            let written = Self.written(at: place, of: bytes)
            return written.hasEscapes ? Self.unescaped(written) : Array(written)
        }
    }

    public var integerValue: Int64? {
        guard kind == .number else { return nil }
        return whole.bytes.withUnsafeBufferPointer { Self.integer(at: place, of: $0) }
    }

    public var booleanValue: Bool? { kind == .boolean ? whole.bytes[Int(place.start)] == UInt8(ascii: "t") : nil }

    private func value(at index: Int) -> JSONValue {
        whole.bytes.withUnsafeBufferPointer { Self.value(at: index, whole.places, of: $0) }
    }

    /// Goes as deep as the text was allowed to nest.
    static func value(
        at index: Int, _ places: [JSONScanner.Place], of text: UnsafeBufferPointer<UInt8>
    ) -> JSONValue {
        let place = places[index]
        switch text[Int(place.start)] {
        case UInt8(ascii: "{"):
            var members: [(name: String, value: JSONValue)] = []
            var member = index + 1
            while member < place.next {
                members.append((string(at: places[member], of: text), value(at: member + 1, places, of: text)))
                member = Int(places[member + 1].next)
            }
            return .object(JSONObject(distinctMembers: members))
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            var element = index + 1
            while element < place.next {
                elements.append(value(at: element, places, of: text))
                element = Int(places[element].next)
            }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(string(at: place, of: text))
        case UInt8(ascii: "t"): return .boolean(true)
        case UInt8(ascii: "f"): return .boolean(false)
        case UInt8(ascii: "n"): return .null
        default: return number(at: place, of: text)
        }
    }

    /// An integer where the spelling is one and it fits 64 bits, else the nearest double.
    private static func number(at place: JSONScanner.Place, of text: UnsafeBufferPointer<UInt8>) -> JSONValue {
        if let integer = integer(at: place, of: text) { return .integer(integer) }
        // It was found to be one when it was checked.
        let digits = text[Int(place.start)..<Int(place.end)]
        return .number(Double(String(decoding: digits, as: UTF8.self)) ?? .nan)
    }

    private static func integer(at place: JSONScanner.Place, of text: UnsafeBufferPointer<UInt8>) -> Int64? {
        let isNegative = text[Int(place.start)] == UInt8(ascii: "-")
        // Summed up as a negative number: the range reaches one farther there.
        var sum: Int64 = 0
        for index in Int(place.start) + (isNegative ? 1 : 0)..<Int(place.end) {
            let digit = text[index] &- UInt8(ascii: "0")
            let (product, productOverflow) = sum.multipliedReportingOverflow(by: 10)
            let (next, overflow) = product.subtractingReportingOverflow(Int64(digit))
            guard digit <= 9, !productOverflow, !overflow else { return nil }
            sum = next
        }
        guard isNegative || sum != .min else { return nil }
        return isNegative ? sum : -sum
    }

    /// What a string or member name means.
    static func string(at place: JSONScanner.Place, of text: UnsafeBufferPointer<UInt8>) -> String {
        let written = written(at: place, of: text)
        if written.hasEscapes { return String(decoding: unescaped(written), as: UTF8.self) }
        return String(decoding: written, as: UTF8.self)
    }

    /// Between the quotes.
    private static func written(
        at place: JSONScanner.Place, of text: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: text[Int(place.start) + 1..<Int(place.end) - 1])
    }

    private static func unescaped(_ written: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var unescaped: [UInt8] = []
        unescaped.reserveCapacity(written.count)
        var index = 0
        while index < written.count {
            guard written[index] == UInt8(ascii: "\\") else {
                unescaped.append(written[index])
                index += 1
                continue
            }
            // None fails: they were checked.
            guard let escape = try? JSONEscape(in: written, at: index) else { break }
            unescaped.append(contentsOf: UTF8.encode(escape.scalar) ?? UTF8.encodedReplacementCharacter)
            index = escape.end
        }
        return unescaped
    }
}

// MARK: - Trees

extension JSONValue {
    /// Reads the one JSON value that the bytes hold, as `JSONText` does. An integer outside of 64 bits becomes the
    /// nearest double.
    public init(
        parsing bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = JSONText.defaultMaximumDepth
    ) throws(JSONError) {
        var scanner = JSONScanner(bytes, maximumDepth: maximumDepth)
        try scanner.document()
        self = JSONText.value(at: 0, scanner.places, of: bytes)
    }

    /// Reads the one JSON value that the bytes hold.
    public init(parsing bytes: [UInt8], maximumDepth: Int = JSONText.defaultMaximumDepth) throws(JSONError) {
        let result = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(JSONError) in try JSONValue(parsing: bytes, maximumDepth: maximumDepth) }
        }
        self = try result.get()
    }

    /// Reads the one JSON value that the text is.
    public init(parsing text: String, maximumDepth: Int = JSONText.defaultMaximumDepth) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }
}
