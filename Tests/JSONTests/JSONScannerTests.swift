import JSON
import Testing

@Suite struct JSONScannerTests {
    private func error(_ bytes: [UInt8], maximumDepth: Int = 64) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONValue(parsing: bytes, maximumDepth: maximumDepth)
            return nil
        } catch {
            return error
        }
    }

    private func error(_ text: String) -> JSONError? { error(Array(text.utf8)) }

    @Test("every kind of value is read, with white space anywhere")
    func values() throws {
        let text = "\t{ \"a\" : [ 1 , -0.5e2 , true , false , null , \"x\" ] , \"b\" : { } , \"c\" : [ ] }\r\n"
        let expected: JSONObject = [
            "a": .array([.integer(1), .number(-50), .boolean(true), .boolean(false), .null, .string("x")]),
            "b": .object([:]), "c": .array([]),
        ]
        #expect(try JSONValue(parsing: text) == .object(expected))
    }

    @Test("escapes become the characters they stand for, surrogate pairs included")
    func escapes() throws {
        #expect(
            try JSONValue(parsing: #""\"\\\/\b\f\n\r\tA\u00e9\u20AC\ud83d\ude00z""#)
                == .string("\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{20AC}\u{1F600}z"))
    }

    @Test("what the writer wrote, the parser reads back")
    func roundTrip() throws {
        let value: JSONValue = .object([
            "é\u{1}\"": .array([.integer(.min), .integer(.max), .number(0.1), .string("\u{1F600}\u{7F}")]),
            "": .object(["": .null]),
        ])
        var writer = JSONWriter()
        writer.value(value)
        #expect(try JSONValue(parsing: writer.bytes) == value)
    }

    @Test("integers keep 64 bits; beyond them a number becomes the nearest double")
    func integers() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
        #expect(try JSONValue(parsing: "9223372036854775808") == .number(0x1p63))
        #expect(try JSONValue(parsing: "-9223372036854775809") == .number(-0x1p63))
        #expect(try JSONValue(parsing: "-0") == .integer(0))
        #expect(try JSONValue(parsing: "1.0") == .number(1))
    }

    @Test("an integer ends where its digits do, however many there are and whatever follows", arguments: 1..<24)
    func digits(count: Int) throws {
        let digits = String("123456789012345678901234".prefix(count))
        let double = try #require(Double(digits))
        let value = Int64(digits).map(JSONValue.integer) ?? .number(double)
        for (before, behind) in [("", ""), (" ", " "), ("[", "]"), ("[", ",0]"), ("{\"a\":", "}"), ("[", " ]")] {
            let read = try JSONValue(parsing: before + digits + behind)
            #expect((read.arrayValue?.first ?? read.objectValue?["a"] ?? read) == value)
            #expect(error(before + digits + "x" + behind)?.offset == before.utf8.count + count)
            #expect((error(before + "0" + digits + behind)?.expected == "a number without leading zeros"))
        }
        // Bytes of which some bits are a digit's.
        for odd: UInt8 in [0x2F, 0x3A, 0x70, 0xB0, 0xB9, 0xFF] {
            for position in 0..<count {
                var text = Array("[\(digits)]".utf8)
                text[1 + position] = odd
                #expect(error(text)?.offset == 1 + position)
            }
        }
        for behind in [".5", "e1", "E+1", ".0e-1"] {
            #expect(try JSONValue(parsing: digits + behind) == .number(try #require(Double(digits + behind))))
        }
    }

    @Test("numbers beyond a double, and numbers without end, are refused")
    func hugeNumbers() {
        #expect(error("1e999")?.expected == "a number in the range of a double")
        #expect(error("-1e400")?.offset == 0)
        #expect(error("1e" + String(repeating: "9", count: 100_000)) != nil)
        #expect(error(String(repeating: "9", count: 1_000_000)) != nil)
        #expect(error("0." + String(repeating: "1", count: 1_000_000)) != nil)
    }

    @Test(
        "what is not JSON is refused where it stops being JSON",
        arguments: [
            ("", 0), (" ", 1), ("{", 1), ("[", 1), ("[1", 2), ("[1,]", 3), ("[,1]", 1), ("{\"a\"}", 4),
            ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{a:1}", 1), ("01", 0), ("1.", 2), ("1e", 2), ("-", 1), ("+1", 0),
            (".5", 0), ("tru", 0), ("nul", 0), ("True", 0), ("NaN", 0), ("Infinity", 0), ("'a'", 0), ("\"a", 2),
            ("1 2", 2), ("{} {}", 3), ("[1]x", 3), ("//\n1", 0), ("\u{FEFF}1", 0), ("\"\\x\"", 1), ("\"\\u12G4\"", 5),
        ])
    func malformed(text: String, offset: Int) {
        #expect(error(text)?.offset == offset, "\(text)")
    }

    @Test("lone surrogates are refused", arguments: [#""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800x""#])
    func loneSurrogates(text: String) {
        #expect(error(text)?.expected == "a surrogate pair")
    }

    @Test("NUL is refused inside strings, raw and escaped, and so are raw control characters")
    func controlCharacters() {
        #expect(error(#""\u0000""#)?.expected == "a string without U+0000")
        #expect(error([0x22, 0x00, 0x22])?.offset == 1)
        #expect(error([0x22, 0x1F, 0x22])?.offset == 1)
        #expect(error("\"a\nb\"")?.offset == 2)
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(error([0x22] + bytes + [0x22])?.expected == "UTF-8")
        // The way of a string with escapes is another.
        #expect(error(Array(#""\n"#.utf8) + bytes + [0x22])?.expected == "UTF-8")
        #expect(error([0x7B, 0x22] + bytes + Array("\":1}".utf8))?.expected == "UTF-8")
    }

    @Test("nesting deeper than allowed is refused before it reaches the stack")
    func nesting() throws {
        let deep = String(repeating: "[", count: 1_000_000)
        #expect(error(deep)?.offset == 64)
        #expect(error(String(repeating: "{\"a\":", count: 1_000_000))?.expected == "at most 64 levels of nesting")
        let allowed = Array(String(repeating: "[", count: 8).utf8) + Array(String(repeating: "]", count: 8).utf8)
        #expect(error(allowed, maximumDepth: 8) == nil)
        #expect(error(allowed, maximumDepth: 7)?.offset == 7)
        // Siblings do not add up.
        #expect(error("[" + String(repeating: "[[]],", count: 1000) + "0]") == nil)
    }

    @Test("a member name that comes twice is refused, among few members and among many")
    func duplicateNames() {
        #expect(error(#"{"a":1,"b":2,"a":3}"#) == JSONError(offset: 13, expected: "each member name once"))
        // The same name under another spelling.
        #expect(error(#"{"a":1,"\u0061":2}"#)?.offset == 7)
        let many = (0..<100).map { "\"\($0)\":0" }
        for repeated in [0, 15, 16, 17, 99] {
            #expect(error("{" + (many + ["\"\(repeated)\":0"]).joined(separator: ",") + "}") != nil, "\(repeated)")
        }
        #expect(error("{" + many.joined(separator: ",") + "}") == nil)
    }

    @Test("names that are canonically equivalent but differ in bytes are refused as one, as Swift compares them")
    func equivalentNames() {
        #expect(error("{\"\u{E9}\":1,\"e\u{301}\":2}") != nil)
    }

    @Test("a value has the size from which the bound on memory follows")
    func memory() {
        #expect(MemoryLayout<JSONValue>.stride <= 24)
    }

    @Test("any cut through a text is refused")
    func truncation() throws {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é",true,null],"b":{"c":false}}"#.utf8)
        #expect(error(text) == nil)
        for length in text.indices { #expect(error(Array(text[..<length])) != nil, "\(length)") }
    }

    @Test("no change of any byte crashes the parser")
    func mutation() {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é",true,null],"b":{"c":false}}"#.utf8)
        for index in text.indices {
            for byte in UInt8.min...UInt8.max {
                var mutated = text
                mutated[index] = byte
                if let error = error(mutated) { #expect(error.offset <= text.count) }
            }
        }
    }
}
