import YAML

/// Turns a search identifier's definition into an expression.
///
/// A map is AND over its items, a list of maps OR, a plain list keywords. The values of an item are OR unless `all`
/// says AND; `neq` negates the item as a whole.
enum DetectionParser {
    static func parse(_ node: YAMLNode) throws(RuleError) -> Expression {
        switch node.content {
        case .mapping(let mapping): return try map(mapping, at: node.position)
        case .scalar: return try item(field: nil, modifiers: [], [node], at: node.position)
        case .sequence(let nodes):
            guard !nodes.isEmpty else {
                throw RuleError(.detection, "an empty list matches nothing", at: node.position)
            }
            if nodes.allSatisfy({ $0.scalar != nil }) {
                return try item(field: nil, modifiers: [], nodes, at: node.position)
            }
            var alternatives: [Expression] = []
            for element in nodes {
                guard element.sequence == nil else {
                    throw RuleError(.detection, "a list within a list of selections", at: element.position)
                }
                alternatives.append(try parse(element))
            }
            return .any(alternatives)
        }
    }

    private static func map(_ mapping: YAMLMapping, at position: YAMLPosition) throws(RuleError) -> Expression {
        guard !mapping.pairs.isEmpty else { throw RuleError(.detection, "an empty selection", at: position) }
        var items: [Expression] = []
        for pair in mapping.pairs {
            let parts = pair.key.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            var modifiers: [Modifier] = []
            for name in parts.dropFirst() {
                guard let modifier = Modifier(name: name) else {
                    throw RuleError(.modifier, "unknown modifier \(quoted(name))", at: pair.keyPosition)
                }
                modifiers.append(modifier)
            }
            items.append(
                try item(
                    field: parts[0].isEmpty ? nil : parts[0], modifiers: modifiers, pair.value.sequence ?? [pair.value],
                    at: pair.keyPosition))
        }
        return .all(items)
    }

    private static func item(
        field: String?, modifiers: [Modifier], _ nodes: [YAMLNode], at position: YAMLPosition
    ) throws(RuleError) -> Expression {
        var values: [Expression] = []
        for node in nodes {
            var alternatives = [try ModifiedValue(node)]
            var isFirst = true
            for modifier in modifiers where modifier != .all && modifier != .neq {
                var modified: [ModifiedValue] = []
                for value in alternatives { modified += try modifier.apply(to: value, isFirst: isFirst) }
                alternatives = modified
                isFirst = false
            }
            var tests: [Expression] = []
            for value in alternatives {
                let (test, isNegated) = try value.test(isKeyword: field == nil)
                if field == nil { try checkKeyword(test, at: node.position) }
                let predicate = Expression.predicate(Predicate(field: field, test: test))
                tests.append(isNegated ? .not(predicate) : predicate)
            }
            values.append(tests.count == 1 ? tests[0] : .any(tests))
        }
        if values.isEmpty {
            // A list without values says what null says.
            guard let field else { throw RuleError(.detection, "keywords without a value", at: position) }
            values = [.predicate(Predicate(field: field, test: .null))]
        }
        let joined = values.count == 1 ? values[0] : modifiers.contains(.all) ? .all(values) : .any(values)
        return modifiers.contains(.neq) ? .not(joined) : joined
    }

    private static func checkKeyword(_ test: ValueTest, at position: YAMLPosition) throws(RuleError) {
        switch test {
        case .text, .regex: return
        default: throw RuleError(.modifier, "this modifier needs a field in front of it", at: position)
        }
    }
}

extension Modifier {
    /// Also the long names of the flags that pySigma takes.
    init?(name: String) {
        switch name {
        case "ignorecase": self = .ignoreCase
        case "multiline": self = .multiline
        case "dotall": self = .dotAll
        default: self.init(rawValue: name)
        }
    }
}
