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
        var value = (bits ^ boot.mask).mixed
        return String(unsafeUninitializedCapacity: 13) { text in
            for index in (0..<13).reversed() {
                let digit = UInt8(truncatingIfNeeded: value & 31)
                text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                value >>= 5
            }
            return 13
        }
    }
}
