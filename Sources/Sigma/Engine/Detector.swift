/// Rules about single events and correlations together: what a stream of events is shown to, one event at a time.
public struct Detector: Sendable {
    public private(set) var evaluator: Evaluator
    public private(set) var correlations: CorrelationEngine

    public init(_ rules: RuleSet, limits: CorrelationLimits = CorrelationLimits()) {
        evaluator = Evaluator(rules)
        correlations = CorrelationEngine(rules, limits: limits)
    }

    public var rules: RuleSet { evaluator.rules }

    /// Appends the indexes, in `rules.rules`, of the rules whose matches are to be reported.
    ///
    /// - Parameters:
    ///   - stream: an index into the streams that the rule set was made for.
    ///   - time: microseconds of a clock that does not jump, such as `CLOCK_MONOTONIC`.
    public mutating func detect(
        _ event: borrowing FieldValues, stream: Int, at time: UInt64, into matches: inout [Int]
    ) {
        let before = matches.count
        evaluator.evaluate(event, stream: stream, into: &matches)
        guard !evaluator.rules.correlations.isEmpty else { return }
        var all = Array(matches[before...])
        correlations.observe(event, at: time, matches: &all)
        matches.removeSubrange(before...)
        let isReported = evaluator.rules.isReported
        for match in all where isReported[match] { matches.append(match) }
    }

    /// Appends the correlations that are decided by time alone. To be called now and then where no events come.
    public mutating func advance(to time: UInt64, into matches: inout [Int]) {
        var all: [Int] = []
        correlations.advance(to: time, matches: &all)
        let isReported = evaluator.rules.isReported
        for match in all where isReported[match] { matches.append(match) }
    }
}
