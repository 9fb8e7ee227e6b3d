import YAML

/// Reads a correlation section. What it refers to is resolved when all files are read.
enum CorrelationParser {
    /// A count above this would make a group's memory large; no such rule is known.
    private static let greatestCount = 10_000

    static func parse(_ node: YAMLNode) throws(RuleError) -> Correlation {
        guard let mapping = node.mapping else { throw error("expected a mapping, found \(node.kind)", node) }
        let known: Set = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"]
        if let unknown = mapping.pairs.first(where: { !known.contains($0.key) }) {
            throw RuleError(.correlation, "unknown attribute \(quoted(unknown.key))", at: unknown.keyPosition)
        }
        let kind = try self.kind(mapping, node)
        let rules = try strings(mapping, "rules", node)
        guard !rules.isEmpty else { throw error("rules: expected at least one id or name", mapping["rules"] ?? node) }
        let (condition, fields) = try self.condition(mapping, kind, ruleCount: Set(rules).count, node)
        var aliases: [String: [String: String]] = [:]
        for alias in try members(mapping["aliases"], "aliases") {
            var fields: [String: String] = [:]
            for field in try members(alias.value, "aliases") {
                guard let name = field.value.text else { throw error("aliases: expected a field name", field.value) }
                fields[field.key] = name
            }
            aliases[alias.key] = fields
        }
        var generate = false
        if let flag = mapping["generate"], !flag.isNull {
            guard let value = flag.scalar?.booleanValue else {
                throw error("generate: expected true or false, found \(flag.kind)", flag)
            }
            generate = value
        }
        return Correlation(
            kind: kind, rules: rules, groupBy: mapping["group-by"] == nil ? [] : try strings(mapping, "group-by", node),
            timespan: try timespan(mapping, node), condition: condition, valueFields: fields, aliases: aliases,
            generate: generate, position: node.position)
    }

    private static func error(_ reason: String, _ node: YAMLNode) -> RuleError {
        RuleError(.correlation, reason, at: node.position)
    }

    private static func kind(_ mapping: YAMLMapping, _ node: YAMLNode) throws(RuleError) -> Correlation.Kind {
        guard let type = mapping["type"], let text = type.text else { throw error("type is missing", node) }
        if let kind = Correlation.Kind(rawValue: text) { return kind }
        if ["value_sum", "value_avg", "value_percentile", "value_median"].contains(text) {
            throw RuleError(.unsupported, "correlation type \(text) is not evaluated", at: type.position)
        }
        let known = Correlation.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw error("type: \(quoted(text)) is none of \(known)", type)
    }

    private static func strings(_ mapping: YAMLMapping, _ key: String, _ parent: YAMLNode) throws(RuleError) -> [String]
    {
        guard let node = mapping[key] else { throw error("\(key) is missing", parent) }
        var texts: [String] = []
        for element in node.sequence ?? [node] {
            guard let text = element.text, !element.isNull, !text.isEmpty else {
                throw error("\(key): expected strings, found \(element.kind)", element)
            }
            texts.append(text)
        }
        return texts
    }

    private static func members(_ node: YAMLNode?, _ key: String) throws(RuleError) -> [YAMLMapping.Pair] {
        guard let node, !node.isNull else { return [] }
        guard let mapping = node.mapping else { throw error("\(key): expected a mapping, found \(node.kind)", node) }
        return mapping.pairs
    }

    /// A number and a letter: `30s`, `5m`, `2h`, `1d`.
    private static func timespan(_ mapping: YAMLMapping, _ parent: YAMLNode) throws(RuleError) -> UInt64 {
        guard let node = mapping["timespan"] else { throw error("timespan is missing", parent) }
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let text = node.text, let unit = text.last.flatMap({ units[$0] }),
            text.utf8.dropLast().allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let count = UInt64(text.dropLast()),
            count > 0, count <= 36_500 * 86_400 / unit
        else { throw error("timespan: expected a number and s, m, h or d, such as 10m", node) }
        return count * unit * 1_000_000
    }

    private static func condition(
        _ mapping: YAMLMapping, _ kind: Correlation.Kind, ruleCount: Int, _ parent: YAMLNode
    ) throws(RuleError) -> (CountCondition, fields: [String]) {
        let isTemporal = kind == .temporal || kind == .temporalOrdered
        let all = CountCondition(bounds: [.init(comparison: .gte, count: ruleCount)])
        guard let node = mapping["condition"] else {
            // Temporal rules want each of their rules.
            guard isTemporal else { throw error("condition is missing", parent) }
            return (all, [])
        }
        guard let conditions = node.mapping else {
            throw error("condition: expected a mapping such as gte: 10, found \(node.kind)", node)
        }
        var bounds: [CountCondition.Bound] = []
        var fields: [String] = []
        for pair in conditions.pairs {
            if pair.key == "field" {
                fields = try strings(conditions, "field", node)
                continue
            }
            guard let comparison = CountCondition.Operator(rawValue: pair.key) else {
                throw RuleError(.correlation, "condition: unknown \(quoted(pair.key))", at: pair.keyPosition)
            }
            guard let count = pair.value.scalar?.integerValue, (0...Int64(greatestCount)).contains(count) else {
                throw error("condition: expected a count from 0 to \(greatestCount)", pair.value)
            }
            bounds.append(.init(comparison: comparison, count: Int(count)))
        }
        guard !bounds.isEmpty else { throw error("condition: no count to compare with", node) }
        guard (kind == .valueCount) == !fields.isEmpty else {
            throw error(
                kind == .valueCount ? "value_count needs a field in its condition" : "field belongs to value_count",
                node)
        }
        let condition = CountCondition(bounds: bounds)
        // How far an order is kept has no defined meaning; only the whole of it has.
        if kind == .temporalOrdered, condition.holds(for: ruleCount - 1) || !condition.holds(for: ruleCount) {
            throw RuleError(
                .unsupported, "temporal_ordered with a condition other than all of its rules", at: node.position)
        }
        return (kind == .temporalOrdered ? all : condition, fields)
    }
}
