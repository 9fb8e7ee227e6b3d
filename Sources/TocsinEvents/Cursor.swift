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
        var instance: UInt64 = 0
        var sequence: UInt64 = 0
        var length = 0
        for byte in text.utf8 {
            defer { length += 1 }
            switch (length, byte) {
            case (..<16, UInt8(ascii: "0")...UInt8(ascii: "9")):
                instance = instance << 4 | UInt64(byte - UInt8(ascii: "0"))
            case (..<16, UInt8(ascii: "a")...UInt8(ascii: "f")):
                instance = instance << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            case (..<16, UInt8(ascii: "A")...UInt8(ascii: "F")):
                instance = instance << 4 | UInt64(byte - UInt8(ascii: "A") + 10)
            case (16, UInt8(ascii: ":")): break
            case (17..., UInt8(ascii: "0")...UInt8(ascii: "9")):
                let (product, productOverflow) = sequence.multipliedReportingOverflow(by: 10)
                let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
                guard !productOverflow, !overflow else { return nil }
                sequence = sum
            default: return nil
            }
        }
        guard length > 17 else { return nil }
        self.init(instance: instance, sequence: sequence)
    }

    public var description: String {
        let digits = String(instance, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits + ":\(sequence)"
    }
}
