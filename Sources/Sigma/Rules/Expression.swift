/// What a rule demands of an event: predicates joined by logic.
indirect enum Expression: Hashable, Sendable {
    case predicate(Predicate)
    case not(Expression)
    /// True where it is empty.
    case all([Expression])
    /// False where it is empty.
    case any([Expression])
}

extension Expression {
    /// Predicates and connectives.
    var size: Int {
        switch self {
        case .predicate: 1
        case .not(let inner): 1 + inner.size
        case .all(let terms), .any(let terms): terms.reduce(1) { $0 + $1.size }
        }
    }
}

/// A test of one field. False where the event lacks the field, except for `null`.
struct Predicate: Hashable, Sendable {
    /// nil is a keyword: any value of the event.
    var field: String?
    var test: ValueTest
}

enum ValueTest: Hashable, Sendable {
    case text(TextPattern)
    case regex(RegexPattern)
    /// Equal as a number, or the number's decimal text. The text is the rule's own.
    case number(SigmaNumber, text: [UInt8])
    case comparison(Comparison, SigmaNumber)
    case network(Network)
    /// Holds of a field that is missing or null.
    case null
    case exists
    case reference(String, FieldComparison)
    case datePart(DatePart, Comparison, SigmaNumber)
}

/// How a field's text relates to another field's; ASCII case is ignored.
enum FieldComparison: Hashable, Sendable {
    case equal, startsWith, endsWith, contains
}
