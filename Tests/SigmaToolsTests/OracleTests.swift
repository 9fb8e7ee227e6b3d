import Glibc
import JSON
import Sigma
import TestKit
import Testing

@testable import SigmaTools

extension SigmaOracle {
    fileprivate static func lines(_ name: String) throws -> [[UInt8]] {
        var lines: [[UInt8]] = []
        let failure = LineReader.forEachLine(of: try #require(path) + "/" + name) { lines.append($0) }
        #expect(failure == nil)
        return lines
    }
}

@Suite(.enabled(if: SigmaOracle.path != nil, "no oracle: neither SIGMA_ORACLE nor ../shared/sigma"))
struct OracleTests {
    @Test("every rule of the oracle loads, and every event matches exactly the rules it should")
    func events() throws {
        var collection = RuleCollection()
        collection.add(path: try #require(SigmaOracle.path) + "/rules")
        var test = RuleTest(collection)
        #expect(test.rules.refusals.isEmpty)
        #expect(!test.rules.rules.isEmpty)
        let (events, expected) = (try SigmaOracle.lines("events.jsonl"), try SigmaOracle.lines("expected.jsonl"))
        try #require(events.count == expected.count && !events.isEmpty)
        for (event, expectation) in zip(events, expected) {
            let found = try test.evaluate(line: event)
            #expect(try JSONValue(parsing: found) == JSONValue(parsing: expectation))
        }
    }

    @Test("every conformance case is decided as it should be")
    func conformance() throws {
        let cases = try SigmaOracle.lines("conformance.jsonl")
        try #require(!cases.isEmpty)
        for line in cases {
            let item = try #require(try JSONValue(parsing: line).objectValue)
            let name = try #require(item["name"]?.stringValue)
            var collection = RuleCollection()
            collection.add(try #require(item["rule"]?.stringValue), file: name)
            var test = RuleTest(collection)
            #expect(test.rules.refusals.isEmpty != (item["expect_reject"]?.booleanValue ?? false), "\(name)")
            for event in item["events"]?.arrayValue ?? [] {
                let members = try #require(event.objectValue)
                var writer = JSONWriter()
                writer.value(.object(["id": 1, "category": "process_creation", "fields": members["fields"] ?? .null]))
                let found = try JSONValue(parsing: try test.evaluate(line: writer.bytes)).objectValue?["rules"]
                #expect(found?.arrayValue?.isEmpty == (members["match"]?.booleanValue == false), "\(name): \(event)")
            }
        }
    }
}

extension JSONValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(stringLiteral value: String) { self = .string(value) }
}
