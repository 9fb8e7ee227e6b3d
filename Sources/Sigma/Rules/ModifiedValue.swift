import YAML

/// One value of a detection item on its way through the modifiers.
struct ModifiedValue {
    enum Kind {
        case text(TextPattern)
        case number(SigmaNumber)
        case boolean(Bool)
        case null
        case regex(RegexFlags)
        case network(Network)
        case comparison(Comparison, SigmaNumber)
        case reference(String, FieldComparison)
        case exists(Bool)
        case datePart(DatePart, Comparison, SigmaNumber)
    }

    var kind: Kind
    /// The value as the rule's author wrote it.
    let source: String
    let position: YAMLPosition

    init(_ node: YAMLNode) throws(RuleError) {
        guard let scalar = node.scalar else {
            throw RuleError(.detection, "expected a value, found \(node.kind)", at: node.position)
        }
        source = scalar.text
        position = node.position
        kind =
            switch scalar.value {
            case .null: .null
            case .boolean(let value): .boolean(value)
            case .integer(let value): .number(SigmaNumber(value))
            // A number beyond 64 bits would lose digits: it is compared as the text it is.
            case .float(let value) where value.isFinite && abs(value) < 9e15: .number(SigmaNumber(value))
            case .float: .text(TextPattern(escaped: scalar.text))
            case .string: .text(TextPattern(escaped: scalar.text))
            }
    }

    /// What the value tests in the end.
    func test(isKeyword: Bool) throws(RuleError) -> (test: ValueTest, isNegated: Bool) {
        switch kind {
        case .text(var pattern):
            guard pattern.isText else {
                throw RuleError(
                    .modifier, "the encoded value is not text, so no field could hold it; base64 is missing",
                    at: position)
            }
            if isKeyword {
                pattern.openStart()
                pattern.openEnd()
            }
            return (.text(pattern), false)
        case .number(let number):
            guard !isKeyword else { return (.text(substring()), false) }
            return (.number(number, text: Array(source.utf8)), false)
        case .boolean(let value):
            guard !isKeyword else { return (.text(substring()), false) }
            return (.text(TextPattern(literal: Array((value ? "true" : "false").utf8))), false)
        case .null:
            guard !isKeyword else {
                throw RuleError(.detection, "null needs a field; it is no keyword", at: position)
            }
            return (.null, false)
        case .regex(let flags):
            do {
                return (.regex(try RegexPattern(source, flags: flags)), false)
            } catch {
                throw RuleError(
                    .regex, "\(error.reason), at character \(error.offset + 1) of the expression", at: position)
            }
        case .network(let network): return (.network(network), false)
        case .comparison(let comparison, let number): return (.comparison(comparison, number), false)
        case .reference(let field, let comparison): return (.reference(field, comparison), false)
        case .exists(let value): return (.exists, !value)
        case .datePart(let part, let comparison, let number): return (.datePart(part, comparison, number), false)
        }
    }

    private func substring() -> TextPattern {
        TextPattern(tokens: [.anyRun, .literal(Array(source.utf8)), .anyRun])
    }
}
