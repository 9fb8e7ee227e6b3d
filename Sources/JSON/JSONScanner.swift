/// A strict reader of RFC 8259 over bytes that an attacker may have written: it checks a text in one pass, and notes where
/// each value is. Nothing is made of the values; `JSONText` does that for those that somebody asks for.
///
/// Stricter than the grammar where a lenient reader becomes a hole: member names are unique, strings hold no U+0000
/// and no lone surrogate, numbers are finite. Time is linear in the input. Nesting is bounded, so the stack is; memory
/// stays below 64 times the input, a tree of it included (an element of two bytes such as `0,` becomes a place of 12 and a
/// value of 24, in arrays that grow by doubling), so whoever bounds the input bounds the memory.
struct JSONScanner: ~Copyable {
    /// Where a value or a member name is written, in bytes from the start of the text.
    struct Place: Sendable {
        var start: UInt32
        /// Behind its last byte.
        var end: UInt32
        /// Index of the first place behind what this one holds. The elements of an array follow its place, and so do the
        /// members of an object: each a name and a value.
        var next: UInt32

        var length: Int { Int(end) - Int(start) }
    }

    /// The longest spelling of a number: any double is written exactly enough in far fewer digits.
    static let maximumNumberLength = 256

    /// From here on a set finds duplicate member names: comparing all pairs would be quadratic.
    static let linearNameLimit = 32

    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private(set) var offset: Int
    private var depth = 0
    private var list = PlaceList()
    /// Whether each member name so far is ASCII without escapes: it is what is written.
    private(set) var namesArePlain = true

    init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = JSONText.defaultMaximumDepth, at offset: Int = 0) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.offset = offset
    }

    /// The places of all values and member names, in the order they are written.
    var places: [Place] { list.array }

    /// The one value that the bytes hold, with nothing but white space around it.
    mutating func document() throws(JSONError) {
        guard bytes.count < UInt32.max else {
            throw JSONError(offset: Int(UInt32.max), expected: "the end of the text")
        }
        // As many as an event has for its size; what is denser makes the list grow.
        list.reserve(bytes.count / 12 + 1)
        skipSpace()
        try value()
        skipSpace()
        guard offset == bytes.count else { throw expected("the end of the text") }
    }

    // MARK: Values

    private mutating func value() throws(JSONError) {
        guard offset < bytes.count else { throw expected("a value") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw expected("a value")
        }
    }

    private mutating func object() throws(JSONError) {
        let object = try descend()
        skipSpace()
        if take(UInt8(ascii: "}")) { return ascend(from: object) }
        var names = MemberNames(first: list.count)
        while true {
            let start = offset
            guard peek() == UInt8(ascii: "\"") else { throw expected("a member name") }
            let name = list.count
            let isPlain = try string()
            if !isPlain { namesArePlain = false }
            guard names.insert(name, isPlain: isPlain, bytes, list) else {
                throw JSONError(offset: start, expected: "each member name once")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw expected("':'") }
            skipSpace()
            try value()
            skipSpace()
            if take(UInt8(ascii: ",")) {
                skipSpace()
                continue
            }
            guard take(UInt8(ascii: "}")) else { throw expected("',' or '}'") }
            return ascend(from: object)
        }
    }

    private mutating func array() throws(JSONError) {
        let array = try descend()
        skipSpace()
        if take(UInt8(ascii: "]")) { return ascend(from: array) }
        while true {
            try value()
            skipSpace()
            if take(UInt8(ascii: ",")) {
                skipSpace()
                continue
            }
            guard take(UInt8(ascii: "]")) else { throw expected("',' or ']'") }
            return ascend(from: array)
        }
    }

    private mutating func literal(_ text: StaticString) throws(JSONError) {
        let length = text.utf8CodeUnitCount
        let matches =
            offset + length <= bytes.count
            && text.withUTF8Buffer { $0.elementsEqual(bytes[offset..<offset + length]) }
        guard matches else { throw expected("a value") }
        offset += length
        note(from: offset - length)
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) {
        let start = offset
        if let end = endOfPlainInteger() {
            offset = end
            note(from: start)
            return
        }
        _ = take(UInt8(ascii: "-"))
        let digits = offset
        while takeDigit() {}
        guard offset > digits else { throw expected("a digit") }
        guard bytes[digits] != UInt8(ascii: "0") || offset == digits + 1 else {
            throw JSONError(offset: digits, expected: "a number without leading zeros")
        }
        // So few digits are an integer of 64 bits; what is longer is looked at.
        var isShortInteger = offset - digits <= 18
        if take(UInt8(ascii: ".")) {
            isShortInteger = false
            try someDigits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isShortInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try someDigits()
        }
        if !isShortInteger { try checkRange(ofNumberFrom: start) }
        note(from: start)
    }

    /// Behind an integer of few digits without a sign, which nearly all numbers are; nil for what needs a closer look.
    @inline(__always)
    private func endOfPlainInteger() -> Int? {
        var end = offset
        let ones: UInt64 = 0x0101_0101_0101_0101
        let raw = UnsafeRawBufferPointer(bytes)
        while end + 8 <= raw.count {
            // Digits become 0 to 9; the highest bit of a byte marks what is more, and a carry needs such a byte.
            let word =
                UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: end, as: UInt64.self)) ^ (ones &* 0x30)
            let marks = (word | (word &+ ones &* 0x76)) & (ones &* 0x80)
            end += marks.trailingZeroBitCount / 8
            if marks != 0 { break }
        }
        // Behind it a number may go on with a digit, a point or an exponent; none of these is a comma or a bracket.
        guard (1...18).contains(end - offset), end < bytes.count,
            bytes[offset] != UInt8(ascii: "0") || end == offset + 1
        else { return nil }
        switch bytes[end] {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"): return end
        default: return nil
        }
    }

    private func checkRange(ofNumberFrom start: Int) throws(JSONError) {
        let number = bytes[start..<offset]
        guard number.count <= Self.maximumNumberLength else {
            throw JSONError(
                offset: start, expected: "a number of at most \(Self.maximumNumberLength) characters")
        }
        guard let value = Double(String(decoding: number, as: UTF8.self)), value.isFinite else {
            throw JSONError(offset: start, expected: "a number in the range of a double")
        }
    }

    private mutating func someDigits() throws(JSONError) {
        guard takeDigit() else { throw expected("a digit") }
        while takeDigit() {}
    }

    private mutating func takeDigit() -> Bool {
        guard let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return false }
        offset += 1
        return true
    }

    // MARK: Strings

    /// Whether the string is ASCII without escapes: it is what is written.
    @inline(__always)
    private mutating func string() throws(JSONError) -> Bool {
        let start = offset
        let end = endOfPlainBytes(from: start + 1)
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else {
            offset = end
            return try restOfString(from: start)
        }
        offset = end + 1
        note(from: start)
        return true
    }

    /// What is not plain, or ends with the text.
    @inline(never)
    private mutating func restOfString(from start: Int) throws(JSONError) -> Bool {
        var isASCII = true
        var hasEscapes = false
        while true {
            offset = endOfPlainBytes(from: offset)
            guard let byte = peek() else { throw expected("'\"'") }
            switch byte {
            case UInt8(ascii: "\""):
                if !isASCII { try checkUTF8(from: start + 1) }
                offset += 1
                note(from: start)
                return isASCII && !hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                _ = try escape()
            case 0..<0x20:
                throw expected("a control character to be escaped")
            default:
                if byte >= 0x80 { isASCII = false }
                offset += 1
            }
        }
    }

    /// Passes over bytes that have no meaning in a string, eight at a time: most of a text is such bytes. What it stops at is
    /// looked at one by one.
    @inline(__always)
    private func endOfPlainBytes(from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let raw = UnsafeRawBufferPointer(bytes)
        var end = start
        while end + 8 <= raw.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: end, as: UInt64.self))
            // The highest bit of a byte: not ASCII, below a space, or zero where it was a quote or a backslash. A borrow
            // may set it for the byte behind one that has it, never alone.
            let marks =
                (word | (word &- ones &* 0x20) | ((word ^ (ones &* 0x22)) &- ones) | ((word ^ (ones &* 0x5C)) &- ones))
                & (ones &* 0x80)
            guard marks == 0 else { return end + marks.trailingZeroBitCount / 8 }
            end += 8
        }
        return end
    }

    /// Escapes stand for whole characters, so that a string is UTF-8 if what is written is.
    private func checkUTF8(from start: Int) throws(JSONError) {
        guard String(validating: bytes[start..<offset], as: UTF8.self) != nil else {
            throw JSONError(offset: start, expected: "UTF-8")
        }
    }

    /// The character that the escape at the offset stands for.
    mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = offset
        offset += 1
        guard let byte = peek() else { throw expected("an escape") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xD800 && code < 0xDC00 {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                    throw JSONError(offset: start, expected: "a surrogate pair")
                }
                let low = try hexadecimal()
                guard low >= 0xDC00 && low < 0xE000 else {
                    throw JSONError(offset: start, expected: "a surrogate pair")
                }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard code != 0, let scalar = Unicode.Scalar(code) else {
                throw JSONError(
                    offset: start, expected: code == 0 ? "a string without U+0000" : "a surrogate pair")
            }
            return scalar
        default:
            throw JSONError(offset: start, expected: "an escape")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw expected("four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }

    // MARK: Places

    @inline(__always)
    private mutating func note(from start: Int) {
        // The text is shorter than 4 GiB.
        list.append(
            Place(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: offset),
                next: UInt32(truncatingIfNeeded: list.count &+ 1)))
    }

    /// Into an array or object; its place is completed at its end.
    private mutating func descend() throws(JSONError) -> Int {
        guard depth < maximumDepth else { throw expected("at most \(maximumDepth) levels of nesting") }
        depth += 1
        offset += 1
        note(from: offset - 1)
        return list.count - 1
    }

    private mutating func ascend(from container: Int) {
        depth -= 1
        list[container].end = UInt32(offset)
        list[container].next = UInt32(list.count)
    }

    // MARK: Bytes

    @inline(__always)
    private mutating func skipSpace() {
        while let byte = peek(), byte <= 0x20 {
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    @inline(__always)
    private func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private func expected(_ what: String) -> JSONError { JSONError(offset: offset, expected: what) }
}

/// Places in memory that grows. An array would ask before each whether it is the only owner; here nobody else can be.
private struct PlaceList: ~Copyable {
    private var start: UnsafeMutablePointer<JSONScanner.Place>?
    private var capacity = 0
    private(set) var count = 0

    deinit { start?.deallocate() }

    var array: [JSONScanner.Place] { Array(UnsafeBufferPointer(start: start, count: count)) }

    @inline(__always)
    mutating func append(_ place: JSONScanner.Place) {
        if count == capacity { reserve(max(16, 2 * capacity)) }
        start.unsafelyUnwrapped[count] = place
        count += 1
    }

    subscript(_ index: Int) -> JSONScanner.Place {
        @inline(__always) get { start.unsafelyUnwrapped[index] }
        @inline(__always) set { start.unsafelyUnwrapped[index] = newValue }
    }

    /// Room for so many in all.
    mutating func reserve(_ larger: Int) {
        guard larger > capacity else { return }
        let new = UnsafeMutablePointer<JSONScanner.Place>.allocate(capacity: larger)
        if let start { new.moveInitialize(from: start, count: count) }
        start?.deallocate()
        (start, capacity) = (new, larger)
    }
}

/// The member names of one object so far.
private struct MemberNames {
    private let first: Int
    private var count = 0
    /// One bit for each, by length, first and last byte: a name whose bit is not set is a new one.
    private var marks: UInt64 = 0
    /// Not empty once there are many, or one of which what is written is not what it means: two names may be spelt
    /// differently and be the same, also as Unicode's canonical equivalence has it.
    private var texts: Set<String> = []

    init(first: Int) { self.first = first }

    /// Whether the name, which is the last place, is a new one.
    @inline(__always)
    mutating func insert(
        _ name: Int, isPlain: Bool, _ bytes: UnsafeBufferPointer<UInt8>, _ places: borrowing PlaceList
    ) -> Bool {
        defer { count += 1 }
        if texts.isEmpty, isPlain, count < JSONScanner.linearNameLimit {
            let place = places[name]
            let spread = place.length &* 7 &+ Int(bytes[Int(place.start) + 1]) &* 5 &+ Int(bytes[Int(place.end) - 2])
            let mark: UInt64 = 1 << UInt64(spread & 63)
            defer { marks |= mark }
            guard marks & mark != 0 else { return true }
            var earlier = first
            while earlier < name {
                if Self.areEqual(places[earlier], place, bytes) { return false }
                earlier = Int(places[earlier + 1].next)
            }
            return true
        }
        if texts.isEmpty {
            var earlier = first
            while earlier < name {
                texts.insert(JSONText.string(at: places[earlier], of: bytes))
                earlier = Int(places[earlier + 1].next)
            }
        }
        return texts.insert(JSONText.string(at: places[name], of: bytes)).inserted
    }

    private static func areEqual(
        _ one: JSONScanner.Place, _ other: JSONScanner.Place, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        UnsafeBufferPointer(rebasing: bytes[Int(one.start)..<Int(one.end)])
            .isSame(as: UnsafeBufferPointer(rebasing: bytes[Int(other.start)..<Int(other.end)]))
    }
}
