import YAML

/// A loaded rule: what it says about itself, and what it demands.
public struct Rule: Sendable {
    public let metadata: RuleMetadata
    /// Where it was read from; the line is that of its document's first key.
    public let file: String
    public let line: Int
    public internal(set) var body: Body

    public enum Body: Sendable {
        case detection(Detection)
        case correlation(Correlation)
    }

    /// The id; where the rule has none, its name, else its title.
    public var identifier: String { metadata.id ?? metadata.name ?? metadata.title }

    public var isCorrelation: Bool { if case .correlation = body { true } else { false } }
}

/// A single-event rule: the events it looks at, and the expression they have to fulfil.
public struct Detection: Sendable {
    public let logsource: LogSource
    /// As written, for display; a list of conditions has several.
    public let conditions: [String]
    var expression: Expression
}

/// Which events a rule is about. nil means any.
public struct LogSource: Hashable, Sendable, CustomStringConvertible {
    public var category: String?
    public var product: String?
    public var service: String?

    public init(category: String? = nil, product: String? = nil, service: String? = nil) {
        self.category = category
        self.product = product
        self.service = service
    }

    /// Whether a rule with this source is evaluated on the events of `stream`: the categories are equal, and product
    /// and service are the stream's where the rule names them.
    public func applies(to stream: LogSource) -> Bool {
        category == stream.category && (product == nil || product == stream.product)
            && (service == nil || service == stream.service)
    }

    /// Whether every attribute named here is the same there.
    func contains(_ other: LogSource) -> Bool {
        (category == nil || category == other.category) && (product == nil || product == other.product)
            && (service == nil || service == other.service)
    }

    /// `category=process_creation product=linux`
    public var description: String {
        [("category", category), ("product", product), ("service", service)]
            .compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: " ")
    }
}

public enum Level: String, Hashable, Sendable, CaseIterable, Comparable {
    case informational, low, medium, high, critical

    public static func < (left: Level, right: Level) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

public enum Status: String, Hashable, Sendable, CaseIterable {
    case stable, test, experimental, deprecated, unsupported
}

/// What a rule says about itself. Texts are kept as they are written.
public struct RuleMetadata: Hashable, Sendable {
    public var title: String
    public var id: String?
    public var name: String?
    public var status: Status?
    public var level: Level?
    public var description: String?
    public var license: String?
    public var author: String?
    public var date: String?
    public var modified: String?
    public var references: [String] = []
    public var tags: [String] = []
    public var fields: [String] = []
    public var falsePositives: [String] = []
    public var scope: [String] = []
    public var related: [Related] = []

    public struct Related: Hashable, Sendable {
        public let id: String
        public let type: String
    }
}

/// A filter: further demands on rules that exist elsewhere.
public struct Filter: Sendable {
    public let metadata: RuleMetadata
    public let file: String
    public let line: Int
    public let logsource: LogSource
    /// Ids or names of the rules it is applied to; nil is every rule of the log source.
    public let rules: [String]?
    let expression: Expression

    func applies(to rule: Rule) -> Bool {
        guard case .detection(let detection) = rule.body, logsource.contains(detection.logsource) else { return false }
        return rules?.contains { $0 == rule.metadata.id || $0 == rule.metadata.name } ?? true
    }
}

/// A rule about several events: which rules have to match, how often, in which time.
public struct Correlation: Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case eventCount = "event_count"
        case valueCount = "value_count"
        case temporal
        case temporalOrdered = "temporal_ordered"
    }

    public let kind: Kind
    /// Ids or names of the rules it refers to, in order.
    public let rules: [String]
    public let groupBy: [String]
    /// Microseconds.
    public let timespan: UInt64
    public let condition: CountCondition
    /// The fields whose distinct values `value_count` counts.
    public let valueFields: [String]
    /// Alias, then rule, then the field that the alias stands for in that rule's events.
    public let aliases: [String: [String: String]]
    /// Whether the rules it refers to are reported on their own as well.
    public let generate: Bool
    let position: YAMLPosition
}

/// Bounds that a count has to keep; all of them.
public struct CountCondition: Hashable, Sendable {
    public enum Operator: String, Hashable, Sendable, CaseIterable {
        case gt, gte, lt, lte, eq, neq
    }

    public let bounds: [Bound]

    public struct Bound: Hashable, Sendable {
        public let comparison: Operator
        public let count: Int
    }

    public func holds(for count: Int) -> Bool {
        bounds.allSatisfy { bound in
            switch bound.comparison {
            case .gt: count > bound.count
            case .gte: count >= bound.count
            case .lt: count < bound.count
            case .lte: count <= bound.count
            case .eq: count == bound.count
            case .neq: count != bound.count
            }
        }
    }

    /// True where the condition, once it holds, holds for every greater count: it can be decided at once. Any other has
    /// to wait for the end of its time frame.
    public var isLowerBound: Bool { bounds.allSatisfy { $0.comparison == .gt || $0.comparison == .gte } }

    /// Counts above this are all alike.
    var greatest: Int { (bounds.map(\.count).max() ?? 0) + 1 }
}
