/// A strict reader of RFC 8259 over bytes that an attacker may have written: it checks a text in one pass, and notes
/// where each value is. Nothing is made of the values; `JSONText` does that for those that somebody asks for.
///
/// Stricter than the grammar where a lenient reader becomes a hole: member names are unique, strings hold no U+0000 and
/// no lone surrogate, numbers are finite. Time is linear in the input. Nesting is bounded, so the stack is; memory
/// stays below 64 times the input, a tree of it included (an element of two bytes such as `0,` becomes a place of 12
/// and a value of 24, in arrays that grow by doubling), so whoever bounds the input bounds the memory.
struct JSONScanner: ~Copyable {
    /// Where a value or a member name is written, in bytes from the start of the text.
    struct Place: Sendable {
        var start: UInt32
        /// Behind its last byte.
        var end: UInt32
        /// Index of the first place behind what this one holds. The elements of an array follow its place, and so do
        /// the members of an object: each a name and a value.
        var next: UInt32

        var length: Int { Int(end) - Int(start) }
    }

    /// The longest spelling of a number: any double is written exactly enough in far fewer digits.
    static let maximumNumberLength = 256

    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private var depth = 0
    private var list = PlaceList()
    /// Whether each member name so far is ASCII without escapes: it is what is written.
    private(set) var namesArePlain = true

    init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = JSONText.defaultMaximumDepth) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// The places of all values and member names, in the order they are written.
    var places: [Place] { list.array }

    /// The one value that the bytes hold, with nothing but white space around it.
    mutating func document() throws(JSONError) {
        // Places have 32 bits, and no sum of offsets below can overflow.
        guard bytes.count < UInt32.max else {
            throw JSONError(offset: Int(UInt32.max), expected: "the end of the text")
        }
        // As many as an event has for its size; what is denser makes the list grow.
        list.reserve(bytes.count / 12 + 1)
        var end = try value(from: 0)
        _ = bytes.nextByte(&end)
        guard end == bytes.count else { throw Self.expected("the end of the text", at: end) }
    }

    // MARK: Values

    // What reads a part takes the offset where the part begins, and returns the one behind it: so it stays in a
    // register.

    @inline(__always)
    private mutating func value(from offset: Int) throws(JSONError) -> Int {
        let bytes = bytes
        var offset = offset
        switch bytes.nextByte(&offset) {
        case UInt8(ascii: "\""): return try string(from: offset).end
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard let end = bytes.endOfPlainInteger(from: offset) else { return try number(from: offset) }
            return note(from: offset, to: end)
        case let byte: return try lessCommonValue(byte, from: offset)
        }
    }

    private mutating func lessCommonValue(_ first: UInt8, from offset: Int) throws(JSONError) -> Int {
        switch first {
        case UInt8(ascii: "{"): try object(from: offset)
        case UInt8(ascii: "["): try array(from: offset)
        case UInt8(ascii: "t"): try literal("true", from: offset)
        case UInt8(ascii: "f"): try literal("false", from: offset)
        case UInt8(ascii: "n"): try literal("null", from: offset)
        case UInt8(ascii: "-"): try number(from: offset)
        default: throw Self.expected("a value", at: offset)
        }
    }

    private mutating func object(from start: Int) throws(JSONError) -> Int {
        let bytes = bytes
        let object = try descend(from: start)
        var offset = start &+ 1
        if bytes.nextByte(&offset) == UInt8(ascii: "}") { return ascend(from: object, to: offset &+ 1) }
        var names = MemberNames(first: list.count)
        while true {
            guard bytes.nextByte(&offset) == UInt8(ascii: "\"") else {
                throw Self.expected("a member name", at: offset)
            }
            let name = list.count
            let (end, isPlain) = try string(from: offset)
            if !isPlain { namesArePlain = false }
            guard names.insert(name, isPlain: isPlain, bytes, list) else {
                throw Self.expected("each member name once", at: offset)
            }
            offset = end
            guard bytes.nextByte(&offset) == UInt8(ascii: ":") else { throw Self.expected("':'", at: offset) }
            offset = try value(from: offset &+ 1)
            switch bytes.nextByte(&offset) {
            case UInt8(ascii: ","): offset &+= 1
            case UInt8(ascii: "}"): return ascend(from: object, to: offset &+ 1)
            default: throw Self.expected("',' or '}'", at: offset)
            }
        }
    }

    private mutating func array(from start: Int) throws(JSONError) -> Int {
        let bytes = bytes
        let array = try descend(from: start)
        var offset = start &+ 1
        if bytes.nextByte(&offset) == UInt8(ascii: "]") { return ascend(from: array, to: offset &+ 1) }
        while true {
            offset = try value(from: offset)
            switch bytes.nextByte(&offset) {
            case UInt8(ascii: ","): offset &+= 1
            case UInt8(ascii: "]"): return ascend(from: array, to: offset &+ 1)
            default: throw Self.expected("',' or ']'", at: offset)
            }
        }
    }

    private mutating func literal(_ text: StaticString, from offset: Int) throws(JSONError) -> Int {
        let end = offset &+ text.utf8CodeUnitCount
        guard end <= bytes.count, text.withUTF8Buffer({ $0.elementsEqual(bytes[offset..<end]) }) else {
            throw Self.expected("a value", at: offset)
        }
        return note(from: offset, to: end)
    }

    // MARK: Numbers

    private mutating func number(from start: Int) throws(JSONError) -> Int {
        let digits = bytes.byte(at: start) == UInt8(ascii: "-") ? start + 1 : start
        var end = try endOfDigits(from: digits)
        guard bytes[digits] != UInt8(ascii: "0") || end == digits + 1 else {
            throw Self.expected("a number without leading zeros", at: digits)
        }
        // So few digits are an integer of 64 bits; what is longer is looked at.
        var isShortInteger = end - digits <= 18
        if bytes.byte(at: end) == UInt8(ascii: ".") {
            isShortInteger = false
            end = try endOfDigits(from: end + 1)
        }
        if bytes.byte(at: end) == UInt8(ascii: "e") || bytes.byte(at: end) == UInt8(ascii: "E") {
            isShortInteger = false
            let isSigned = bytes.byte(at: end + 1) == UInt8(ascii: "+") || bytes.byte(at: end + 1) == UInt8(ascii: "-")
            end = try endOfDigits(from: isSigned ? end + 2 : end + 1)
        }
        if !isShortInteger { try checkRange(ofNumberFrom: start, to: end) }
        return note(from: start, to: end)
    }

    /// At least one.
    private func endOfDigits(from start: Int) throws(JSONError) -> Int {
        var end = start
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes.byte(at: end)) { end += 1 }
        guard end > start else { throw Self.expected("a digit", at: start) }
        return end
    }

    private func checkRange(ofNumberFrom start: Int, to end: Int) throws(JSONError) {
        let number = bytes[start..<end]
        guard number.count <= Self.maximumNumberLength else {
            throw Self.expected("a number of at most \(Self.maximumNumberLength) characters", at: start)
        }
        guard let value = Double(String(decoding: number, as: UTF8.self)), value.isFinite else {
            throw Self.expected("a number in the range of a double", at: start)
        }
    }

    // MARK: Strings

    /// Behind the string; and whether it is ASCII without escapes, which is what is written.
    @inline(__always)
    private mutating func string(from start: Int) throws(JSONError) -> (end: Int, isPlain: Bool) {
        let bytes = bytes
        let end = bytes.endOfPlainBytes(from: start &+ 1)
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else {
            return try restOfString(from: end, startingAt: start)
        }
        return (note(from: start, to: end &+ 1), true)
    }

    /// What is not plain, or ends with the text.
    @inline(never)
    private mutating func restOfString(
        from offset: Int, startingAt start: Int
    ) throws(JSONError) -> (end: Int, isPlain: Bool) {
        var offset = offset
        var isASCII = true
        var hasEscapes = false
        while true {
            offset = bytes.endOfPlainBytes(from: offset)
            guard offset < bytes.count else { throw Self.expected("'\"'", at: offset) }
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                // Escapes stand for whole characters, so that a string is UTF-8 if what is written is.
                guard isASCII || String(validating: bytes[start + 1..<offset], as: UTF8.self) != nil else {
                    throw Self.expected("UTF-8", at: start + 1)
                }
                return (note(from: start, to: offset + 1), isASCII && !hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                offset = try JSONEscape(in: bytes, at: offset).end
            case 0..<0x20:
                throw Self.expected("a control character to be escaped", at: offset)
            case let byte:
                if byte >= 0x80 { isASCII = false }
                offset += 1
            }
        }
    }

    // MARK: Places

    /// Notes a value or a name, and returns its end.
    @inline(__always)
    private mutating func note(from start: Int, to end: Int) -> Int {
        list.append(
            Place(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
                next: UInt32(truncatingIfNeeded: list.count &+ 1)))
        return end
    }

    /// Into an array or object; its place is completed at its end.
    @inline(__always)
    private mutating func descend(from start: Int) throws(JSONError) -> Int {
        guard depth < maximumDepth else { throw Self.expected("at most \(maximumDepth) levels of nesting", at: start) }
        depth &+= 1
        _ = note(from: start, to: start)
        return list.count &- 1
    }

    @inline(__always)
    private mutating func ascend(from container: Int, to end: Int) -> Int {
        depth &-= 1
        list.complete(container, end: UInt32(truncatingIfNeeded: end))
        return end
    }

    @inline(never)
    private static func expected(_ what: String, at offset: Int) -> JSONError {
        JSONError(offset: offset, expected: what)
    }
}
