/// A number of a rule or of an event. Integers are compared exactly, mixed kinds as floating point.
enum SigmaNumber: Hashable, Sendable {
    case integer(Int64)
    case float(Double)

    /// Decimal, the shortest that reads back the same.
    var text: String {
        switch self {
        case .integer(let value): value.description
        case .float(let value): value.description
        }
    }

    /// A decimal number as an event may hold it in a string: a sign, digits, a fraction. nil for anything else.
    init?(decimal text: UnsafeRawBufferPointer) {
        guard text.count <= 40 else { return nil }
        let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
        guard let first = digits.first, first != UInt8(ascii: "."), digits.last != UInt8(ascii: "."),
            digits.allSatisfy({ ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || $0 == UInt8(ascii: ".") })
        else { return nil }
        let string = String(decoding: text, as: UTF8.self)
        if let integer = Int64(string) {
            self = .integer(integer)
        } else if let float = Double(string) {
            self = .float(float)
        } else {
            return nil
        }
    }

    init(_ integer: Int64) { self = .integer(integer) }
    init(_ float: Double) { self = .float(float) }

    private var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .float(let value): value
        }
    }

    func isEqual(to other: SigmaNumber) -> Bool {
        if case .integer(let left) = self, case .integer(let right) = other { return left == right }
        return double == other.double
    }

    func isLess(than other: SigmaNumber) -> Bool {
        if case .integer(let left) = self, case .integer(let right) = other { return left < right }
        return double < other.double
    }
}

/// How a number of an event relates to the rule's.
enum Comparison: String, Hashable, Sendable {
    case equal = "eq"
    case less = "lt"
    case lessOrEqual = "lte"
    case greater = "gt"
    case greaterOrEqual = "gte"

    func holds(_ left: SigmaNumber, _ right: SigmaNumber) -> Bool {
        switch self {
        case .equal: left.isEqual(to: right)
        case .less: left.isLess(than: right)
        case .lessOrEqual: left.isLess(than: right) || left.isEqual(to: right)
        case .greater: right.isLess(than: left)
        case .greaterOrEqual: right.isLess(than: left) || left.isEqual(to: right)
        }
    }
}
