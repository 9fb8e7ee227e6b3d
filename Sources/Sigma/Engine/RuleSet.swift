import YAML

/// Rules put together and compiled for the streams of events that somebody has.
///
/// Immutable: a reload makes a new one.
public struct RuleSet: Sendable {
    /// The rules that are evaluated; matches are indexes into this.
    public private(set) var rules: [Rule] = []
    /// For each rule whether its matches are to be reported; a rule may exist only for a correlation to refer to.
    public private(set) var isReported: [Bool] = []
    /// Rules that are sound but about events of no stream.
    public private(set) var notApplicable: [Rule] = []
    public private(set) var refusals: [Refusal]
    /// Filters that no loaded rule is subject to.
    public private(set) var idleFilters: [Filter] = []
    public let streams: [LogSource]

    let programs: [Program]
    let correlations: [ResolvedCorrelation]
    private let fields: FieldTable
    /// For each stream whether a rule looks at its events.
    public let isJudged: [Bool]
    /// Whether a rule looks into every value of an event.
    public let hasKeywords: Bool

    /// - Parameters:
    ///   - collection: an id or a name that occurs again is refused, in the order of the collection.
    ///   - streams: what `Evaluator.evaluate(_:stream:into:)` gets its index into.
    public init(_ collection: RuleCollection, streams: [LogSource]) {
        self.streams = streams
        refusals = collection.refusals
        var assembly = RuleAssembly(collection, streams: streams)
        assembly.assemble()
        rules = assembly.rules
        isReported = assembly.isReported
        notApplicable = assembly.notApplicable
        refusals += assembly.refusals
        idleFilters = assembly.idleFilters

        var fields = FieldTable()
        var builders = streams.map { _ in ProgramBuilder() }
        var hasKeywords = false
        for (index, rule) in rules.enumerated() {
            guard case .detection(let detection) = rule.body else { continue }
            hasKeywords = hasKeywords || detection.expression.hasKeyword
            for (stream, source) in streams.enumerated() where detection.logsource.applies(to: source) {
                builders[stream].add(rule: index, detection.expression, fields: &fields)
            }
        }
        correlations = assembly.resolveCorrelations(fields: &fields)
        programs = builders.map { $0.finish() }
        isJudged = programs.map { !$0.rules.isEmpty }
        self.fields = fields
        self.hasKeywords = hasKeywords
    }

    public init() { self.init(RuleCollection(), streams: []) }

    /// The names of the fields that rules look at.
    public var fieldNames: [String] { fields.names }

    /// nil where no rule looks at the field.
    public func field(_ name: String) -> FieldID? { fields.find(name).map(FieldID.init(index:)) }

    /// Bytes that the literal tables of all streams take.
    public var tableSize: Int { programs.reduce(0) { $0 + $1.automataSize } }
}

extension Expression {
    var hasKeyword: Bool {
        switch self {
        case .predicate(let predicate): predicate.field == nil
        case .not(let inner): inner.hasKeyword
        case .all(let terms), .any(let terms): terms.contains(where: \.hasKeyword)
        }
    }

    /// Bytes of literal text, which the automata have to hold.
    var literalSize: Int {
        switch self {
        case .predicate(let predicate): predicate.test.literals?.reduce(0) { $0 + $1.bytes.count } ?? 0
        case .not(let inner): inner.literalSize
        case .all(let terms), .any(let terms): terms.reduce(0) { $0 + $1.literalSize }
        }
    }
}
