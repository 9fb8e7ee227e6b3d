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

/// Who a process is, within one boot: number and start time in 64 bits (22 and 42), which is what its entity id is made
/// of.
///
/// The start time counts in clock ticks, because /proc knows no more; so what is made from the kernel's nanoseconds and
/// from /proc is equal, and a number cannot come round within one tick.
package struct ProcessKey: Hashable, Sendable {
    @usableFromInline package let bits: UInt64

    package init(pid: Int32, startTimeNSec: UInt64) {
        // PID_MAX_LIMIT is 2^22.
        bits = UInt64(UInt32(bitPattern: pid)) << 42 | startTimeNSec / 10_000_000 & (1 << 42 - 1)
    }

    @inlinable package var pid: Int32 { Int32(bits >> 42) }
    @inlinable package var startTicks: UInt64 { bits & (1 << 42 - 1) }

    // Inlined, where they look for one in a table.
    @inlinable package static func == (left: Self, right: Self) -> Bool { left.bits == right.bits }
    @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(bits) }
}

extension Process {
    package var key: ProcessKey { ProcessKey(pid: self.pid, startTimeNSec: self.startTimeNSec) }
}

/// Names a process for ever: its number is given to others, this is not.
package enum EntityID {
    /// 13 characters of base 32, which Swift keeps without allocating.
    ///
    /// The mixing can be undone: two processes of one boot never share an id.
    package static func make(boot: BootID, pid: Int32, startTimeNSec: UInt64) -> String {
        var value = mix(ProcessKey(pid: pid, startTimeNSec: startTimeNSec).bits ^ boot.mask)
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
