import Testing

@testable import Sigma

@Suite struct StringMatchingTests {
    @Test("a value is compared whole, and only ASCII letters lose their case")
    func wholeAndFolded() throws {
        #expect(try holds("F: /Opt/Tool", ["F": "/oPT/tOOL"]))
        #expect(try !holds("F: /opt/tool", ["F": "/opt/tools"]))
        #expect(try !holds("F: kelvin", ["F": "\u{212A}elvin"]))
        #expect(try !holds("F: Äpfel", ["F": "äpfel"]))
        #expect(try holds("F: Äpfel", ["F": "ÄPFEL"]))
    }

    @Test("the star stands for any run, newlines too, and the question mark for one code point")
    func wildcards() throws {
        #expect(try holds("F: 'a*b?d'", ["F": "A\nxx\nbcd"]))
        #expect(try holds("F: 'a*b?d'", ["F": "abéd"]))
        #expect(try !holds("F: 'a*b?d'", ["F": "abd"]))
        #expect(try holds("F: '?'", ["F": "é"]))
        #expect(try !holds("F: '??'", ["F": "é"]))
        #expect(try holds("F: '*ab?a*'", ["F": "ababxabca"]))
        #expect(try !holds("F: 'ab*ba'", ["F": "aba"]))
        #expect(try holds("F: '*'", ["F": ""]))
        #expect(try holds("F: 'x.y_%[z]'", ["F": "x.y_%[z]"]))
        #expect(try !holds("F: 'x.y_%[z]'", ["F": "xay_%[z]"]))
    }

    @Test("contains, startswith and endswith open the value's sides")
    func openSides() throws {
        #expect(try holds("F|contains: mid", ["F": "a MID b"]))
        #expect(try holds("F|contains: ''", ["F": ""]))
        #expect(try !holds("F|contains: ''", [:]))
        #expect(try holds("F|startswith: /a/b", ["F": "/A/b/c"]))
        #expect(try !holds("F|startswith: /a/b", ["F": " /a/b"]))
        #expect(try holds("F|endswith: /sh", ["F": "/bin/SH"]))
        #expect(try !holds("F|endswith: /sh", ["F": "/bin/sh\n"]))
        #expect(try holds("F|startswith: 'x*z'", ["F": "xyyz-"]))
        #expect(try holds("F|endswith: 'x?z'", ["F": "--xéz"]))
    }

    @Test(
        "a backslash escapes wildcards and itself, and is itself everywhere else",
        arguments: [
            (#"a\b"#, #"a\b"#, true), (#"a\\b"#, #"a\b"#, true), (#"a\\b"#, #"a\\b"#, false), (#"a\*"#, "a*", true),
            (#"a\*"#, "ab", false), (#"a\?"#, "a?", true), (#"a\\*"#, #"a\xyz"#, true), (#"a\\*"#, "axyz", false),
            (#"a\\\*"#, #"a\*"#, true), (#"a\\\\b"#, #"a\\b"#, true), (#"a\\\b"#, #"a\\b"#, true),
            (#"tail\"#, #"tail\"#, true),
        ])
    func escapes(value: String, field: String, expected: Bool) throws {
        #expect(try holds("F: '\(value)'", ["F": .text(field)]) == expected)
    }

    @Test("a trailing backslash does not escape the wildcard that a modifier appends")
    func trailingBackslash() throws {
        #expect(try holds(#"F|contains: 'dir\'"#, ["F": #"c:\dir\x"#]))
        #expect(try !holds(#"F|contains: 'dir\'"#, ["F": "c:dir*"]))
    }

    @Test("cased compares case, with and without wildcards")
    func cased() throws {
        #expect(try holds("F|cased: AbC", ["F": "AbC"]))
        #expect(try !holds("F|cased: AbC", ["F": "abc"]))
        #expect(try holds("F|contains|cased: 'X?Y'", ["F": "-XéY-"]))
        #expect(try !holds("F|cased|contains: XY", ["F": "-xy-XyX"]))
        #expect(try holds("F|endswith|cased: XY", ["F": "xyXY"]))
    }

    @Test("a stray byte is one character and hides nothing")
    func invalidUTF8() throws {
        let field = Value.bytes(Array("cat /e".utf8) + [0xFF] + Array("tc/shadow".utf8))
        #expect(try holds("F|contains: 'e?tc/shadow'", ["F": field]))
        #expect(try holds("F|re: 'e.tc/shadow$'", ["F": field]))
        #expect(try !holds("F|contains: etc", ["F": field]))
    }

    @Test("one of a list's elements is enough")
    func lists() throws {
        #expect(try holds("F|endswith: /sh", ["F": ["/bin/dash", "/bin/sh"]]))
        #expect(try !holds("F|endswith: /sh", ["F": []]))
        #expect(try holds("F|contains|all: [a, b]", ["F": ["a", "b"]]))
        #expect(try !holds("F|neq: a", ["F": ["a", "b"]]))
    }
}
