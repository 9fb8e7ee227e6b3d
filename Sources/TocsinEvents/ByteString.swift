/// Text as the kernel keeps it: bytes without NUL that are usually, but need not be, UTF-8.
///
/// Paths and arguments are whatever a process, perhaps an attacker's, chose. They are kept exactly and are made
/// readable only where they are shown.
public struct ByteString: Hashable, Sendable {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(_ string: String) { bytes = Array(string.utf8) }

    /// Readable form: what is not UTF-8 is replaced by U+FFFD.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether `string` loses nothing.
    public var isUTF8: Bool { bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil }

    /// What follows the last `/`.
    public var lastComponent: ArraySlice<UInt8> {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return bytes[...] }
        return bytes[(slash + 1)...]
    }
}

extension ByteString: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) { self.init(value) }
    public var description: String { string }
}
