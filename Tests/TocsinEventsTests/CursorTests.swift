import Testing
import TocsinEvents

@Suite struct CursorTests {
    @Test("a cursor survives being written and read")
    func roundTrip() {
        let cursor = Cursor(instance: 0xA5, sequence: .max)
        #expect(cursor.description == "00000000000000a5:18446744073709551615")
        #expect(Cursor(cursor.description) == cursor)
    }

    @Test(
        "what is not a cursor is refused",
        arguments: [
            "", ":", "a5:1", "00000000000000a5:", "00000000000000a5:-1", "00000000000000a5:+1", "+0000000000000a5:1",
            "00000000000000a5:1:2",
        ]
    )
    func malformed(_ text: String) {
        #expect(Cursor(text) == nil)
    }
}
