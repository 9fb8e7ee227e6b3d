import TestKit
import TestSupport
import Testing
import TocsinCommand
import TocsinEvents

@Suite struct ShellQuotingTests {
    @Test(
        "a word looks as a person would write it, and shows what a person must not be fooled by",
        arguments: [
            ("/usr/bin/ls", "/usr/bin/ls"), ("", "''"), ("a b", "'a b'"), ("$(reboot)", "'$(reboot)'"),
            ("it's", #"$'it\'s'"#), (#"C:\"#, #"'C:\'"#), ("a\nb", #"$'a\nb'"#), ("\u{1B}[31mred", #"$'\e[31mred'"#),
            ("\u{7F}\u{8}", #"$'\x7f\x08'"#), ("a\u{9B}31m", #"$'a\u009b31m'"#), ("naïve ✓", "'naïve ✓'"),
            // Bidirectional override and isolate, zero width space, soft hyphen, no-break space, line separator.
            ("a\u{202E}fdp.exe", #"$'a\u202efdp.exe'"#), ("\u{2066}", #"$'\u2066'"#), ("a\u{200B}b", #"$'a\u200bb'"#),
            ("a\u{AD}b", #"$'a\u00adb'"#), ("a\u{A0}b", #"$'a\u00a0b'"#), ("a\u{2028}b", #"$'a\u2028b'"#),
            // Tag characters, a private character, blank letters.
            ("\u{E0041}", #"$'\U000e0041'"#), ("\u{E000}", #"$'\ue000'"#), ("\u{3164}", #"$'\u3164'"#),
            // An accent on a letter, and one that would sit on the quote.
            ("e\u{301}", "'e\u{301}'"), ("\u{301}e", #"$'\u0301e'"#),
            ("~root", "'~root'"), ("-rf", "-rf"), ("a*?[b]", "'a*?[b]'"), ("!!", "'!!'"), ("…", "'…'"),
        ])
    func word(_ text: String, _ word: String) {
        #expect(ShellQuoting.word(ByteString(text)).unicodeScalars.elementsEqual(word.unicodeScalars))
    }

    @Test("bytes that are not UTF-8 are shown as bytes, what surrounds them as text")
    func invalid() {
        #expect(ShellQuoting.word(ByteString([0x61, 0xFF, 0xC3, 0xA9, 0xC3])) == #"$'a\xffé\xc3'"#)
    }

    @Test("a phrase is bare while it is printable")
    func phrase() {
        #expect(ShellQuoting.phrase("Reverse shell: it's bash") == "Reverse shell: it's bash")
        #expect(ShellQuoting.phrase("x\ny") == #"$'x\ny'"#)
    }

    @Test("bash reads every word back as exactly the bytes it was made from")
    func roundTrip() async throws {
        var generator = SeededGenerator(seed: 1)
        var texts: [ByteString] = [""]
        for byte in UInt8(1)...255 { texts.append(ByteString([byte])) }
        for byte in UInt8(1)...127 { texts.append(ByteString([UInt8(ascii: "'"), byte, UInt8(ascii: "0")])) }
        for _ in 0..<500 { texts.append(generator.text()) }
        // One bash for all of them: each word printed, each ended by NUL, which no word can hold.
        let script = texts.map { "printf '%s\\0' " + ShellQuoting.word($0) }.joined(separator: "\n")
        let result = try await Subprocess.run("/bin/bash", ["-c", script], environment: ["LC_ALL=C.UTF-8"])
        #expect(result.errors.isEmpty)
        let words = result.output.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
            ByteString(Array($0))
        }
        #expect(words == texts)
    }

    @Test("no word holds what a terminal acts upon")
    func harmless() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            let word = ShellQuoting.word(generator.text())
            let isHarmless = word.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && !$0.properties.isBidiControl
            }
            #expect(isHarmless, "\(word.debugDescription)")
        }
    }
}
