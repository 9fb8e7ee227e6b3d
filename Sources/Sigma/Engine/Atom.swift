/// A test made ready for evaluation. Equal tests of different rules are one atom.
struct Atom: Sendable {
    enum Test: Sendable {
        case glob(Glob)
        case regex(RegexPattern)
        case number(SigmaNumber, text: [UInt8])
        case comparison(Comparison, SigmaNumber)
        case network(Network)
        case null
        case exists
        case reference(field: Int, FieldComparison)
        case datePart(DatePart, Comparison, SigmaNumber)
    }

    /// nil is any value of the event.
    let field: Int?
    let test: Test

    /// Evaluates the test on every element of the field; one is enough.
    func holds(in event: borrowing FieldValues, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch test {
        case .null:
            guard let field, event.heads[field] >= 0 else { return true }
            return any(in: event) { $0.text == nil }
        case .exists: return field.map { event.heads[$0] >= 0 } ?? false
        case .glob(let glob):
            return any(in: event) { entry in entry.text.map { glob.matches(bytes.part($0)) } ?? false }
        case .regex(let pattern):
            return any(in: event) { entry in entry.text.map { pattern.matches(bytes.part($0)) } ?? false }
        case .number(let number, let text):
            return any(in: event) { entry in
                if let value = entry.number { return value.isEqual(to: number) }
                return entry.text.map { bytes.part($0).elementsEqual(text) } ?? false
            }
        case .comparison(let comparison, let number):
            return any(in: event) { entry in
                guard let text = entry.text, let value = entry.number ?? SigmaNumber(decimal: bytes.part(text)) else {
                    return false
                }
                return comparison.holds(value, number)
            }
        case .network(let network):
            return any(in: event) { entry in
                guard let text = entry.text, let address = IPAddress(bytes.part(text)) else { return false }
                return network.contains(address)
            }
        case .datePart(let part, let comparison, let number):
            return any(in: event) { entry in
                guard let text = entry.text, let value = part.value(of: bytes.part(text)) else { return false }
                return comparison.holds(SigmaNumber(value), number)
            }
        case .reference(let other, let comparison):
            return any(in: event) { left in
                guard let left = left.text else { return false }
                return Self.any(in: event, field: other) { right in
                    right.text.map { comparison.holds(bytes.part(left), bytes.part($0)) } ?? false
                }
            }
        }
    }

    private func any(in event: borrowing FieldValues, _ body: (FieldValues.Entry) -> Bool) -> Bool {
        guard let field else {
            for entry in event.entries where body(entry) { return true }
            return false
        }
        return Self.any(in: event, field: field, body)
    }

    private static func any(
        in event: borrowing FieldValues, field: Int, _ body: (FieldValues.Entry) -> Bool
    ) -> Bool {
        var index = event.heads[field]
        while index >= 0 {
            let entry = event.entries[index]
            if body(entry) { return true }
            index = entry.next
        }
        return false
    }
}

extension UnsafeRawBufferPointer {
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}

extension FieldComparison {
    /// ASCII case aside.
    func holds(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        func equal(at offset: Int) -> Bool {
            for index in right.indices where left[offset + index].asciiLowercased != right[index].asciiLowercased {
                return false
            }
            return true
        }
        guard left.count >= right.count else { return false }
        switch self {
        case .equal: return left.count == right.count && equal(at: 0)
        case .startsWith: return equal(at: 0)
        case .endsWith: return equal(at: left.count - right.count)
        case .contains: return Self.contains(left, right)
        }
    }

    /// Knuth-Morris-Pratt: both texts are the event's, so a naive search would be quadratic at an attacker's will.
    private static func contains(_ text: UnsafeRawBufferPointer, _ pattern: UnsafeRawBufferPointer) -> Bool {
        guard !pattern.isEmpty else { return true }
        var border = [0]
        border.reserveCapacity(pattern.count)
        var length = 0
        for index in 1..<max(1, pattern.count) {
            while length > 0, pattern[index].asciiLowercased != pattern[length].asciiLowercased {
                length = border[length - 1]
            }
            if pattern[index].asciiLowercased == pattern[length].asciiLowercased { length += 1 }
            border.append(length)
        }
        var matched = 0
        for byte in text {
            while matched > 0, byte.asciiLowercased != pattern[matched].asciiLowercased {
                matched = border[matched - 1]
            }
            if byte.asciiLowercased == pattern[matched].asciiLowercased { matched += 1 }
            if matched == pattern.count { return true }
        }
        return false
    }
}

// MARK: - Literals

extension ValueTest {
    /// The literals that decide the test or have to occur for it to hold, and how. nil where there are none: then the
    /// test is evaluated whenever it is asked for.
    var literals: [(bytes: [UInt8], kind: LiteralUse.Kind)]? {
        switch self {
        case .text(let pattern):
            let texts = pattern.tokens.compactMap { if case .literal(let bytes) = $0 { bytes } else { nil } }
            guard let longest = texts.max(by: { $0.count < $1.count }) else { return nil }
            guard texts.count == 1, !pattern.isCased, !pattern.tokens.contains(.anyOne) else {
                return [(longest, .candidate)]
            }
            switch (pattern.tokens.first == .anyRun, pattern.tokens.last == .anyRun) {
            case (true, true): return [(longest, .contains)]
            case (true, false): return [(longest, .suffix)]
            case (false, true): return [(longest, .prefix)]
            case (false, false): return [(longest, .whole)]
            }
        case .regex(let pattern): return pattern.requiredLiterals?.map { ($0, .candidate) }
        default: return nil
        }
    }
}
