import YAML

/// One document of a rule file.
enum Document {
    case rule(Rule)
    case filter(Filter)
}

/// Turns a YAML document into a rule, a correlation or a filter.
enum DocumentParser {
    static func parse(_ node: YAMLNode, file: String) throws(RuleError) -> Document {
        guard let mapping = node.mapping else {
            throw RuleError(.syntax, "expected a rule, found \(node.kind)", at: node.position)
        }
        if let action = mapping["action"] {
            throw RuleError(
                .unsupported, "“action” documents are deprecated; write each rule out in full", at: action.position)
        }
        guard ["detection", "correlation", "filter", "logsource"].contains(where: { mapping[$0] != nil }) else {
            throw RuleError(.syntax, "not a Sigma rule: no detection, correlation or filter", at: node.position)
        }
        let metadata = try MetadataParser.parse(mapping, at: node.position)
        let line = node.position.line
        if let correlation = mapping["correlation"] {
            return .rule(
                Rule(
                    metadata: metadata, file: file, line: line,
                    body: .correlation(try CorrelationParser.parse(correlation))))
        }
        if let filter = mapping["filter"] {
            let logsource = try MetadataParser.logsource(mapping, at: node.position)
            return .filter(
                try self.filter(filter, metadata: metadata, logsource: logsource, file: file, line: line))
        }
        let logsource = try MetadataParser.logsource(mapping, at: node.position)
        guard let detection = mapping["detection"] else {
            throw RuleError(.detection, "detection is missing", at: node.position)
        }
        let (conditions, expression) = try self.detection(detection, kind: .detection, besides: ["condition"])
        return .rule(
            Rule(
                metadata: metadata, file: file, line: line,
                body: .detection(Detection(logsource: logsource, conditions: conditions, expression: expression))))
    }

    private static func detection(
        _ node: YAMLNode, kind: Refusal.Kind, besides reserved: Set<String>
    ) throws(RuleError) -> (conditions: [String], expression: Expression) {
        guard let mapping = node.mapping else {
            throw RuleError(kind, "expected a mapping of search identifiers, found \(node.kind)", at: node.position)
        }
        if let timeframe = mapping["timeframe"] {
            throw RuleError(
                .unsupported, "timeframe belongs to aggregation, which correlation rules replace",
                at: timeframe.position)
        }
        var selections: [(name: String, expression: Expression)] = []
        for pair in mapping.pairs where !reserved.contains(pair.key) {
            selections.append((pair.key, try DetectionParser.parse(pair.value)))
        }
        guard !selections.isEmpty else { throw RuleError(kind, "no search identifier is defined", at: node.position) }
        guard let condition = mapping["condition"] else {
            throw RuleError(.condition, "condition is missing", at: node.position)
        }
        var conditions: [String] = []
        var expressions: [Expression] = []
        for node in condition.sequence ?? [condition] {
            guard let text = node.scalar.flatMap({ $0.value == .null ? nil : $0.text }) else {
                throw RuleError(.condition, "expected a condition, found \(node.kind)", at: node.position)
            }
            conditions.append(text)
            expressions.append(try ConditionParser.parse(text, selections: selections, at: node.position))
        }
        guard !expressions.isEmpty else { throw RuleError(.condition, "condition is empty", at: condition.position) }
        return (conditions, expressions.count == 1 ? expressions[0] : .any(expressions))
    }

    private static func filter(
        _ node: YAMLNode, metadata: RuleMetadata, logsource: LogSource, file: String, line: Int
    ) throws(RuleError) -> Filter {
        let (conditions, expression) = try detection(node, kind: .filter, besides: ["condition", "rules"])
        guard conditions.count == 1 else {
            throw RuleError(.filter, "a filter has exactly one condition", at: node.position)
        }
        guard let rules = node.mapping?["rules"] else {
            throw RuleError(.filter, "rules is missing; “any” applies the filter to its log source", at: node.position)
        }
        var references: [String]? = []
        for reference in rules.sequence ?? [rules] {
            guard let text = reference.text, !reference.isNull else {
                throw RuleError(
                    .filter, "rules: expected ids or names, found \(reference.kind)", at: reference.position)
            }
            references?.append(text)
        }
        // pySigma reads an empty list as “any”.
        if references == [] || (rules.sequence == nil && references?.first?.lowercased() == "any") { references = nil }
        return Filter(
            metadata: metadata, file: file, line: line, logsource: logsource, rules: references,
            expression: expression)
    }
}
