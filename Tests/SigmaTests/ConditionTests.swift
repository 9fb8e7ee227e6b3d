import Testing

@testable import Sigma

@Suite struct ConditionTests {
    private let selections = """
        a: {F: x}
        b: {G: x}
        c: {H: x}
        _hidden: {I: x}
        sel_one: {J: x}
        sel.two: {K: x}
        notsel: {L: x}
        condition: 
        """

    private func holds(_ condition: String, _ present: String) throws -> Bool {
        let fields = Fields(uniqueKeysWithValues: present.map { (String($0), "x") })
        return try matches(selections + "'\(condition)'", fields)
    }

    @Test("or binds weakest, then and, then not")
    func precedence() throws {
        #expect(try holds("a or b and c", "F"))
        #expect(try !holds("(a or b) and c", "F"))
        #expect(try holds("not a and b", "G"))
        #expect(try !holds("not (a or b)", "G"))
        #expect(try holds("not not a", "F"))
        #expect(try holds("a and not b or c", "GH"))
    }

    @Test("x of a pattern takes the names that fit, and underscored ones only when asked")
    func patterns() throws {
        #expect(try holds("1 of sel*", "K"))
        #expect(try holds("any of sel*", "J"))
        #expect(try !holds("all of sel*", "J"))
        #expect(try holds("all of sel*", "JK"))
        #expect(try holds("1 of *_one", "J"))
        #expect(try !holds("1 of them", "I"))
        #expect(try holds("1 of _*", "I"))
        #expect(try holds("_hidden", "I"))
        #expect(try holds("all of them", "FGHJKL"))
        #expect(try holds("a and not 1 of sel*", "F"))
    }

    @Test("an identifier may start with an operator's name, and any white space separates")
    func words() throws {
        #expect(try holds("notsel", "L"))
        #expect(try matches(selections + ">\n  a\n\n    and\n  (b)\n", ["F": "x", "G": "x"]))
    }

    @Test("of several conditions one is enough")
    func lists() throws {
        #expect(try matches("a: {F: x}\nb: {G: x}\ncondition: [a, b]", ["G": "x"]))
    }

    @Test(
        "what is no condition is refused",
        arguments: [
            "nope", "a and", "a b", "(a", "a)", "1 of nope*", "1 of", "2 of sel*", "a AND b", "a | count() > 3", "",
            "and a",
            "not", "a or or b", "1 of (a)", "a & b",
        ])
    func malformed(condition: String) throws {
        let refused = try #require(refusal(selections + "'\(condition)'"))
        #expect(refused.kind == .condition)
        #expect(refused.line == 12)
    }

    @Test("a condition that would make a rule enormous is refused")
    func enormous() {
        let values = (0..<2_000).map(String.init).joined(separator: ", ")
        let condition = Array(repeating: "a", count: 100).joined(separator: " or ")
        #expect(refusal("a: {F: [\(values)]}\ncondition: \(condition)")?.reason.contains("more than") == true)
        let nested = String(repeating: "(", count: 10_000) + "a" + String(repeating: ")", count: 10_000)
        #expect(refusal("a: {F: x}\ncondition: '\(nested)'")?.reason.contains("nested") == true)
    }

    @Test("a missing field is false, and its negation true")
    func missing() throws {
        #expect(try holds("a and not b", "F"))
        #expect(try !holds("b", "F"))
    }

    @Test("maps are AND, lists of maps OR, and one field may be tested twice")
    func shapes() throws {
        let list = "s:\n  - F: x\n    G: y\n  - H: z\ncondition: s"
        #expect(try matches(list, ["F": "x", "G": "y"]))
        #expect(try matches(list, ["H": "z"]))
        #expect(try !matches(list, ["F": "x"]))
        #expect(try !matches("s:\n  F|startswith: a\n  F|endswith: b\ncondition: s", ["F": "ac"]))
    }
}
