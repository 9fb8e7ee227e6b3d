import Testing

@testable import Sigma

@Suite struct FilterTests {
    private func filter(_ body: String) -> String {
        "title: Filter\nlogsource: {category: process_creation, product: linux}\nfilter:\n"
            + body.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    }

    private let rule = ruleText("selection: {F: x}\ncondition: 1 of them", id: "one", extra: "name: first")
    private let other = ruleText("selection: {F: x}\ncondition: selection", id: "two")

    @Test("a filter's condition is demanded of the rules it names, by id or name, and of no other")
    func named() {
        for reference in ["one", "first"] {
            let rules = ruleSet(
                rule, other, filter("rules: [\(reference)]\nselection: {User: adm}\ncondition: not selection"))
            #expect(identifiers(rules, ["F": "x", "User": "adm"]) == ["two"])
            #expect(identifiers(rules, ["F": "x", "User": "bob"]) == ["one", "two"])
            #expect(rules.idleFilters.isEmpty)
        }
    }

    @Test("any applies to every rule of the log source, and to none of another")
    func any() {
        let elsewhere = "title: t\nid: three\nlogsource: {category: file_event}\ndetection: {s: {F: x}, condition: s}"
        let rules = ruleSet(rule, other, elsewhere, filter("rules: any\nok: {U: adm}\ncondition: not 1 of ok*"))
        #expect(identifiers(rules, ["F": "x", "U": "adm"]) == [])
        var evaluator = Evaluator(rules)
        var matches: [Int] = []
        evaluator.evaluate(FieldValues(["F": "x", "U": "adm"], for: rules), stream: 1, into: &matches)
        #expect(matches.map { rules.rules[$0].identifier } == ["three"])
    }

    @Test("a filter that no rule is subject to is reported")
    func idle() {
        let rules = ruleSet(rule, filter("rules: [nobody]\ns: {F: x}\ncondition: s"))
        #expect(rules.idleFilters.count == 1)
        #expect(identifiers(rules, ["F": "x"]) == ["one"])
    }

    @Test(
        "a malformed filter is refused",
        arguments: [
            "s: {F: x}\ncondition: s", "rules: any\ncondition: s", "rules: any\ns: {F: x}",
            "rules: any\ns: {F: x}\ncondition: [s, s]",
        ])
    func malformed(body: String) {
        #expect(ruleSet(rule, filter(body)).refusals.count == 1)
    }
}
