import Testing
import YAML

@Suite struct YAMLParserTests {
    private func document(_ text: String) throws -> YAMLNode {
        try #require(try parseYAML(text).first)
    }

    private func error(_ text: String, _ limits: YAMLLimits = YAMLLimits()) -> YAMLError? {
        do {
            _ = try parseYAML(text, limits: limits)
            return nil
        } catch { return error }
    }

    @Test("mappings keep their order, and every node knows its line and column")
    func positions() throws {
        let root = try document("b: 1\na:\n  - x\n  - {y: é, z: 2}\n")
        let mapping = try #require(root.mapping)
        #expect(mapping.pairs.map(\.key) == ["b", "a"])
        #expect(mapping.pairs[1].keyPosition == YAMLPosition(line: 2, column: 1))
        let inner = try #require(mapping["a"]?.sequence?.last)
        #expect(inner.position == YAMLPosition(line: 4, column: 5))
        #expect(inner.mapping?["z"]?.position == YAMLPosition(line: 4, column: 15))
        #expect(mapping["missing"] == nil)
    }

    @Test(
        "a plain scalar resolves only where YAML 1.1 and 1.2 agree",
        arguments: [
            ("443", .integer(443)), ("-7", .integer(-7)), ("+7", .integer(7)), ("0", .integer(0)),
            ("0x1F", .integer(31)), ("99999999999999999999", .float(1e20)), ("1.5", .float(1.5)), (".5", .float(0.5)),
            ("1.5e+3", .float(1500)), ("-.inf", .float(-.infinity)), ("true", .boolean(true)),
            ("FALSE", .boolean(false)), ("~", .null), ("null", .null), ("", .null), ("yes", .string("yes")),
            ("0755", .string("0755")), ("0o17", .string("0o17")), ("1e5", .string("1e5")), ("1_000", .string("1_000")),
            ("12:30", .string("12:30")), ("2024-01-31", .string("2024-01-31")), ("1.5e3", .string("1.5e3")),
            ("-", .string("-")), (".", .string(".")), ("0x", .string("0x")), ("1.2.3", .string("1.2.3")),
        ] as [(String, YAMLScalar.Value)])
    func resolution(text: String, value: YAMLScalar.Value) {
        let scalar = YAMLScalar(text: text, isPlain: true)
        #expect(scalar.value == value)
        #expect(scalar.text == text)
    }

    @Test("quoted and block scalars are strings, with YAML's own escapes and folding")
    func quoted() throws {
        let mapping = try #require(
            try document("a: '1'\nb: \"x\\ty\\n\"\nc: |\n  l1\n  l2\nd: >-\n  f1\n  f2\n").mapping)
        #expect(mapping["a"]?.scalar?.value == .string("1"))
        #expect(mapping["b"]?.text == "x\ty\n")
        #expect(mapping["c"]?.text == "l1\nl2\n")
        #expect(mapping["d"]?.text == "f1 f2")
    }

    @Test("a tag of the core schema decides; another is refused")
    func tags() throws {
        let list = try #require(try document("[!!str 1, !!int '2', !!float 3, ! 4]").sequence)
        #expect(list.compactMap(\.scalar?.value) == [.string("1"), .integer(2), .float(3), .string("4")])
        #expect(error("!!python/object:os.system x")?.reason.contains("python/object") == true)
        #expect(error("!!int x") != nil)
        #expect(error("a: !custom [1]")?.position == YAMLPosition(line: 1, column: 4))
    }

    @Test("a stream holds several documents, an empty one is null, and no text is no document")
    func documents() throws {
        #expect(try parseYAML("a: 1\n---\nb: 2\n---\n...\n").map(\.kind) == ["a mapping", "a mapping", "null"])
        #expect(try parseYAML("").isEmpty)
        #expect(try parseYAML("# only a comment\n").isEmpty)
    }

    @Test("a duplicate key is refused, also when it is written differently")
    func duplicates() {
        #expect(
            error("a: 1\n'a': 2")
                == YAMLError("key “a” occurs twice; first in line 1", at: YAMLPosition(line: 2, column: 1)))
        #expect(error("- {x: 1}\n- {x: 2}") == nil)
    }

    @Test("keys are scalars, and merge keys are refused")
    func keys() {
        #expect(error("? [a, b]\n: 1")?.reason == "expected a scalar as key, found a list")
        #expect(error("a: &x {k: 1}\nb:\n  <<: *x")?.position.line == 3)
        #expect(error("'<<': 1") == nil)
    }

    @Test("an alias is a copy of its anchor, within its document only")
    func aliases() throws {
        let mapping = try #require(try document("a: &x [1, 2]\nb: *x\n").mapping)
        #expect(mapping["b"]?.sequence?.map(\.text) == ["1", "2"])
        #expect(mapping["b"]?.position == YAMLPosition(line: 2, column: 4))
        #expect(error("a: &x 1\n---\nb: *x")?.position.line == 3)
        #expect(error("&x [*x]")?.reason.contains("*x") == true)
    }
}
