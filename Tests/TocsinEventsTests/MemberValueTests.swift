import JSON
import Testing
import TocsinEvents

/// An event is read from its text where it is told, and from a tree where one is at hand: both say the same.
@Suite struct MemberValueTests {
    private static func event(_ members: String) -> String {
        #"{"sequence":7,"cursor":"00000000000000a5:7","type":"exec","realtimeUSec":1,"monotonicUSec":2,\#(members)}"#
    }

    private static func process(_ members: String) -> String {
        event(#""process":{"entityId":"e","pid":1,"startTimeNSec":2,\#(members)}"#)
    }

    private func read(_ body: () throws(MemberError) -> Event) -> Result<Event, MemberError> {
        do throws(MemberError) { return .success(try body()) } catch { return .failure(error) }
    }

    @Test(
        "what is wrong is named alike in a text and in its tree, and what is right is read alike",
        arguments: [
            event(#""process":null,"ancestors":null,"file":null,"gap":null,"detections":null,"truncated":null"#),
            event(#""process":[]"#), event(#""process":"x""#), event(#""ancestors":{}"#),
            event(#""ancestors":[{"entityId":"e","pid":1,"startTimeNSec":2},null]"#), event(#""truncated":["a",1]"#),
            event(#""truncated":["\u0061\n","é"]"#), event(#""fullBytes":1.0"#), event(#""fullBytes":-1"#),
            event(#""fullBytes":99999999999999999999"#), event(#""file":{"inode":-1,"path":"\/\u0061"}"#),
            process(#""comm":null,"gone":null,"flags":null"#), process(#""comm":5"#), process(#""gone":1"#),
            process(#""comm":"a\"\\\u00e9\ud83d\ude00b","executable":"/\u0062in""#),
            process(#""commBase64":"YQ==","comm":5"#), process(#""commBase64":"?""#), process(#""commBase64":5"#),
            process(#""arguments":["\t",""]"#), process(#""arguments":["",null]"#), process(#""arguments":"a""#),
            process(#""argumentsBase64":["YQ==","?"]"#), process(#""uid":4294967296"#), process(#""uid":-1"#),
            process(#""parentPid":2147483648"#), process(#""\u0063omm":"x","pi\u0064":1"#),
            process(#""namespaces":{}"#), process(#""executableInode":-1,"executableDevice":9223372036854775807"#),
        ])
    func textAndTree(json: String) throws {
        // One of them has a member twice, spelt differently.
        guard let text = try? JSONText(parsing: Array(json.utf8)) else {
            #expect(throws: JSONError.self) { try JSONValue(parsing: json) }
            return
        }
        let tree = try JSONValue(parsing: json)
        #expect(
            read { () throws(MemberError) in try Event(json: text) }
                == read { () throws(MemberError) in try Event(json: tree) })
    }

    @Test("an ancestor that no line tells of is not looked at in a summary, and has to be right in the whole")
    func distantAncestor() throws {
        let near = #"{"entityId":"e","pid":1,"startTimeNSec":2}"#
        let text = try JSONText(parsing: Array(Self.event(#""ancestors":[\#(near),{"entityId":5}]"#).utf8))
        #expect(try Event(json: text, .summary).ancestors.map(\.entityID) == ["e"])
        #expect(throws: MemberError(member: "ancestors[1].entityId", expected: "a string")) { try Event(json: text) }
    }

    @Test("an integer out of range is told the range, which ends where Varlink's integers do")
    func range() throws {
        for (json, message) in [
            (
                Self.event(#""gap":{"origin":"kernel","first":-1}"#),
                "gap.first: expected an integer from 0 to 9223372036854775807"
            ),
            (Self.process(#""uid":4294967296"#), "process.uid: expected an integer from 0 to 4294967295"),
        ] {
            let text = try JSONText(parsing: Array(json.utf8))
            let error = #expect(throws: MemberError.self) { try Event(json: text) }
            #expect(error?.description == message)
        }
    }
}
