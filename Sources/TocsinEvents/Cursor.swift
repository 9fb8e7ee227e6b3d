/// A position in the event log: the reader has seen everything up to and including `sequence`.
///
/// Written as `INSTANCE:SEQUENCE`, 16 hexadecimal digits and a decimal number. The instance names one life of the log;
/// a cursor of another instance has expired.
public struct Cursor: Hashable, Sendable {
    public var instance: UInt64
    public var sequence: UInt64

    public init(instance: UInt64, sequence: UInt64) {
        self.instance = instance
        self.sequence = sequence
    }
}

extension Cursor: CustomStringConvertible {
    /// nil where the text is not a cursor.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16,
            // The integer parser would take a sign.
            parts[0].utf8.first != UInt8(ascii: "+"), parts[1].utf8.first != UInt8(ascii: "+"),
            let instance = UInt64(parts[0], radix: 16), let sequence = UInt64(parts[1])
        else { return nil }
        self.init(instance: instance, sequence: sequence)
    }

    public var description: String { withText { String(decoding: $0, as: UTF8.self) } }

    /// The text, without allocating: every event carries its cursor.
    func withText<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        // 16 digits, the colon, and at most 20 digits of 64 bits.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 37) { text in
            var start = 37
            var rest = sequence
            repeat {
                start -= 1
                text.initializeElement(at: start, to: UInt8(ascii: "0") + UInt8(rest % 10))
                rest /= 10
            } while rest > 0
            start -= 1
            text.initializeElement(at: start, to: UInt8(ascii: ":"))
            rest = instance
            for _ in 0..<16 {
                start -= 1
                let digit = UInt8(rest & 15)
                text.initializeElement(
                    at: start, to: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                rest >>= 4
            }
            return body(UnsafeBufferPointer(rebasing: text[start...]))
        }
    }
}
