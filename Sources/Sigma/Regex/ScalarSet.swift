/// A set of code points: sorted ranges that neither overlap nor touch.
struct ScalarSet: Hashable, Sendable {
    static let highest: UInt32 = 0x10FFFF

    private(set) var ranges: [ClosedRange<UInt32>]

    init(_ ranges: [ClosedRange<UInt32>]) {
        self.ranges = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound + 1 {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

    static let digits = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// PCRE's `\s`: vertical tab included, which RE2's leaves out.
    static let space = ScalarSet([0x09...0x0D, 0x20...0x20])
    static let newline = ScalarSet([0x0A...0x0A])
    static let everything = ScalarSet([0...highest])

    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.highest { gaps.append(next...Self.highest) }
        return ScalarSet(gaps)
    }

    /// With the other case of every ASCII letter. Nothing else folds, as in string values.
    var foldingASCII: ScalarSet {
        ScalarSet(
            ranges
                + ranges.flatMap { range in
                    [(UInt32(0x41)...0x5A, Int32(32)), (0x61...0x7A, -32)].compactMap { letters, distance in
                        let low = max(range.lowerBound, letters.lowerBound)
                        let high = min(range.upperBound, letters.upperBound)
                        guard low <= high else { return nil }
                        return UInt32(Int32(low) + distance)...UInt32(Int32(high) + distance)
                    }
                })
    }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    func contains(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }

    /// The members, lower case where ASCII has it; nil where they are more than `limit`.
    func foldedMembers(limit: Int) -> [Unicode.Scalar]? {
        guard ranges.reduce(0, { $0 + $1.count }) <= 2 * limit else { return nil }
        var members: [Unicode.Scalar] = []
        for value in ranges.joined() {
            guard let scalar = Unicode.Scalar((0x41...0x5A).contains(value) ? value + 32 : value) else { return nil }
            if !members.contains(scalar) { members.append(scalar) }
        }
        return members.count <= limit ? members : nil
    }
}
