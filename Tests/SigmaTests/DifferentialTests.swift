import TestKit
import Testing

@testable import Sigma

/// The engine against an evaluator that does what the specification says, one test after the other.
@Suite struct DifferentialTests {
    @Test("the compiled rules match exactly what their expressions say, on random rules and events", arguments: 0..<40)
    func randomRules(seed: UInt64) {
        var random = SeededGenerator(seed: seed &* 7_919 &+ 1)
        var collection = RuleCollection()
        for index in 0..<25 { collection.add(randomRule(index, &random), file: "random.yml") }
        let rules = RuleSet(collection, streams: [processes])
        #expect(rules.refusals.isEmpty, "\(rules.refusals)")
        var matches = 0
        for _ in 0..<200 {
            let fields = randomEvent(&random)
            let expected = rules.rules.filter { rule in
                guard case .detection(let detection) = rule.body else { return false }
                return naive(detection.expression, fields)
            }
            #expect(identifiers(rules, fields) == expected.map(\.identifier), "seed \(seed), event \(fields)")
            matches += expected.count
        }
        // Rules that always or never match would prove nothing.
        #expect(matches > 100 && matches < rules.rules.count * 200 - 100)
    }

    @Test("wildcards match what trying every possibility matches")
    func wildcards() {
        var random = SeededGenerator(seed: 42)
        for _ in 0..<20_000 {
            let pattern = TextPattern(
                tokens: (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    [.anyRun, .anyOne, .literal([0x61]), .literal([0x62]), .literal(Array("é".utf8))].randomElement(
                        using: &random)!
                }, isCased: Bool.random(using: &random))
            let text = randomText("aAbé", upTo: 8, &random)
            let found = Array(text.utf8).withUnsafeBytes { Glob(pattern).matches($0) }
            #expect(found == naive(pattern, text), "\(pattern) on \(text)")
        }
    }

    // MARK: Random rules

    private let alphabet = "aAbB/-. é"

    private func randomText(_ alphabet: String, upTo length: Int, _ random: inout SeededGenerator) -> String {
        String((0..<Int.random(in: 0...length, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
    }

    private func randomRule(_ index: Int, _ random: inout SeededGenerator) -> String {
        let names = (0..<Int.random(in: 1...3, using: &random)).map { "s\($0)" }
        var text = "title: t\nid: r\(index)\nlogsource: {category: process_creation}\ndetection:\n"
        for name in names {
            text += "  \(name):\n"
            for (item, field) in ["F", "G", "H"].shuffled(using: &random).prefix(Int.random(in: 1...2, using: &random))
                .enumerated()
            {
                let modifier = [
                    "", "|contains", "|startswith", "|endswith", "|contains|all", "|neq", "|cased", "|contains|cased",
                    "|exists", "|gt", "|fieldref", "|windash|contains", "|re",
                ].randomElement(using: &random)!
                let values: [String] = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    switch modifier {
                    case "|exists": return Bool.random(using: &random) ? "true" : "false"
                    case "|gt": return "\(Int.random(in: 0...12, using: &random))"
                    case "|fieldref": return ["F", "G", "H"].randomElement(using: &random)!
                    case "|re":
                        return "'" + ["a+b", "[^/]b$", "^a", "(a|b){2}", "A.b", "\\sa"].randomElement(using: &random)!
                            + "'"
                    default:
                        if modifier.isEmpty, Int.random(in: 0..<6, using: &random) == 0 {
                            return ["7", "null", "''"].randomElement(using: &random)!
                        }
                        return "'" + randomText(alphabet + "*?", upTo: 4, &random) + "'"
                    }
                }
                text +=
                    "    \(field)\(item == 0 ? modifier : "|contains"): [\((item == 0 ? values : ["a"]).joined(separator: ", "))]\n"
            }
        }
        let terms = names.map { Bool.random(using: &random) ? $0 : "not \($0)" }
        let joined = terms.joined(separator: Bool.random(using: &random) ? " and " : " or ")
        return text + "  condition: \(Bool.random(using: &random) ? joined : "1 of s*")\n"
    }

    private func randomEvent(_ random: inout SeededGenerator) -> Fields {
        var fields: Fields = [:]
        for name in ["F", "G", "H"] {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: break
            case 1: fields[name] = .null
            case 2: fields[name] = .integer(Int64.random(in: 0...12, using: &random))
            case 3:
                fields[name] = .list([
                    .text(randomText(alphabet, upTo: 6, &random)), .text(randomText(alphabet, upTo: 6, &random)),
                ])
            default: fields[name] = .text(randomText(alphabet, upTo: 10, &random))
            }
        }
        return fields
    }

    // MARK: What the specification says

    private func naive(_ expression: Expression, _ fields: Fields) -> Bool {
        switch expression {
        case .predicate(let predicate): naive(predicate, fields)
        case .not(let inner): !naive(inner, fields)
        case .all(let terms): terms.allSatisfy { naive($0, fields) }
        case .any(let terms): terms.contains { naive($0, fields) }
        }
    }

    private func naive(_ predicate: Predicate, _ fields: Fields) -> Bool {
        let values = predicate.field.map { fields[$0]?.elements ?? [] } ?? fields.values.flatMap(\.elements)
        switch predicate.test {
        case .exists: return !values.isEmpty
        case .null: return values.isEmpty || values.contains { $0.text == nil }
        case .text(let pattern): return values.contains { $0.text.map { naive(pattern, $0) } ?? false }
        case .regex(let pattern):
            return values.contains { value in
                value.text.map { text in Array(text.utf8).withUnsafeBytes { pattern.matches($0) } } ?? false
            }
        case .number(let number, _): return values.contains { $0.text == number.text }
        case .comparison(_, let number):
            return values.contains { $0.text.flatMap(Double.init).map { $0 > Double(number.text)! } ?? false }
        case .reference(let other, _):
            return values.contains { left in
                (fields[other]?.elements ?? []).contains { right in
                    guard let left = left.text, let right = right.text else { return false }
                    return folded(left) == folded(right)
                }
            }
        default: return false
        }
    }

    private func naive(_ pattern: TextPattern, _ text: String) -> Bool {
        let tokens = pattern.tokens.flatMap { token -> [TextPattern.Token] in
            guard case .literal(let bytes) = token else { return [token] }
            return String(decoding: bytes, as: UTF8.self).unicodeScalars.map { .literal(Array(String($0).utf8)) }
        }
        func matches(_ tokens: ArraySlice<TextPattern.Token>, _ text: ArraySlice<Unicode.Scalar>) -> Bool {
            guard let token = tokens.first else { return text.isEmpty }
            switch token {
            case .anyRun:
                return matches(tokens.dropFirst(), text) || (!text.isEmpty && matches(tokens, text.dropFirst()))
            case .anyOne: return !text.isEmpty && matches(tokens.dropFirst(), text.dropFirst())
            case .literal(let bytes):
                guard let scalar = text.first else { return false }
                let wanted = String(decoding: bytes, as: UTF8.self)
                let found = String(scalar)
                return (pattern.isCased ? wanted == found : folded(wanted) == folded(found))
                    && matches(tokens.dropFirst(), text.dropFirst())
            }
        }
        return matches(tokens[...], Array(text.unicodeScalars)[...])
    }

    private func folded(_ text: String) -> [UInt8] { text.utf8.map(\.asciiLowercased) }
}

extension Value {
    fileprivate var elements: [Value] { if case .list(let elements) = self { elements } else { [self] } }

    fileprivate var text: String? {
        switch self {
        case .text(let text): text
        case .integer(let integer): integer.description
        default: nil
        }
    }
}
