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
            written { writer in bytes.withUnsafeBufferPointer { writer.string(utf8: $0) } }
                == "\"a\u{FFFD}\\\"\u{FFFD}\"")
    }
}
