import Glibc

extension UnsafeBufferPointer<UInt8> {
    /// Whether the bytes are the same. Names are compared for each call and each member: not byte by byte.
    func isSame(as other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard count > 0, let start = baseAddress, let otherStart = other.baseAddress else { return true }
        return memcmp(start, otherStart, count) == 0
    }

    /// Whether something in a string means another character than is written.
    var hasEscapes: Bool {
        guard let start = baseAddress else { return false }
        return memchr(start, CInt(UInt8(ascii: "\\")), count) != nil
    }
}
