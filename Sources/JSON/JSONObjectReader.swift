/// The members of one JSON object one after another: who knows the few to expect needs no tree of them.
public struct JSONObjectReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let places: [JSONScanner.Place]
    /// Place of the next name.
    private var next = 1

    /// Reads the one object that the bytes hold, as strictly as `JSONText`. They must outlive the reader and its
    /// members.
    public init(
        _ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = JSONText.defaultMaximumDepth
    ) throws(JSONError) {
        var scanner = JSONScanner(bytes, maximumDepth: maximumDepth)
        try scanner.document()
        self.bytes = bytes
        places = scanner.places
        let start = Int(places[0].start)
        guard bytes[start] == UInt8(ascii: "{") else { throw JSONError(offset: start, expected: "an object") }
    }

    /// nil at the end.
    public mutating func nextMember() -> Member? {
        let name = next
        guard name < places[0].next else { return nil }
        next = Int(places[name + 1].next)
        return Member(bytes: bytes, places: places, index: name)
    }

    public struct Member {
        fileprivate let bytes: UnsafeBufferPointer<UInt8>
        fileprivate let places: [JSONScanner.Place]
        fileprivate let index: Int

        public var name: JSONString { JSONString(bytes: bytes, place: places[index]) }

        /// The value where it is a string; else nil.
        public var string: JSONString? {
            let place = places[index + 1]
            return bytes[Int(place.start)] == UInt8(ascii: "\"") ? JSONString(bytes: bytes, place: place) : nil
        }

        public var value: JSONValue { JSONText.value(at: index + 1, places, of: bytes) }
    }
}

/// A string in a text that somebody else keeps, to be compared or to be made a value.
public struct JSONString {
    fileprivate let bytes: UnsafeBufferPointer<UInt8>
    fileprivate let place: JSONScanner.Place

    /// What it means.
    public var value: String { JSONText.string(at: place, of: bytes) }

    /// What it means, in UTF-8; valid within the call.
    public func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let written = UnsafeBufferPointer(rebasing: bytes[Int(place.start) + 1..<Int(place.end) - 1])
        guard written.hasEscapes else { return body(written) }
        var value = value
        return value.withUTF8(body)
    }

    /// Compares bytes: a literal holds none that would have to be normalized.
    public static func ~= (literal: StaticString, string: JSONString) -> Bool {
        let expected = UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        return string.withBytes { $0.isSame(as: expected) }
    }
}
