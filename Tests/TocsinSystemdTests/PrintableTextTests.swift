import Testing

@testable import TocsinSystemd

@Suite struct PrintableTextTests {
    private func printable(_ bytes: [UInt8], limit: Int = .max) -> String {
        var text: [UInt8] = []
        text.appendPrintable(bytes, limit: limit)
        return String(decoding: text, as: UTF8.self)
    }

    private func quoted(_ word: String) -> String {
        var text: [UInt8] = []
        text.appendQuoted(word.utf8, limit: 100)
        return String(decoding: text, as: UTF8.self)
    }

    @Test("terminal escapes, newlines and NUL are escaped, letters of all scripts pass")
    func controls() {
        #expect(printable(Array("\u{1B}[31mred\n\r\t\0\u{7F}é漢😀".utf8)) == #"\x1b[31mred\n\r\t\x00\x7fé漢😀"#)
    }

    @Test("the escape character is doubled, so what was escaped can be told from what was not")
    func backslash() {
        #expect(printable(Array(#"\x1b"#.utf8)) == #"\\x1b"#)
    }

    @Test("C1 controls, bidirectional overrides and line separators are escaped although they are UTF-8")
    func unicodeControls() {
        #expect(printable(Array("\u{9B}a\u{202E}b\u{2028}".utf8)) == #"\xc2\x9ba\xe2\x80\xaeb\xe2\x80\xa8"#)
    }

    @Test("what is invisible is escaped, and so is a mark with nothing to stand on")
    func invisible() {
        #expect(printable(Array("a\u{301}b\u{200B}\u{3164}".utf8)) == "a\u{301}b" + #"\xe2\x80\x8b\xe3\x85\xa4"#)
        #expect(printable(Array("\u{301}a".utf8)) == #"\xcc\x81a"#)
    }

    @Test(
        "bytes that are not UTF-8 are escaped one by one",
        arguments: [
            ([0xFF, 0x41], #"\xffA"#), ([0xC0, 0xAF], #"\xc0\xaf"#), ([0xE2, 0x80], #"\xe2\x80"#),
            ([0xED, 0xA0, 0x80], #"\xed\xa0\x80"#), ([0xF4, 0x90, 0x80, 0x80], #"\xf4\x90\x80\x80"#),
            ([0xE2, 0x41, 0x80], #"\xe2A\x80"#), ([0xF0, 0x82, 0x82, 0xAC], #"\xf0\x82\x82\xac"#),
        ] as [([UInt8], String)])
    func invalid(bytes: [UInt8], expected: String) {
        #expect(printable(bytes) == expected)
    }

    @Test("a cut never splits a character or an escape, and is marked")
    func cut() {
        #expect(printable(Array("abcdef".utf8), limit: 3) == "abc…")
        #expect(printable(Array("abc".utf8), limit: 3) == "abc")
        #expect(printable(Array("ab漢".utf8), limit: 4) == "ab…")
        #expect(printable([0x61, 0xFF], limit: 4) == "a…")
    }

    @Test("words are quoted when a reader could not tell where they end")
    func quoting() {
        #expect(quoted("plain-word_1,2:3/é") == "plain-word_1,2:3/é")
        #expect(quoted("") == "\"\"")
        #expect(quoted("two words") == "\"two words\"")
        #expect(quoted("a\"b\"") == #""a\"b\"""#)
        #expect(quoted("\"") == #""\"""#)
        #expect(quoted("$(id)") == "\"$(id)\"")
    }
}
