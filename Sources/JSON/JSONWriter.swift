/// Writes one JSON text, compact, into a byte array that the caller may reuse.
///
/// Hand-written because every event is encoded once on the event loop: no tree is built, nothing is boxed, and
/// names are `StaticString`s whose bytes are copied as they are. The writer keeps the commas; the caller keeps the
/// nesting balanced.
public struct JSONWriter: Sendable {
    /// What has been written so far.
    public private(set) var bytes: [UInt8]
    private var needsComma = false

    public init(reservingCapacity capacity: Int = 512) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    // MARK: Structure

    public mutating func beginObject() {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
    }

    public mutating func endObject() {
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    public mutating func beginArray() {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
    }

    public mutating func endArray() {
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// The name of the next value. A literal of the program: it must need no escaping.
    public mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A name that is not known at compile time.
    public mutating func name(dynamic name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: Values

    public mutating func null() { literal("null") }
    public mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }

    @inlinable
    public mutating func integer(_ value: some FixedWidthInteger) {
        integer(isNegative: value < 0, magnitude: UInt64(value.magnitude))
    }

    /// Not generic, so that it is compiled for what it is called with wherever that is.
    @usableFromInline
    mutating func integer(isNegative: Bool, magnitude: UInt64) {
        separate()
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        var rest = magnitude
        // Filled from the end in place: to write the digits backwards and reverse the slice would copy it.
        var index = bytes.count + Self.digitCount(rest)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: index - bytes.count))
        repeat {
            index -= 1
            bytes[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        needsComma = true
    }

    /// A finite number; JSON has no others, so NaN and infinities become null.
    public mutating func double(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        bytes.append(contentsOf: value.description.utf8)
        needsComma = true
    }

    public mutating func string(_ value: String) {
        var value = value
        value.withUTF8 { string(utf8: $0) }
    }

    /// Bytes that are usually UTF-8: what is not is replaced by U+FFFD, one for each maximal bad run as in
    /// `String(decoding:as:)`.
    public mutating func string(utf8 value: UnsafeBufferPointer<UInt8>) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        appendEscaped(value)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    /// JSON that was encoded before.
    public mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
        needsComma = true
    }

    // MARK: Private

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
        needsComma = true
    }

    private mutating func appendEscaped(_ value: UnsafeBufferPointer<UInt8>) {
        var run = 0
        for index in value.indices {
            let byte = value[index]
            if byte >= 0x80 {
                // Rare: the whole value goes the slow way, through the standard library's repair.
                bytes.append(contentsOf: value[run..<index])
                var repaired = String(decoding: value[index...], as: UTF8.self)
                repaired.withUTF8 { appendEscapedASCII($0) }
                return
            }
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F {
                bytes.append(contentsOf: value[run..<index])
                appendEscape(of: byte)
                run = index + 1
            }
        }
        bytes.append(contentsOf: value[run...])
    }

    /// Escapes what must be in valid UTF-8; bytes of longer sequences pass.
    private mutating func appendEscapedASCII(_ value: UnsafeBufferPointer<UInt8>) {
        for byte in value {
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F {
                appendEscape(of: byte)
            } else {
                bytes.append(byte)
            }
        }
    }

    private mutating func appendEscape(of byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(Self.hexDigit(byte >> 4))
            bytes.append(Self.hexDigit(byte & 15))
        }
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

// MARK: - Members

extension JSONWriter {
    @inlinable
    public mutating func member(_ name: StaticString, _ value: some FixedWidthInteger) {
        self.name(name)
        integer(value)
    }

    public mutating func member(_ name: StaticString, _ value: Bool) {
        self.name(name)
        boolean(value)
    }

    public mutating func member(_ name: StaticString, _ value: String) {
        self.name(name)
        string(value)
    }

    /// Absent values are left out: Varlink takes absent and null for equal.
    @inlinable
    public mutating func member(_ name: StaticString, _ value: (some FixedWidthInteger)?) {
        if let value { member(name, value) }
    }

    public mutating func member(_ name: StaticString, _ value: String?) {
        if let value { member(name, value) }
    }

    public mutating func member(_ name: StaticString, _ values: [String]) {
        self.name(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }
}
