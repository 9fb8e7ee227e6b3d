/// A strict reader of RFC 8259 over bytes that an attacker may have written.
///
/// Stricter than the grammar where a lenient reader becomes a hole: member names are unique, strings hold no U+0000
/// and no lone surrogate, numbers are finite. Time is linear in the input. Nesting is bounded, so the stack is; memory
/// stays below 48 times the input (an element of two bytes such as `0,` becomes a value of 24, in an array that grows by
/// doubling), so whoever bounds the input bounds the memory.
struct JSONParser {
    /// The longest spelling of a number: any double is written exactly enough in far fewer digits.
    static let maximumNumberLength = 256

    /// From here on a set finds duplicate member names: comparing all pairs would be quadratic.
    static let linearNameLimit = 16

    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private var offset = 0
    private var depth = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// The one value that the bytes hold, with nothing but white space around it.
    mutating func document() throws(JSONError) -> JSONValue {
        skipSpace()
        let value = try value()
        skipSpace()
        guard offset == bytes.count else { throw expected("the end of the text") }
        return value
    }

    // MARK: Values

    private mutating func value() throws(JSONError) -> JSONValue {
        guard offset < bytes.count else { throw expected("a value") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .boolean(true))
        case UInt8(ascii: "f"): return try literal("false", .boolean(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw expected("a value")
        }
    }

    private mutating func object() throws(JSONError) -> JSONObject {
        try descend()
        var members: [(name: String, value: JSONValue)] = []
        var names: Set<String> = []
        offset += 1
        skipSpace()
        if take(UInt8(ascii: "}")) {
            depth -= 1
            return JSONObject()
        }
        while true {
            let start = offset
            guard peek() == UInt8(ascii: "\"") else { throw expected("a member name") }
            let name = try string()
            if members.count < Self.linearNameLimit {
                guard !members.contains(where: { $0.name == name }) else {
                    throw JSONError(offset: start, expected: "each member name once")
                }
            } else {
                if names.isEmpty { names = Set(members.lazy.map(\.name)) }
                guard names.insert(name).inserted else {
                    throw JSONError(offset: start, expected: "each member name once")
                }
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw expected("':'") }
            skipSpace()
            members.append((name, try value()))
            skipSpace()
            if take(UInt8(ascii: ",")) {
                skipSpace()
                continue
            }
            guard take(UInt8(ascii: "}")) else { throw expected("',' or '}'") }
            depth -= 1
            return JSONObject(distinctMembers: members)
        }
    }

    private mutating func array() throws(JSONError) -> [JSONValue] {
        try descend()
        var elements: [JSONValue] = []
        offset += 1
        skipSpace()
        if take(UInt8(ascii: "]")) {
            depth -= 1
            return elements
        }
        while true {
            elements.append(try value())
            skipSpace()
            if take(UInt8(ascii: ",")) {
                skipSpace()
                continue
            }
            guard take(UInt8(ascii: "]")) else { throw expected("',' or ']'") }
            depth -= 1
            return elements
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = text.utf8CodeUnitCount
        let matches =
            offset + length <= bytes.count
            && text.withUTF8Buffer { $0.elementsEqual(bytes[offset..<offset + length]) }
        guard matches else { throw expected("a value") }
        offset += length
        return value
    }

    // MARK: Numbers

    /// An integer where the spelling is one and it fits 64 bits, else the nearest double.
    private mutating func number() throws(JSONError) -> JSONValue {
        let start = offset
        let negative = take(UInt8(ascii: "-"))
        // Summed up as a negative number: the range reaches one farther there.
        var sum: Int64 = 0
        var fits = true
        let digits = offset
        while let digit = takeDigit() {
            let (product, productOverflow) = sum.multipliedReportingOverflow(by: 10)
            let (next, overflow) = product.subtractingReportingOverflow(Int64(digit))
            if productOverflow || overflow { fits = false }
            sum = next
        }
        guard offset > digits else { throw expected("a digit") }
        guard bytes[digits] != UInt8(ascii: "0") || offset == digits + 1 else {
            throw JSONError(offset: digits, expected: "a number without leading zeros")
        }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try someDigits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try someDigits()
        }
        if isInteger && fits && (negative || sum != .min) { return .integer(negative ? sum : -sum) }
        guard offset - start <= Self.maximumNumberLength else {
            throw JSONError(offset: start, expected: "a number of at most \(Self.maximumNumberLength) characters")
        }
        guard let value = Double(String(decoding: bytes[start..<offset], as: UTF8.self)), value.isFinite else {
            throw JSONError(offset: start, expected: "a number in the range of a double")
        }
        return .number(value)
    }

    private mutating func someDigits() throws(JSONError) {
        guard takeDigit() != nil else { throw expected("a digit") }
        while takeDigit() != nil {}
    }

    private mutating func takeDigit() -> UInt8? {
        guard let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        offset += 1
        return byte - UInt8(ascii: "0")
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        var isASCII = true
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                let text = UnsafeBufferPointer(rebasing: bytes[start..<offset])
                offset += 1
                if isASCII { return String(decoding: text, as: UTF8.self) }
                return try validated(text, at: start)
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20:
                throw expected("a control character to be escaped")
            default:
                if byte >= 0x80 { isASCII = false }
                offset += 1
            }
        }
        throw expected("'\"'")
    }

    /// A string with escapes: what was read so far is copied, and the rest piece by piece.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<offset])
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                // The offset of the error is the string's: escapes moved the bytes.
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw JSONError(offset: start, expected: "UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                try escape(into: &text)
            case 0..<0x20:
                throw expected("a control character to be escaped")
            default:
                text.append(byte)
                offset += 1
            }
        }
        throw expected("'\"'")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        guard let byte = peek() else { throw expected("an escape") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
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
            text.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
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

    private func validated(_ text: UnsafeBufferPointer<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw JSONError(offset: start, expected: "UTF-8")
        }
        return string
    }

    // MARK: Bytes

    private mutating func descend() throws(JSONError) {
        guard depth < maximumDepth else { throw expected("at most \(maximumDepth) levels of nesting") }
        depth += 1
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private func expected(_ what: String) -> JSONError { JSONError(offset: offset, expected: what) }
}

// MARK: - Parsing

extension JSONValue {
    /// How deep arrays and objects may nest unless told otherwise.
    public static let defaultMaximumDepth = 64

    /// Reads the one JSON value that the bytes hold; see RFC 8259.
    ///
    /// Refused beyond the grammar: a member name twice, U+0000 in a string, numbers outside the range of a double. An
    /// integer outside of 64 bits becomes the nearest double.
    public init(
        parsing bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = defaultMaximumDepth
    ) throws(JSONError) {
        var parser = JSONParser(bytes, maximumDepth: maximumDepth)
        self = try parser.document()
    }

    /// Reads the one JSON value that the bytes hold.
    public init(parsing bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth) throws(JSONError) {
        let result = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(JSONError) in try JSONValue(parsing: bytes, maximumDepth: maximumDepth) }
        }
        self = try result.get()
    }

    /// Reads the one JSON value that the text is.
    public init(parsing text: String, maximumDepth: Int = defaultMaximumDepth) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }
}
