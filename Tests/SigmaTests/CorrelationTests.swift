import Testing

@testable import Sigma

/// Rules a, b and c match events whose field of that name exists; times are seconds.
private struct Timeline {
    private let rules: RuleSet
    private var evaluator: Evaluator
    var engine: CorrelationEngine

    init(_ correlations: String..., limits: CorrelationLimits = CorrelationLimits()) {
        var collection = RuleCollection()
        for name in ["a", "b", "c"] {
            collection.add(
                ruleText("s: {\(name)|exists: true}\ncondition: s", id: "id-\(name)", extra: "name: \(name)"),
                file: "\(name).yml")
        }
        for correlation in correlations { collection.add(correlation, file: "correlation.yml") }
        rules = RuleSet(collection, streams: [processes])
        evaluator = Evaluator(rules)
        engine = CorrelationEngine(rules, limits: limits)
    }

    var refusals: [Refusal] { rules.refusals }
    var reported: [String] { zip(rules.rules, rules.isReported).filter(\.1).map(\.0.identifier) }

    /// The correlations that match when an event of some rules happens.
    mutating func at(_ second: UInt64, _ rules: String, _ fields: Fields = [:]) -> [String] {
        var fields = fields
        for name in rules { fields[String(name)] = "x" }
        let event = FieldValues(fields, for: self.rules)
        var matches: [Int] = []
        evaluator.evaluate(event, stream: 0, into: &matches)
        engine.observe(event, at: second * 1_000_000, matches: &matches)
        return matches.map { self.rules.rules[$0] }.filter(\.isCorrelation).map(\.identifier)
    }

    mutating func advance(to second: UInt64) -> [String] {
        var matches: [Int] = []
        engine.advance(to: second * 1_000_000, matches: &matches)
        return matches.map { rules.rules[$0].identifier }
    }
}

private func correlation(_ id: String = "corr", _ body: String) -> String {
    "title: Correlation\nid: \(id)\ncorrelation:\n"
        + body.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
}

@Suite struct CorrelationTests {
    @Test("event_count matches on the event that reaches the count within the sliding frame, then starts anew")
    func eventCount() {
        var timeline = Timeline(
            correlation("corr", "type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition: {gte: 3}"))
        #expect(timeline.at(0, "a", ["U": "x"]) == [])
        #expect(timeline.at(5, "a", ["U": "x"]) == [])
        #expect(timeline.at(6, "a", ["U": "y"]) == [])
        #expect(timeline.at(11, "a", ["U": "x"]) == [], "the first is 11 s old")
        #expect(timeline.at(12, "b", ["U": "x"]) == [])
        #expect(timeline.at(15, "a", ["U": "x"]) == ["corr"], "exactly 10 s is within")
        #expect(timeline.at(15, "a", ["U": "x"]) == [])
        #expect(timeline.at(15, "a", ["U": "x"]) == [])
        #expect(timeline.at(15, "a", ["U": "x"]) == ["corr"])
    }

    @Test("an event counts once, whichever of the rules it matches, and not without its group")
    func countsEvents() {
        var timeline = Timeline(
            correlation("corr", "type: event_count\nrules: [a, b]\ngroup-by: [U]\ntimespan: 1m\ncondition: {gt: 1}"))
        #expect(timeline.at(0, "ab", ["U": "x"]) == [])
        #expect(timeline.at(1, "a") == [])
        #expect(timeline.at(2, "b", ["U": "x"]) == ["corr"])
    }

    @Test("value_count counts distinct values, of several fields together if it says so")
    func valueCount() {
        var timeline = Timeline(
            correlation(
                "corr", "type: value_count\nrules: [a]\ntimespan: 10s\ncondition: {field: [V, W], gte: 3}"))
        #expect(timeline.at(0, "a", ["V": "1", "W": "1"]) == [])
        #expect(timeline.at(1, "a", ["V": "1", "W": "1"]) == [])
        #expect(timeline.at(2, "a", ["V": "1", "W": "2"]) == [])
        #expect(timeline.at(3, "a", ["V": "2"]) == [])
        #expect(timeline.at(11, "a", ["V": "3", "W": "1"]) == ["corr"], "1, 1 was seen again at 1 s")
        #expect(timeline.at(12, "a", ["V": "3", "W": "1"]) == [])
        #expect(timeline.at(30, "a", ["V": "4", "W": "1"]) == [])
    }

    @Test("temporal wants all of its rules in any order, within the frame and the group")
    func temporal() {
        var timeline = Timeline(
            correlation("corr", "type: temporal\nrules: [a, b, c]\ngroup-by: [U]\ntimespan: 10s"))
        #expect(timeline.at(0, "c", ["U": "x"]) == [])
        #expect(timeline.at(1, "a", ["U": "x"]) == [])
        #expect(timeline.at(2, "b", ["U": "y"]) == [])
        #expect(timeline.at(11, "b", ["U": "x"]) == [], "c is 11 s old")
        #expect(timeline.at(11, "c", ["U": "x"]) == ["corr"])
        #expect(timeline.at(12, "abc", ["U": "z"]) == ["corr"])
    }

    @Test("temporal with a count is content with some of its rules")
    func temporalCount() {
        var timeline = Timeline(
            correlation("corr", "type: temporal\nrules: [a, b, c]\ntimespan: 1d\ncondition: {gte: 2}"))
        #expect(timeline.at(0, "a") == [])
        #expect(timeline.at(1, "a") == [])
        #expect(timeline.at(2, "c") == ["corr"])
    }

    @Test("temporal_ordered wants them in order, from different events, all within the frame")
    func ordered() {
        var timeline = Timeline(correlation("corr", "type: temporal_ordered\nrules: [a, b, c]\ntimespan: 10s"))
        #expect(timeline.at(0, "c") == [])
        #expect(timeline.at(1, "b") == [])
        #expect(timeline.at(2, "a") == [])
        #expect(timeline.at(3, "c") == [])
        #expect(timeline.at(4, "abc") == [], "one event is one step")
        #expect(timeline.at(12, "c") == ["corr"], "a at 2 s, b at 4 s")
        #expect(timeline.at(13, "a") == [])
        #expect(timeline.at(14, "b") == [])
        #expect(timeline.at(24, "c") == [], "a is 11 s old")
    }

    @Test("a condition with an upper bound is decided when its frame is over")
    func upperBound() {
        var timeline = Timeline(
            correlation(
                "corr", "type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition: {gt: 1, lte: 3}"))
        for second in [0, 1] as [UInt64] { #expect(timeline.at(second, "a", ["U": "x"]) == []) }
        for second in [2, 3, 4, 5, 6] as [UInt64] { #expect(timeline.at(second, "a", ["U": "y"]) == []) }
        #expect(timeline.advance(to: 10) == [])
        #expect(timeline.advance(to: 11) == ["corr"], "x: two events")
        #expect(timeline.advance(to: 60) == [], "y: five events")
        #expect(timeline.engine.groupCount == 0)
    }

    @Test("correlations chain, in whatever order they are written")
    func chains() {
        var timeline = Timeline(
            correlation("outer", "type: temporal_ordered\nrules: [inner, b]\ngroup-by: [U]\ntimespan: 1m"),
            correlation("inner", "type: event_count\nrules: [a]\ngroup-by: [U, H]\ntimespan: 1m\ncondition: {gte: 2}"))
        #expect(timeline.refusals.isEmpty)
        #expect(timeline.reported == ["id-c", "outer"])
        #expect(timeline.at(0, "a", ["U": "x", "H": "h"]) == [])
        #expect(timeline.at(1, "a", ["U": "x", "H": "h"]) == ["inner"])
        #expect(timeline.at(2, "b", ["U": "y"]) == [])
        #expect(timeline.at(3, "b", ["U": "x"]) == ["outer"])
    }

    @Test("an alias stands for a different field in each rule's events")
    func aliases() {
        var timeline = Timeline(
            correlation(
                "corr",
                "type: temporal\nrules: [a, b]\ngroup-by: [peer]\ntimespan: 1m\naliases: {peer: {a: Source, b: Target}}"
            ))
        #expect(timeline.at(0, "a", ["Source": "1"]) == [])
        #expect(timeline.at(1, "b", ["Source": "1", "Target": "2"]) == [])
        #expect(timeline.at(2, "b", ["Target": "1"]) == ["corr"])
    }

    @Test("generate reports the rules themselves as well")
    func generate() {
        let body = "type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {gte: 2}\n"
        #expect(Timeline(correlation("corr", body)).reported == ["id-b", "id-c", "corr"])
        #expect(Timeline(correlation("corr", body + "generate: true")).reported == ["id-a", "id-b", "id-c", "corr"])
    }

    @Test("groups and what they remember are bounded, and what is forgotten is counted")
    func bounds() {
        var limits = CorrelationLimits()
        limits.groups = 10
        var timeline = Timeline(
            correlation("corr", "type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 1d\ncondition: {gte: 2}"),
            limits: limits)
        for user in 0..<1_000 { #expect(timeline.at(UInt64(user), "a", ["U": .integer(Int64(user))]) == []) }
        #expect(timeline.engine.groupCount == 10)
        #expect(timeline.engine.evictedGroups == 990)
        #expect(timeline.at(1_000, "a", ["U": 999]) == ["corr"], "the newest are kept")
        #expect(timeline.at(1_001, "a", ["U": 5]) == [], "the oldest are gone")

        limits = CorrelationLimits()
        limits.entries = 100
        timeline = Timeline(
            correlation(
                "corr", "type: value_count\nrules: [a]\ngroup-by: [U]\ntimespan: 1d\ncondition: {field: V, gte: 40}"),
            limits: limits)
        for user in 0..<10 {
            for value in 0..<39 {
                #expect(timeline.at(0, "a", ["U": .integer(Int64(user)), "V": .integer(Int64(value))]) == [])
            }
        }
        #expect(timeline.engine.groupCount == 2)
        #expect(timeline.engine.evictedGroups == 8)
    }

    @Test("idle groups are forgotten when their frame is over, and time never runs backwards")
    func time() {
        var timeline = Timeline(
            correlation("corr", "type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition: {gte: 2}"))
        #expect(timeline.at(100, "a", ["U": "x"]) == [])
        #expect(timeline.at(50, "a", ["U": "x"]) == ["corr"])
        #expect(timeline.at(101, "a", ["U": "y"]) == [])
        #expect(timeline.engine.groupCount == 1)
        #expect(timeline.advance(to: 200) == [])
        #expect(timeline.engine.groupCount == 0)
        #expect(timeline.engine.evictedGroups == 0)
    }

    @Test("values longer than a key are told apart all the same")
    func longValues() {
        var timeline = Timeline(
            correlation("corr", "type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 1m\ncondition: {gte: 2}"))
        let long = String(repeating: "x", count: 5_000)
        #expect(timeline.at(0, "a", ["U": .text(long + "1")]) == [])
        #expect(timeline.at(0, "a", ["U": .text(long + "2")]) == [])
        #expect(timeline.at(0, "a", ["U": .text(long + "1")]) == ["corr"])
    }

    @Test(
        "a correlation that cannot be evaluated is refused",
        arguments: [
            ("type: event_count\nrules: [nope]\ntimespan: 1m\ncondition: {gte: 1}", .correlation),
            ("type: event_count\nrules: [corr]\ntimespan: 1m\ncondition: {gte: 1}", .correlation),
            ("type: nope\nrules: [a]\ntimespan: 1m\ncondition: {gte: 1}", .correlation),
            ("type: value_sum\nrules: [a]\ntimespan: 1m\ncondition: {field: X, gte: 1}", .unsupported),
            ("type: value_count\nrules: [a]\ntimespan: 1m\ncondition: {gte: 1}", .correlation),
            ("type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {field: X, gte: 1}", .correlation),
            ("type: event_count\nrules: [a]\ntimespan: 1m", .correlation),
            ("type: event_count\nrules: [a]\ncondition: {gte: 1}", .correlation),
            ("type: event_count\nrules: [a]\ntimespan: 1w\ncondition: {gte: 1}", .correlation),
            ("type: event_count\nrules: [a]\ntimespan: 0s\ncondition: {gte: 1}", .correlation),
            ("type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {gte: 100000}", .correlation),
            ("type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {about: 1}", .correlation),
            ("type: event_count\nrules: []\ntimespan: 1m\ncondition: {gte: 1}", .correlation),
            ("type: temporal_ordered\nrules: [a, b, c]\ntimespan: 1m\ncondition: {gte: 2}", .unsupported),
            ("type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: a and b", .correlation),
            ("type: temporal\nrules: [a, b]\ntimespan: 1m\naliases: {x: {a: F}}\ngroup-by: x", .correlation),
            ("type: temporal\nrules: [a]\ntimespan: 1m\nwindow: 5", .correlation),
            ("type: temporal\nrules: [a]\ntimespan: 1m\ngenerate: maybe", .correlation),
        ] as [(String, Refusal.Kind)])
    func malformed(body: String, kind: Refusal.Kind) {
        #expect(Timeline(correlation("corr", body)).refusals.map(\.kind) == [kind])
    }

    @Test("correlations that refer to each other in a circle are refused, and to one decided late as well")
    func circles() {
        let body = "timespan: 1m\ncondition: {gte: 1}\ntype: event_count\n"
        #expect(
            Timeline(correlation("p", body + "rules: [q]"), correlation("q", body + "rules: [p]")).refusals.count == 2)
        let late = correlation("late", "timespan: 1m\ncondition: {lt: 3}\ntype: event_count\nrules: [a]")
        #expect(Timeline(late, correlation("p", body + "rules: [late]")).refusals.map(\.kind) == [.unsupported])
    }

    @Test("a detector reports correlations and the rules that stand for themselves, and decides frames by time alone")
    func detector() {
        let rules = ruleSet(
            ruleText("s: {A|exists: true}\ncondition: s", id: "base"),
            ruleText("s: {A: plain}\ncondition: s", id: "own"),
            correlation("twice", "type: event_count\nrules: [base]\ntimespan: 1m\ncondition: {gte: 2}"),
            correlation("once", "type: event_count\nrules: [base]\ntimespan: 10s\ncondition: {eq: 1}"))
        var detector = Detector(rules)
        func detect(_ value: Value, at second: UInt64) -> [String] {
            var matches: [Int] = []
            detector.detect(
                FieldValues(["A": value], for: rules), stream: 0, at: second * 1_000_000, into: &matches)
            return matches.map { rules.rules[$0].identifier }
        }
        #expect(detect("plain", at: 0) == ["own"])
        var late: [Int] = []
        detector.advance(to: 11_000_000, into: &late)
        #expect(late.map { rules.rules[$0].identifier } == ["once"])
        #expect(detect("other", at: 12) == ["twice"])
        #expect(detect("plain", at: 13) == ["own"])
    }
}
