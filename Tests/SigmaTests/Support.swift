@testable import Sigma

/// A field's value in a test's event.
enum Value: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByFloatLiteral
{
    case text(String), bytes([UInt8]), integer(Int64), float(Double), boolean(Bool), null
    case list([Value])

    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(floatLiteral value: Double) { self = .float(value) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
    init(nilLiteral: ()) { self = .null }
    init(arrayLiteral elements: Value...) { self = .list(elements) }
}

typealias Fields = [String: Value]

extension FieldValues {
    init(_ fields: Fields, for rules: RuleSet) {
        self.init(for: rules)
        for (name, value) in fields { add(value, to: rules.field(name)) }
    }

    private mutating func add(_ value: Value, to field: FieldID?) {
        switch value {
        case .text(let text): add(field, text)
        case .bytes(let bytes): add(field, bytes)
        case .integer(let integer): add(field, integer: integer)
        case .float(let float): add(field, double: float)
        case .boolean(let boolean): add(field, boolean: boolean)
        case .null: addNull(field)
        case .list(let elements): for element in elements { add(element, to: field) }
        }
    }
}

let processes = LogSource(category: "process_creation", product: "linux")
let files = LogSource(category: "file_event", product: "linux")

/// A rule with the given detection section, whose lines are indented by two.
func ruleText(_ detection: String, id: String = "r", extra: String = "") -> String {
    let lines = detection.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
    return """
        title: Rule \(id)
        id: \(id)
        logsource: {category: process_creation, product: linux}
        detection:
        \(lines.joined(separator: "\n"))
        \(extra)
        """
}

func ruleSet(_ texts: String..., streams: [LogSource] = [processes, files]) -> RuleSet {
    var collection = RuleCollection()
    for (index, text) in texts.enumerated() { collection.add(text, file: "f\(index).yml") }
    return RuleSet(collection, streams: streams)
}

struct Refused: Error, CustomStringConvertible {
    let description: String
}

/// Whether a rule with this detection section matches an event.
func matches(_ detection: String, _ fields: Fields) throws -> Bool {
    let rules = ruleSet(ruleText(detection))
    if let refusal = rules.refusals.first { throw Refused(description: refusal.description) }
    return !identifiers(rules, fields).isEmpty
}

/// The same for one item of a selection: `CommandLine|contains: x`.
func holds(_ item: String, _ fields: Fields) throws -> Bool {
    try matches("sel:\n  \(item)\ncondition: sel", fields)
}

func identifiers(_ rules: RuleSet, _ fields: Fields) -> [String] {
    var evaluator = Evaluator(rules)
    var matches: [Int] = []
    evaluator.evaluate(FieldValues(fields, for: rules), stream: 0, into: &matches)
    return matches.map { rules.rules[$0].identifier }
}

/// Why a rule with this detection section is refused.
func refusal(_ detection: String, extra: String = "") -> Refusal? {
    ruleSet(ruleText(detection, extra: extra)).refusals.first
}
