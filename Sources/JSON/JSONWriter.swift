/// Writes one JSON text, compact, into memory of its own that is used again for the next.
///
/// Hand-written because every event is encoded once on the event loop: no tree is built, nothing is boxed, and
/// names are `StaticString`s whose bytes are copied as they are. The writer keeps the commas; the caller keeps the
/// nesting balanced.
public struct JSONWriter: ~Copyable, Sendable {
    @usableFromInline var output: ByteWriter
    @usableFromInline var needsComma = false
    /// What `repeated` wrote last, and of what.
    private var latest: (words: SIMD4<UInt64>, text: [UInt8]) = (.zero, [])

    public init(reservingCapacity capacity: Int = 512) { output = ByteWriter(capacity: capacity) }

    /// What has been written so far.
    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result { output.withSpan(body) }

    /// In bytes.
    public var count: Int { output.count }

    /// A copy of it.
    public var bytes: [UInt8] { output.array }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() {
        output.removeAll()
        needsComma = false
    }

    // MARK: Structure

    public mutating func beginObject() {
        separate()
        output.put(UInt8(ascii: "{"))
        needsComma = false
    }

    public mutating func endObject() {
        output.put(UInt8(ascii: "}"))
        needsComma = true
    }

    public mutating func beginArray() {
        separate()
        output.put(UInt8(ascii: "["))
        needsComma = false
    }

    public mutating func endArray() {
        output.put(UInt8(ascii: "]"))
        needsComma = true
    }

    /// The name of the next value. A literal of the program: it must need no escaping.
    @inlinable @inline(__always)
    public mutating func name(_ name: StaticString) {
        output.put(name: name, afterComma: needsComma)
        needsComma = false
    }

    /// A name that is not known at compile time.
    public mutating func name(dynamic name: String) {
        string(name)
        output.put(UInt8(ascii: ":"))
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
        if isNegative { output.put(UInt8(ascii: "-")) }
        output.put(decimal: magnitude)
        needsComma = true
    }

    /// A finite number; JSON has no others, so NaN and infinities become null.
    public mutating func double(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        var text = value.description
        text.withUTF8 { output.put($0) }
        needsComma = true
    }

    public mutating func string(_ value: String) {
        value.utf8Span.span.withUnsafeBufferPointer { _ = string(utf8: $0) }
    }

    /// Bytes that are usually UTF-8: what is not is replaced by U+FFFD, one for each maximal bad run as in
    /// `String(decoding:as:)`. Returns whether nothing was replaced.
    @discardableResult
    public mutating func string(utf8 value: UnsafeBufferPointer<UInt8>) -> Bool {
        separate()
        needsComma = true
        output.put(UInt8(ascii: "\""))
        defer { output.put(UInt8(ascii: "\"")) }
        return output.put(plain: value) || appendEscaped(value)
    }

    /// As `INSTANCE:NUMBER`, sixteen hexadecimal digits and a decimal number: the text of a position in a log.
    public mutating func string(hexadecimal instance: UInt64, decimal number: UInt64) {
        separate()
        output.put(UInt8(ascii: "\""))
        output.put(hexadecimal: instance)
        output.put(UInt8(ascii: ":"))
        output.put(decimal: number)
        output.put(UInt8(ascii: "\""))
        needsComma = true
    }

    /// A value that is often the same many times in a row: then its text is copied.
    ///
    /// - Parameters:
    ///   - words: all that `write` makes the value of.
    ///   - write: always the same one, in the life of the writer.
    public mutating func repeated(_ words: SIMD4<UInt64>, _ write: (inout JSONWriter) -> Void) {
        guard latest.text.isEmpty || latest.words != words else {
            separate()
            latest.text.withUnsafeBufferPointer { output.put($0) }
            needsComma = true
            return
        }
        separate()
        needsComma = false
        let start = count
        write(&self)
        latest = (words, output.array(from: start))
    }

    /// Leaves out a value that others put where the text now ends.
    public mutating func leaveOut() { needsComma = true }

    // MARK: Private

    private mutating func separate() {
        if needsComma { output.put(UInt8(ascii: ",")) }
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        text.withUTF8Buffer { output.put($0) }
        needsComma = true
    }

    /// Returns whether it is UTF-8.
    private mutating func appendEscaped(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        // What is ASCII cannot be wrong; the rest goes through the standard library's repair.
        let tail = value.firstIndex { $0 >= 0x80 } ?? value.endIndex
        appendEscapedASCII(UnsafeBufferPointer(rebasing: value[..<tail]))
        guard tail < value.endIndex else { return true }
        var repaired = String(decoding: value[tail...], as: UTF8.self)
        return repaired.withUTF8 { text in
            appendEscapedASCII(text)
            return text.elementsEqual(value[tail...])
        }
    }

    /// Escapes what must be in valid UTF-8; bytes of longer sequences pass.
    private mutating func appendEscapedASCII(_ value: UnsafeBufferPointer<UInt8>) {
        for byte in value {
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F {
                appendEscape(of: byte)
            } else {
                output.put(byte)
            }
        }
    }

    private mutating func appendEscape(of byte: UInt8) {
        output.put(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.put(byte)
        case UInt8(ascii: "\n"): output.put(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): output.put(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): output.put(UInt8(ascii: "t"))
        default:
            for byte in "u00".utf8 { output.put(byte) }
            output.put(Self.hexDigit(byte >> 4))
            output.put(Self.hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

// MARK: - Members

// Inlined, for the names: see `ByteWriter.put(name:afterComma:)`.

extension JSONWriter {
    @inlinable @inline(__always)
    public mutating func member(_ name: StaticString, _ value: some FixedWidthInteger) {
        self.name(name)
        integer(value)
    }

    @inlinable @inline(__always)
    public mutating func member(_ name: StaticString, _ value: Bool) {
        self.name(name)
        boolean(value)
    }

    @inlinable @inline(__always)
    public mutating func member(_ name: StaticString, _ value: String) {
        self.name(name)
        string(value)
    }

    /// Absent values are left out: Varlink takes absent and null for equal.
    @inlinable @inline(__always)
    public mutating func member(_ name: StaticString, _ value: (some FixedWidthInteger)?) {
        if let value { member(name, value) }
    }

    @inlinable @inline(__always)
    public mutating func member(_ name: StaticString, _ value: String?) {
        if let value { member(name, value) }
    }

    @inlinable @inline(__always)
    public mutating func member(_ name: StaticString, _ values: [String]) {
        self.name(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }
}
