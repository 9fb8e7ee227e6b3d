/// Which boot of the machine: the kernel's random UUID (`/proc/sys/kernel/random/boot_id`).
package struct BootID: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// What every entity id of this boot is mixed with.
    package let mask: UInt64

    /// nil where the text is not a UUID.
    package init?(_ text: String) {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12],
            let high = UInt64(groups[0...2].joined(), radix16: 16), let low = UInt64(groups[3...].joined(), radix16: 16)
        else { return nil }
        description = text
        mask = (high.mixed &+ low).mixed
    }
}

extension UInt64 {
    /// Steele and others' SplitMix64 finalizer: a bijection that spreads every bit over all.
    package var mixed: UInt64 {
        var value = (self ^ self >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    fileprivate init?(_ digits: some Sequence<UInt8>, radix16 count: Int) {
        // The integer parser would take a sign.
        let text = String(decoding: Array(digits), as: UTF8.self)
        guard text.utf8.count == count, text.utf8.first != UInt8(ascii: "+"), let value = UInt64(text, radix: 16)
        else { return nil }
        self = value
    }
}
