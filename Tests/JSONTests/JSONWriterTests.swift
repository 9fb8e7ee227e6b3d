import JSON
import Testing

@Suite struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test("commas stand between members and elements only")
    func commas() {
        let json = written {
            $0.beginObject()
            $0.member("a", 1)
            $0.name("b")
            $0.beginArray()
            $0.integer(Int64.min)
            $0.integer(UInt64.max)
            $0.beginObject()
            $0.endObject()
            $0.endArray()
            $0.member("c", Optional<Int>.none)
            $0.member("d", true)
            $0.endObject()
        }
        #expect(json == #"{"a":1,"b":[-9223372036854775808,18446744073709551615,{}],"d":true}"#)
    }

    @Test("control characters, quotes and backslashes are escaped, also behind non-ASCII text")
    func escapes() {
        #expect(written { $0.string("a\"\\\n\u{1}\u{7F}é\"\u{1B}") } == #""a\"\\\n\u0001\u007fé\"\u001b""#)
    }

    @Test("bytes that are not UTF-8 are replaced, and what follows them is still escaped")
    func invalidUTF8() {
        let bytes: [UInt8] = [0x61, 0xFF, 0x22, 0xC3]
        #expect(
            written { writer in bytes.withUnsafeBufferPointer { _ = writer.string(utf8: $0) } }
                == "\"a\u{FFFD}\\\"\u{FFFD}\"")
    }

    @Test("every byte is escaped, repaired or kept, wherever in the text it stands")
    func everyByte() throws {
        // The parser refuses U+0000.
        for byte in UInt8(1)...UInt8.max {
            for position in 0..<17 {
                var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 17)
                bytes[position] = byte
                let text = written { writer in bytes.withUnsafeBufferPointer { _ = writer.string(utf8: $0) } }
                // Nothing raw that a terminal would act on.
                #expect(!text.utf8.contains { $0 < 0x20 || $0 == 0x7F })
                #expect(try JSONValue(parsing: Array(text.utf8)) == .string(String(decoding: bytes, as: UTF8.self)))
            }
        }
    }

    @Test("whether text was UTF-8 is told")
    func validity() {
        let texts: [([UInt8], Bool)] = [
            ([], true), ([0x61], true), (Array("é\n".utf8), true), ([0xC3], false), ([0x0A, 0x61, 0xFF], false),
        ]
        for (bytes, isValid) in texts {
            var writer = JSONWriter()
            #expect(bytes.withUnsafeBufferPointer { writer.string(utf8: $0) } == isValid)
        }
    }

    @Test("what is written again of the same words is the same, and of others is theirs")
    func repeated() {
        var writer = JSONWriter()
        func pair(_ first: UInt64, _ second: UInt64) {
            writer.repeated([first, second, 0, 0]) { writer in
                writer.beginArray()
                writer.integer(first)
                writer.integer(second)
                writer.endArray()
            }
        }
        writer.beginArray()
        for second in [0, 1, 1, 2, 1, 1] as [UInt64] { pair(0, second) }
        pair(1, 1)
        writer.endArray()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[[0,0],[0,1],[0,1],[0,2],[0,1],[0,1],[1,1]]")
        writer.removeAll()
        writer.beginObject()
        writer.name("a")
        pair(1, 1)
        writer.member("b", 2)
        writer.endObject()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":[1,1],"b":2}"#)
    }

    @Test("a position is sixteen hexadecimal digits and a decimal number, whatever they are")
    func position() {
        for instance in [0, 1, 0xF, 0x9A, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, .max] as [UInt64] {
            var writer = JSONWriter()
            writer.string(hexadecimal: instance, decimal: instance)
            let digits = String(instance, radix: 16)
            let text = String(repeating: "0", count: 16 - digits.count) + digits + ":\(instance)"
            #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"\(text)\"")
        }
    }

    @Test("integers of every length, and the largest of both signs, are written as the standard library would")
    func integers() {
        for digits in 0..<20 {
            let power = (0..<digits).reduce(UInt64(1)) { value, _ in value * 10 }
            for value in [power - 1, power, power + 1] { #expect(written { $0.integer(value) } == "\(value)") }
        }
        #expect(written { $0.integer(UInt64.max) } == "\(UInt64.max)")
        #expect(written { $0.integer(Int64.min) } == "\(Int64.min)")
    }
}
