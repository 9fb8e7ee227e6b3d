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

    public var description: String {
        let digits = String(instance, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits + ":\(sequence)"
    }
}
