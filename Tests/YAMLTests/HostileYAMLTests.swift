import Testing
import YAML

@Suite struct HostileYAMLTests {
    private func error(_ bytes: some Collection<UInt8>, _ limits: YAMLLimits = YAMLLimits()) -> YAMLError? {
        do {
            _ = try parseYAML(bytes, limits: limits)
            return nil
        } catch { return error }
    }

    @Test("aliases that multiply are refused before they cost anything")
    func bomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...40 {
            let previous = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: previous, count: 10).joined(separator: ", "))]\n"
        }
        #expect(error(text.utf8)?.reason.contains("nodes allowed") == true)
    }

    @Test("nesting is bounded, in flow and in block style", arguments: ["[", "{a: ", "- ", "? "])
    func depth(opening: String) {
        let text = String(repeating: opening, count: 100_000)
        #expect(error(text.utf8)?.reason.isEmpty == false)
        var limits = YAMLLimits()
        limits.depth = 3
        #expect(error("[[[1]]]".utf8, limits) == nil)
        #expect(
            error("[[[[1]]]]".utf8, limits)
                == YAMLError("nested deeper than the 3 levels allowed", at: YAMLPosition(line: 1, column: 4)))
    }

    @Test("size and number of nodes are bounded")
    func bounds() {
        var limits = YAMLLimits()
        limits.bytes = 10
        #expect(error("0123456789".utf8, limits) == nil)
        #expect(error("0123456789a".utf8, limits)?.reason == "the text has 11 bytes, expected at most 10")
        limits = YAMLLimits()
        limits.nodes = 4
        #expect(error("[1, 2, 3]".utf8, limits) == nil)
        #expect(error("[1, 2, 3, 4]".utf8, limits)?.position == YAMLPosition(line: 1, column: 11))
    }

    @Test("bytes that are not UTF-8 are an error with their place")
    func invalidUTF8() {
        #expect(
            error(Array("a: b\nc: é".utf8) + [0xFF, 0x20])
                == YAMLError("byte 0xff is not UTF-8", at: YAMLPosition(line: 2, column: 5)))
        #expect(error([0xC3])?.position == YAMLPosition(line: 1, column: 1))
        // A byte order mark of UTF-16 is not a licence to be UTF-16.
        #expect(error([0xFF, 0xFE, 0x61, 0x00]) != nil)
    }

    @Test("a UTF-8 byte order mark is skipped, a control character is refused")
    func marks() throws {
        #expect(try parseYAML([0xEF, 0xBB, 0xBF] + Array("a".utf8)).first?.text == "a")
        #expect(error("a: b\nc: x\u{1}".utf8)?.position.line == 2)
        #expect(error("a: \0".utf8) != nil)
    }

    @Test(
        "what is not YAML says where and what was expected",
        arguments: [
            ("a: [1, 2", 1), ("a: b: c", 1), ("a: 'x", 1), ("a:\n\t- x", 2), ("a: 1\n b: 2", 2), ("%FOO\na", 1),
            ("a: *", 1),
            ("a: @x", 1), ("- a\nb: 1", 2), ("\"\\q\"", 1),
        ])
    func syntax(text: String, line: Int) throws {
        let refusal = try #require(error(text.utf8))
        #expect(refusal.position.line >= line)
        #expect(!refusal.reason.isEmpty)
    }

    @Test("any bytes at all end in documents or an error")
    func random() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("[]{}:,-?&*!|>'\"%@`# \n\tab01.~\\".utf8) + [0xC3, 0xA9, 0xEF, 0xBB, 0xBF, 0x00, 0xFF]
        for _ in 0..<3_000 {
            let count = Int.random(in: 0..<60, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
            if let error = error(bytes) { #expect(error.position.line >= 1 && error.position.column >= 1) }
        }
    }
}
