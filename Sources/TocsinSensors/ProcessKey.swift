import TocsinEvents

/// Who a process is, within one boot: number and start time in 64 bits (22 and 42), which is what its entity id is made
/// of.
///
/// The start time counts in clock ticks, because /proc knows no more; so what is made from the kernel's nanoseconds and
/// from /proc is equal, and a number cannot come round within one tick.
struct ProcessKey: Hashable, Sendable {
    private let bits: UInt64

    init(pid: Int32, startTimeNSec: UInt64) {
        // PID_MAX_LIMIT is 2^22.
        bits = UInt64(UInt32(bitPattern: pid)) << 42 | startTimeNSec / 10_000_000 & (1 << 42 - 1)
    }

    var pid: Int32 { Int32(bits >> 42) }
    var startTicks: UInt64 { bits & (1 << 42 - 1) }
}

extension Process {
    var key: ProcessKey { ProcessKey(pid: self.pid, startTimeNSec: self.startTimeNSec) }
}

extension ProcessKey {
    /// Names the process for ever: its number is given to others, this is not. 13 characters of base 32, which Swift
    /// keeps without allocating.
    ///
    /// The mixing can be undone: two processes of one boot never share an id.
    func entityID(in boot: BootID) -> String {
        let value = (bits ^ boot.mask).mixed
        return String(unsafeUninitializedCapacity: 13) { text in
            let bytes = UnsafeMutableRawBufferPointer(text)
            bytes.storeBytes(of: (value >> 25).base32.bigEndian, as: UInt64.self)
            // The last five of eight, where the others have been.
            bytes.storeBytes(of: value.base32.bigEndian, toByteOffset: 5, as: UInt64.self)
            return 13
        }
    }
}

extension UInt64 {
    /// The low 40 bits in eight digits of base 32, the lowest in the lowest byte. All at once: this is done for every
    /// record.
    fileprivate var base32: UInt64 {
        // From two times 20 bits to four times 10, to eight times 5.
        var digits = self & 0xF_FFFF | (self & 0xFF_FFF0_0000) << 12
        digits = digits & 0x0000_03FF_0000_03FF | (digits & 0x000F_FC00_000F_FC00) << 6
        digits = digits & 0x001F_001F_001F_001F | (digits & 0x03E0_03E0_03E0_03E0) << 3
        // 1 where it is a letter: 10 and more carry into the highest bit of the byte.
        let letters = (digits &+ 0x7676_7676_7676_7676) >> 7 & 0x0101_0101_0101_0101
        return digits &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }
}
