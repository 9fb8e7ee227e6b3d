/// An IP address: 4 or 16 bytes, network order.
struct IPAddress: Hashable, Sendable {
    let bytes: [UInt8]

    /// Dotted decimal (four parts, no leading zeros) or RFC 4291 text, without a zone. nil for anything else.
    init?(_ text: some Collection<UInt8>) {
        guard text.count <= 45 else { return nil }
        let text = Array(text)
        guard let bytes = text.contains(UInt8(ascii: ":")) ? Self.version6(text) : Self.version4(text[...]) else {
            return nil
        }
        self.bytes = bytes
    }

    private static func version4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                part.count == 1 || part.first != UInt8(ascii: "0"),
                let byte = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: [UInt8]) -> [UInt8]? {
        // At most one "::" splits the groups in those before and those behind the zeros.
        var halves: [[UInt8]] = []
        var parts: [ArraySlice<UInt8>] = [text[...]]
        if let gap = text.indices.dropLast().first(where: { text[$0] == 0x3A && text[$0 + 1] == 0x3A }) {
            parts = [text[..<gap], text[(gap + 2)...]]
        }
        for (index, part) in parts.enumerated() {
            guard let half = groups(part, mayEndInVersion4: index == parts.count - 1) else { return nil }
            halves.append(half)
        }
        if halves.count == 1 { return halves[0].count == 16 ? halves[0] : nil }
        let missing = 16 - halves[0].count - halves[1].count
        return missing >= 2 ? halves[0] + Array(repeating: 0, count: missing) + halves[1] : nil
    }

    private static func groups(_ text: ArraySlice<UInt8>, mayEndInVersion4: Bool) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        let groups = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, group) in groups.enumerated() {
            if mayEndInVersion4, index == groups.count - 1, group.contains(UInt8(ascii: ".")) {
                guard let tail = version4(group) else { return nil }
                bytes += tail
                continue
            }
            guard (1...4).contains(group.count), group.first != UInt8(ascii: "+"), group.first != UInt8(ascii: "-"),
                let value = UInt16(String(decoding: group, as: UTF8.self), radix: 16)
            else { return nil }
            bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
        }
        return bytes
    }
}

/// A CIDR block. An IPv4 block never holds an IPv6 address, nor the reverse.
struct Network: Hashable, Sendable {
    let address: IPAddress
    let prefix: Int

    /// `ADDRESS/PREFIX`, or an address alone. nil where that is no block, or where bits behind the prefix are set.
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        self.address = address
        if parts.count == 2 {
            guard parts[1].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let prefix = Int(Substring(parts[1])),
                prefix <= address.bytes.count * 8
            else { return nil }
            self.prefix = prefix
        } else {
            prefix = address.bytes.count * 8
        }
        for bit in prefix..<(address.bytes.count * 8) where address.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 {
            return nil
        }
    }

    func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = prefix / 8
        guard other.bytes[..<whole] == address.bytes[..<whole] else { return false }
        guard prefix % 8 != 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> (prefix % 8))
        return other.bytes[whole] & mask == address.bytes[whole] & mask
    }
}
