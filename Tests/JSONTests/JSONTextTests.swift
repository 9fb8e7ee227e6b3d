import JSON
import Testing

@Suite struct JSONTextTests {
    @Test("a part is what is written, byte for byte, without the white space around it")
    func bytes() throws {
        let text = try JSONText(parsing: Array(#" { "a" : [ 1.50 , { "b":"\u0041/\/" } ] , "c":null } "#.utf8))
        #expect(String(decoding: text.bytes, as: UTF8.self) == #"{ "a" : [ 1.50 , { "b":"\u0041/\/" } ] , "c":null }"#)
        let elements = Array(try #require(text["a"]?.elements))
        #expect(elements.map { String(decoding: $0.bytes, as: UTF8.self) } == ["1.50", #"{ "b":"\u0041/\/" }"#])
        #expect(elements[1]["b"]?.stringValue == "A//")
        #expect(text["c"]?.isNull == true && text["d"] == nil && elements[0]["b"] == nil)
        #expect(text.members?.map(\.name) == ["a", "c"])
        #expect(elements[0].members == nil && text.elements == nil)
    }

    @Test("every value knows its kind, and is not taken for another")
    func kinds() throws {
        let text = try JSONText(parsing: Array(#"[null,true,-1,2.5,"x",[],{}]"#.utf8))
        let elements = Array(try #require(text.elements))
        #expect(elements.map(\.kind) == [.null, .boolean, .number, .number, .string, .array, .object])
        #expect(elements.map(\.integerValue) == [nil, nil, -1, nil, nil, nil, nil])
        #expect(elements.map(\.booleanValue) == [nil, true, nil, nil, nil, nil, nil])
        #expect(elements.map(\.stringValue) == [nil, nil, nil, nil, "x", nil, nil])
        #expect(
            text.value
                == .array([.null, .boolean(true), .integer(-1), .number(2.5), .string("x"), .array([]), .object([:])]))
    }

    @Test("a member is found also where its name is spelt with escapes or is not ASCII")
    func names() throws {
        let text = try JSONText(parsing: Array(#"{"\u0061\"":1,"é":2,"":3}"#.utf8))
        #expect(text["a\""]?.integerValue == 1 && text["é"]?.integerValue == 2 && text[""]?.integerValue == 3)
        #expect(text[#"\u0061\""#] == nil)
    }

    @Test("a member behind others that nest is found, whatever they hold")
    func nesting() throws {
        let inner = #"[[{"z":[1,2,{"z":3}]}],"}]\"z"]"#
        let text = try JSONText(parsing: Array("{\"y\":\(inner),\"z\":7}".utf8))
        #expect(text["z"]?.integerValue == 7)
        #expect(try text["y"]?.value == JSONValue(parsing: inner))
    }

    @Test("a string is checked wherever in it the odd byte stands", arguments: 0..<40)
    func oddBytes(position: Int) throws {
        for length in position..<40 {
            let around = (
                Array(repeating: UInt8(ascii: "x"), count: position), [UInt8](repeating: 0x7E, count: length - position)
            )
            func string(_ odd: [UInt8]) -> [UInt8] { [0x22] + around.0 + odd + around.1 + [0x22] }
            for refused: [UInt8] in [[0x1F], [0x00], [0xFF], [0x80], [0x5C, 0x78]] {
                #expect(throws: JSONError.self) { try JSONText(parsing: string(refused)) }
            }
            for (written, meant) in [
                (#"\n"#, "\n"), (#"\""#, "\""), ("é", "é"), ("\u{7F}", "\u{7F}"), (" !#[]", " !#[]"),
            ] {
                let expected =
                    String(decoding: around.0, as: UTF8.self) + meant + String(decoding: around.1, as: UTF8.self)
                #expect(try JSONText(parsing: string(Array(written.utf8))).stringValue == expected)
            }
            // A quote there ends the string, and what follows is too much.
            if length > position { #expect(throws: JSONError.self) { try JSONText(parsing: string([0x22])) } }
        }
    }

    @Test("texts are equal where they are written alike")
    func equality() throws {
        let text = try JSONText(parsing: Array(#"[{"a":1},{"a":1},{"a": 1}]"#.utf8))
        let elements = Array(try #require(text.elements))
        #expect(elements[0] == elements[1] && elements[0].hashValue == elements[1].hashValue)
        #expect(elements[0] != elements[2] && elements[0].value == elements[2].value)
        #expect(try JSONText.emptyObject == JSONText(parsing: Array("{}".utf8)))
        #expect(JSONText.emptyObject.value == .object([:]))
    }
}
