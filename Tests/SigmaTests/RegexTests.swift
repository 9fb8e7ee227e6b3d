import Testing

@testable import Sigma

@Suite struct RegexTests {
    @Test(
        "an expression searches, minds case, and reads PCRE's syntax",
        arguments: [
            ("oo", "foo", true), ("Foo", "foo", false), ("(?i)Foo", "xfOO", true), ("a(?i)B|c", "C", true),
            ("a(?i:B)c", "abc", true), ("a(?i:B)c", "abC", false), ("^b", "ab", false), ("a|^b|c$", "xc", true),
            ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true), ("(?m)^b$", "a\nb\nc", true), ("^b$", "a\nb\nc", false),
            ("b$", "ab\n", true), ("b\\z", "ab\n", false), ("b\\Z", "ab\n", true), ("b$", "ab\n\n", false),
            ("\\sx", "\u{0B}x", true), ("\\sx", "\u{A0}x", false), ("\\dx", "٣x", false), ("\\w", "é", false),
            ("\\bé", "aé", true), ("x{2,3}y", "xxy", true), ("x{2}y", "axy", false), ("^x{,}$", "x{,}", true),
            ("-exec {}", "find -exec {} +", true), ("[^a]", "a\n", true), ("[]a]", "]", true), ("[a-]", "-", true),
            ("[[:digit:]_]+z", "1_z", true), ("[\\w.-]+@", "a.b-c@", true), ("\\x41\\x{e9}", "Aé", true),
            ("(?<name>a)b", "ab", true), ("(?:ab){2}", "abab", true), ("a+?b", "aab", true),
            ("\\/\\\"\\-", "/\"-", true),
            ("(?i)[k-s]", "\u{212A}", false), ("(?i)[^k]", "K", false), ("^.{3}$", "äöü", true), ("", "", true),
            ("(a|)$", "b", true), ("\\Qa", "a", nil),
        ] as [(String, String, Bool?)])
    func syntax(pattern: String, text: String, expected: Bool?) throws {
        let item = "F|re: '\(pattern)'"
        guard let expected else {
            #expect(throws: Refused.self) { try holds(item, [:]) }
            return
        }
        #expect(try holds(item, ["F": .text(text)]) == expected)
    }

    @Test("i, m and s are modifiers too")
    func flags() throws {
        #expect(try holds("F|re|i: foo", ["F": "FOO"]))
        #expect(try holds("F|re|m: '^b$'", ["F": "a\nb"]))
        #expect(try holds("F|re|s: 'a.b'", ["F": "a\nb"]))
        #expect(try holds("F|re|i|s: 'A.b'", ["F": "a\nB"]))
    }

    @Test(
        "what cannot be matched in linear time, or is not understood, is refused with its place",
        arguments: [
            ("a(?=b)", "lookahead"), ("a(?!b)", "lookahead"), ("(?<=a)b", "lookbehind"), ("(?<!a)b", "lookbehind"),
            ("(a)\\1", "backreferences"), ("(?P=x)", "backreferences"), ("(?>a)", "atomic"), ("a++", "possessive"),
            ("(?R)", "recursion"), ("(*FAIL)", "verbs"), ("\\p{L}", "escape"), ("[[:nope:]]", "class"),
            ("a{2000}", "above"),
            ("a{,3}", "lower bound"), ("*a", "repeat"), ("a**", "quantifier"), ("(a", "without its )"),
            ("a)", "unmatched"),
            ("[a", "without its ]"), ("[b-a]", "order"), ("a$\\n", "newline"), ("(?x)a", "not supported"),
            ("((a{900}){900}){900}", ""), ("\\", "backslash"),
        ])
    func refused(pattern: String, reason: String) throws {
        let refused = try #require(refusal("sel:\n  F|re: '\(pattern)'\ncondition: sel"))
        #expect(refused.kind == .regex)
        #expect(refused.line == 6)
        #expect(refused.reason.contains(reason), "\(refused.reason)")
    }

    @Test("groups nested by the thousand are refused, not followed")
    func nesting() {
        let pattern = String(repeating: "(", count: 10_000) + String(repeating: ")", count: 10_000)
        #expect(refusal("sel:\n  F|re: '\(pattern)'\ncondition: sel")?.reason.contains("nested") == true)
    }

    @Test(
        "the literals that have to occur are found",
        arguments: [
            ("foo\\s+barbar", ["barbar"]), ("(foo|ba[rz])x", ["foox", "barx", "bazx"]), ("[0-9]+", nil), ("a?", nil),
            ("(?i)ABC", ["abc"]), ("(abc)+d?", ["abc"]), ("x|y*", nil), ("^/tmp/[^/]+\\.so$", ["/tmp/"]),
        ] as [(String, [String]?)])
    func literals(pattern: String, expected: [String]?) throws {
        let found = try RegexPattern(pattern, flags: []).requiredLiterals
        #expect(found.map { $0.map { String(decoding: $0, as: UTF8.self) } } == expected)
    }

    @Test("a long subject is searched to its end, whatever it holds")
    func longSubjects() throws {
        let text = String(repeating: "-a", count: 500_000)
        #expect(try holds("F|re: '(-a){50,}b'", ["F": .text(text + "b")]))
        #expect(try !holds("F|re: '(-a){50,}b'", ["F": .text(text)]))
        #expect(try holds("F|re: '(x+x+)+y'", ["F": .text(String(repeating: "x", count: 100_000) + "y")]))
    }
}
