import Testing
import TocsinEvents

struct ArgumentsTests {
    @Test(
        "arguments are what stands between the NULs, empty ones too; the last NUL may be missing",
        arguments: [
            ("", []), ("a\0", ["a"]), ("a\0b c\0", ["a", "b c"]), ("a\0\0", ["a", ""]), ("\0", [""]),
            ("\0\0a", ["", "", "a"]),
            ("title without end", ["title without end"]),
        ] as [(String, [String])])
    func parts(_ text: String, _ expected: [String]) {
        let arguments = Arguments(bytes: Array(text.utf8))
        #expect(arguments.map(\.string) == expected)
        #expect(arguments.reversed().map(\.string) == expected.reversed())
        #expect(arguments.count == expected.count && arguments.isEmpty == expected.isEmpty)
        #expect(arguments.first?.string == expected.first && arguments.last?.string == expected.last)
        #expect(arguments.dropFirst().map(\.string) == expected.dropFirst().map { $0 })
        var inPlace: [String] = []
        arguments.forEachBytes { inPlace.append(String(decoding: $0, as: UTF8.self)) }
        #expect(inPlace == expected)
        #expect(arguments == Arguments(expected.map { ByteString($0) }))
    }

    @Test("an argument ends at its first NUL, and stays one argument")
    func embeddedNUL() {
        #expect(Arguments([ByteString([0x61, 0, 0x62]), "c", ByteString([0])]) == ["a", "c", ""])
    }

    @Test("arguments that were cut take as much memory as they are long")
    func exactMemory() {
        let cut = Arguments(bytes: Array(repeating: 0x61, count: 1000))
        #expect(cut.bytes.count == 1001 && cut.bytes.capacity < 1001 + 64)
    }
}
