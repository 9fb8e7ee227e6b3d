import Testing

@testable import Sigma

@Suite struct RefusalTests {
    @Test(
        "an item that cannot be evaluated exactly is refused with line and kind",
        arguments: [
            ("F|nope: x", .modifier), ("F|expand: '%x%'", .unsupported), ("F|contains: null", .modifier),
            ("F|contains|re: x", .modifier), ("F|re|startswith: x", .modifier), ("F|i: x", .modifier),
            ("F|cidr: 10.0.0.1/8", .modifier), ("F|cidr: 300.0.0.0/8", .modifier), ("F|cidr: 10.0.0.0/33", .modifier),
            ("F|exists: maybe", .modifier), ("F|gt: x", .modifier), ("F|base64: 'a*'", .modifier),
            ("F|contains|base64: a", .modifier), ("F|fieldref: 'a*'", .modifier), ("F|wide: é", .modifier),
            ("F|hour: x", .modifier), ("F: {a: b}", .detection), ("F: [[a]]", .detection),
            ("'|exists': true", .modifier),
            ("'': null", .detection), ("F|windash: '-a -b -c -d -e -f'", .modifier), ("F|utf16|utf16: é", .modifier),
        ] as [(String, Refusal.Kind)])
    func items(item: String, kind: Refusal.Kind) throws {
        let refused = try #require(refusal("sel:\n  \(item)\ncondition: sel"))
        #expect(refused.kind == kind, "\(refused)")
        #expect(refused.line == 6)
        #expect(refused.file == "f0.yml")
    }

    @Test(
        "what a rule says about itself is checked",
        arguments: [
            ("level: severe", .metadata), ("status: [stable]", .metadata), ("date: 31.12.2024", .metadata),
            ("tags: attack", .metadata), ("taxonomy: ecs", .unsupported), ("status: unsupported", .unsupported),
            ("action: global", .unsupported), ("related: x", .metadata), ("name: ''", .metadata),
        ] as [(String, Refusal.Kind)])
    func metadata(line: String, kind: Refusal.Kind) throws {
        let refused = try #require(refusal("sel: {F: x}\ncondition: sel", extra: line))
        #expect(refused.kind == kind, "\(refused)")
        #expect(refused.line == 7)
        #expect(refused.rule == "r")
    }

    @Test(
        "a document without the parts of a rule is refused",
        arguments: [
            ("- a", .syntax), ("title: t\nversion: 1", .syntax), ("a: [", .syntax),
            ("id: x\nlogsource: {category: c}\ndetection: {s: {F: x}, condition: s}", .metadata),
            ("title: t\ndetection: {s: {F: x}, condition: s}", .logsource),
            ("title: t\nlogsource: {}\ndetection: {s: {F: x}, condition: s}", .logsource),
            ("title: t\nlogsource: {category: c}", .detection),
            ("title: t\nlogsource: {category: c}\ndetection: {s: {F: x}}", .condition),
            ("title: t\nlogsource: {category: c}\ndetection: {condition: s}", .detection),
            ("title: t\nlogsource: {category: c}\ndetection: {s: [], condition: s}", .detection),
            ("title: t\nlogsource: {category: c}\ndetection: {s: {}, condition: s}", .detection),
            ("title: t\nlogsource: {category: c}\ndetection: {s: {F: x}, timeframe: 5m, condition: s}", .unsupported),
        ] as [(String, Refusal.Kind)])
    func documents(text: String, kind: Refusal.Kind) {
        #expect(ruleSet(text).refusals.map(\.kind) == [kind])
    }

    @Test("the other documents of a file and the other files load")
    func othersLoad() {
        let good = "sel: {F: x}\ncondition: sel"
        let rules = ruleSet(
            ruleText(good, id: "one") + "\n---\n" + ruleText("sel: {F|bad: x}\ncondition: sel", id: "two") + "\n---\n"
                + ruleText(good, id: "three"), "title: [", ruleText(good, id: "four"))
        #expect(rules.rules.map(\.identifier) == ["one", "three", "four"])
        #expect(rules.refusals.map(\.rule) == ["two", nil])
    }

    @Test("an id that occurs again is refused and names the first")
    func duplicates() throws {
        let text = ruleText("sel: {F: x}\ncondition: sel", id: "same")
        let rules = ruleSet(text, text)
        #expect(rules.rules.count == 1)
        let refused = try #require(rules.refusals.first)
        #expect(refused.kind == .duplicate)
        #expect(refused.reason.contains("f0.yml:1"))
    }

    @Test("documents behind an action are refused too: it would change them")
    func actions() {
        let rules = ruleSet("action: global\ntitle: t\n---\n" + ruleText("sel: {F: x}\ncondition: sel"))
        #expect(rules.rules.isEmpty)
        #expect(rules.refusals.map(\.kind) == [.unsupported, .unsupported])
    }

    @Test("rules about events of no stream are set aside, not refused")
    func logsources() {
        func rule(_ id: String, _ source: String) -> String {
            "title: t\nid: \(id)\nlogsource: {\(source)}\ndetection: {s: {F: x}, condition: s}"
        }
        let rules = ruleSet(
            rule("a", "category: process_creation, product: linux"), rule("b", "category: process_creation"),
            rule("c", "category: process_creation, product: windows"), rule("d", "product: linux, service: auditd"),
            rule("e", "product: linux"), rule("f", "category: file_event, product: linux"))
        #expect(rules.rules.map(\.identifier) == ["a", "b", "f"])
        #expect(rules.notApplicable.map(\.identifier) == ["c", "d", "e"])
        #expect(rules.refusals.isEmpty)
        #expect(identifiers(rules, ["F": "x"]) == ["a", "b"])
    }

    @Test("a rule keeps what it says about itself")
    func keeps() throws {
        let rules = ruleSet(
            ruleText(
                "sel: {F: x}\ncondition: sel",
                extra:
                    "author: Ann, Bo\ndate: 2024-05-01\nlevel: high\nstatus: test\ntags: [attack.t1059]\nfalsepositives: none"
            )
        )
        let metadata = try #require(rules.rules.first?.metadata)
        #expect(metadata.author == "Ann, Bo")
        #expect(metadata.date == "2024-05-01")
        #expect(metadata.level == .high)
        #expect(metadata.tags == ["attack.t1059"])
        #expect(metadata.falsePositives == ["none"])
        #expect(Level.critical > .high && Level.informational < .low)
    }
}
