import YAML

/// Puts the rules of a collection together: refuses what occurs twice, applies filters, finds the rules that
/// correlations refer to, and sets aside what no stream has events for.
struct RuleAssembly {
    private(set) var rules: [Rule] = []
    private(set) var isReported: [Bool] = []
    private(set) var notApplicable: [Rule] = []
    private(set) var refusals: [Refusal] = []
    private(set) var idleFilters: [Filter] = []

    private let collection: RuleCollection
    private let streams: [LogSource]
    /// Where a rule is by its id or name: an index into `rules`, or nil for one that is not applicable.
    private var indexes: [String: Int?] = [:]
    private var literalSize = 0

    /// Literal text of all rules together, several times what all rules of SigmaHQ hold. The automata take 100 to 300
    /// bytes of memory for each byte, at most 1 KiB.
    private static let greatestLiteralSize = 1 << 20

    init(_ collection: RuleCollection, streams: [LogSource]) {
        self.collection = collection
        self.streams = streams
    }

    mutating func assemble() {
        var isIdle = Array(repeating: true, count: collection.filters.count)
        var correlations: [Rule] = []
        for var rule in distinctRules() {
            guard case .detection(var detection) = rule.body else {
                correlations.append(rule)
                continue
            }
            for (index, filter) in collection.filters.enumerated() where filter.applies(to: rule) {
                isIdle[index] = false
                detection.expression = .all([detection.expression, filter.expression])
            }
            rule.body = .detection(detection)
            addDetection(rule, detection)
        }
        idleFilters = zip(collection.filters, isIdle).filter(\.1).map(\.0)
        addCorrelations(correlations)
    }

    private mutating func distinctRules() -> [Rule] {
        var places: [String: String] = [:]
        return collection.rules.filter { rule in
            for key in [rule.metadata.id, rule.metadata.name].compactMap({ $0 }) {
                if let place = places[key] {
                    refuse(rule, .duplicate, "\(quoted(key)) is already the id or name of the rule at \(place)")
                    return false
                }
            }
            for key in [rule.metadata.id, rule.metadata.name].compactMap({ $0 }) {
                places[key] = "\(rule.file):\(rule.line)"
            }
            return true
        }
    }

    private mutating func addDetection(_ rule: Rule, _ detection: Detection) {
        guard streams.contains(where: { detection.logsource.applies(to: $0) }) else {
            register(rule, at: nil)
            notApplicable.append(rule)
            return
        }
        let size = detection.expression.literalSize
        guard literalSize + size <= Self.greatestLiteralSize else {
            refuse(rule, .unsupported, "the rules' literals exceed \(Self.greatestLiteralSize) bytes with this one")
            return
        }
        literalSize += size
        add(rule)
    }

    private mutating func add(_ rule: Rule) {
        register(rule, at: rules.count)
        rules.append(rule)
        isReported.append(true)
    }

    private mutating func register(_ rule: Rule, at index: Int?) {
        for key in [rule.metadata.id, rule.metadata.name].compactMap({ $0 }) { indexes[key] = .some(index) }
    }

    private mutating func refuse(_ rule: Rule, _ kind: Refusal.Kind, _ reason: String, at position: YAMLPosition? = nil)
    {
        refusals.append(
            Refusal(
                file: rule.file, line: position?.line ?? rule.line, column: position?.column ?? 1, kind: kind,
                reason: reason, rule: rule.identifier))
    }

    // MARK: Correlations

    /// A correlation stands behind the rules it refers to, so that one pass over the matches sees chains through.
    private mutating func addCorrelations(_ correlations: [Rule]) {
        var waiting = correlations
        var explicitlyReported: Set<Int> = []
        var referred: Set<Int> = []
        while !waiting.isEmpty {
            let names = Set(waiting.flatMap { [$0.metadata.id, $0.metadata.name].compactMap { $0 } })
            var remaining: [Rule] = []
            for rule in waiting {
                guard case .correlation(let correlation) = rule.body else { continue }
                if correlation.rules.contains(where: { names.contains($0) && indexes[$0] == nil }) {
                    remaining.append(rule)
                    continue
                }
                guard check(rule, correlation) else { continue }
                let members = Set(correlation.rules.compactMap { indexes[$0] ?? nil })
                referred.formUnion(members)
                if correlation.generate { explicitlyReported.formUnion(members) }
                add(rule)
            }
            if remaining.count == waiting.count {
                for rule in remaining {
                    refuse(rule, .correlation, "refers to itself, or to a correlation that is refused")
                }
                break
            }
            waiting = remaining
        }
        for index in referred.subtracting(explicitlyReported) { isReported[index] = false }
    }

    /// Whether the correlation can be evaluated; where not, it is put where it belongs.
    private mutating func check(_ rule: Rule, _ correlation: Correlation) -> Bool {
        var applicable = 0
        for reference in correlation.rules {
            guard let index = indexes[reference] else {
                refuse(
                    rule, .correlation, "refers to \(quoted(reference)), which is not loaded",
                    at: correlation.position)
                return false
            }
            guard let index else { continue }
            applicable += 1
            if case .correlation(let inner) = rules[index].body, !inner.condition.isLowerBound {
                refuse(
                    rule, .unsupported,
                    "refers to \(quoted(reference)), which is decided only at the end of its time frame",
                    at: correlation.position)
                return false
            }
        }
        let isTemporal = correlation.kind == .temporal || correlation.kind == .temporalOrdered
        guard applicable > 0, !isTemporal || applicable == correlation.rules.count else {
            register(rule, at: nil)
            notApplicable.append(rule)
            return false
        }
        for (alias, fields) in correlation.aliases.sorted(by: { $0.key < $1.key }) {
            for reference in correlation.rules where field(of: alias, fields, in: reference) == nil {
                refuse(
                    rule, .correlation,
                    "alias \(quoted(alias)) does not say what it is in \(quoted(reference))", at: correlation.position)
                return false
            }
        }
        return true
    }

    /// An alias may name a rule by its other name.
    private func field(of alias: String, _ fields: [String: String], in reference: String) -> String? {
        if let field = fields[reference] { return field }
        guard let index = indexes[reference] ?? nil else { return fields.isEmpty ? nil : alias }
        return [rules[index].metadata.id, rules[index].metadata.name].compactMap { $0.flatMap { fields[$0] } }.first
    }

    func resolveCorrelations(fields: inout FieldTable) -> [ResolvedCorrelation] {
        var resolved: [ResolvedCorrelation] = []
        for (index, rule) in rules.enumerated() {
            guard case .correlation(let correlation) = rule.body else { continue }
            var members: [ResolvedCorrelation.Member] = []
            for reference in correlation.rules {
                guard let member = indexes[reference] ?? nil else { continue }
                func resolve(_ name: String) -> Int {
                    let field = correlation.aliases[name].flatMap { self.field(of: name, $0, in: reference) }
                    return fields.index(of: field ?? name)
                }
                members.append(
                    ResolvedCorrelation.Member(
                        rule: member, groupFields: correlation.groupBy.map { FieldID(index: resolve($0)) },
                        valueFields: correlation.valueFields.map { FieldID(index: resolve($0)) }))
            }
            resolved.append(ResolvedCorrelation(rule: index, correlation: correlation, members: members))
        }
        return resolved
    }
}
