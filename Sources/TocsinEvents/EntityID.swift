/// Which boot of the machine: the kernel's random UUID (`/proc/sys/kernel/random/boot_id`).
package struct BootID: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// What every entity id of this boot is mixed with.
    fileprivate let mask: UInt64

    /// nil where the text is not a UUID.
    package init?(_ text: String) {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12],
            let high = UInt64(groups[0...2].joined(), radix16: 16), let low = UInt64(groups[3...].joined(), radix16: 16)
        else { return nil }
        description = text
        mask = EntityID.mix(EntityID.mix(high) &+ low)
    }
}

/// Names a process for ever: its number is given to others, this is not.
package enum EntityID {
    /// 13 characters of base 32, which Swift keeps without allocating.
    ///
    /// Number and start time fit into 64 bits exactly (22 and 42), and the mixing can be undone: two processes of one
    /// boot never share an id. The start time counts in clock ticks, because /proc knows no more; so ids made from the
    /// kernel's nanoseconds and from /proc are equal, and a number cannot come round within one tick.
    package static func make(boot: BootID, pid: Int32, startTimeNSec: UInt64) -> String {
        // PID_MAX_LIMIT is 2^22.
        let ticks = startTimeNSec / 10_000_000
        var value = mix((UInt64(UInt32(bitPattern: pid)) << 42 | ticks & (1 << 42 - 1)) ^ boot.mask)
        return String(unsafeUninitializedCapacity: 13) { text in
            for index in (0..<13).reversed() {
                let digit = UInt8(truncatingIfNeeded: value & 31)
                text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                value >>= 5
            }
            return 13
        }
    }

    /// Steele and others' SplitMix64 finalizer: a bijection that spreads every bit over all.
    fileprivate static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

extension UInt64 {
    fileprivate init?(_ digits: some Sequence<UInt8>, radix16 count: Int) {
        // The integer parser would take a sign.
        let text = String(decoding: Array(digits), as: UTF8.self)
        guard text.utf8.count == count, text.utf8.first != UInt8(ascii: "+"), let value = UInt64(text, radix: 16)
        else { return nil }
        self = value
    }
}
