import JSON
import TestKit
import Testing
import TocsinEvents

@Suite struct EventDecodingTests {
    private static let cursor = "00000000000000a5:7"
    private static let process: JSONObject = [
        "entityId": .string("boot-1-2"), "pid": .integer(1), "startTimeNSec": .integer(2),
    ]
    private static let event: JSONObject = [
        "sequence": .integer(7), "cursor": .string(cursor), "type": .string("exec"), "realtimeUSec": .integer(1),
        "monotonicUSec": .integer(2),
    ]

    private func decoded(_ change: (inout JSONObject) -> Void) throws(MemberError) -> Event {
        var object = Self.event
        change(&object)
        return try Event(json: .object(object))
    }

    @Test("the five required members make an event")
    func smallest() throws {
        let event = try decoded { _ in }
        #expect(
            event
                == Event(
                    sequence: 7, cursor: Cursor(instance: 0xA5, sequence: 7), type: .exec, realtimeUSec: 1,
                    monotonicUSec: 2))
    }

    @Test("members, event types and flags of a newer interface are tolerated")
    func newer() throws {
        let event = try decoded {
            $0["type"] = .string("teleport")
            $0["wormhole"] = .object(["depth": .number(0.5)])
            var process = Self.process
            process["flags"] = .array([.string("script"), .string("quantum")])
            process["colour"] = .array([])
            $0["process"] = .object(process)
        }
        #expect(event.type == .unknown("teleport"))
        #expect(event.process?.flags == .script)
    }

    @Test("null is the same as absent")
    func null() throws {
        #expect(try decoded { $0["process"] = .null } == decoded { _ in })
        #expect(throws: MemberError.self) { try decoded { $0["type"] = .null } }
    }

    @Test("exact bytes come from the base64 member, whatever the readable one says")
    func exactBytes() throws {
        let event = try decoded {
            var process = Self.process
            process["executable"] = .string("/bin/\u{FFFD}")
            process["executableBase64"] = .string("L2Jpbi//")
            process["arguments"] = .array([.string("a"), .string("\u{FFFD}")])
            process["argumentsBase64"] = .array([.string("YQ=="), .string("/w==")])
            $0["process"] = .object(process)
        }
        #expect(event.process?.executable == ByteString(Array("/bin/".utf8) + [0xFF]))
        #expect(event.process?.arguments == ["a", ByteString([0xFF])])
    }

    @Test(
        "an error names the member and what was expected there",
        arguments: [
            (["sequence"], JSONValue.integer(-1), "sequence: expected an integer from 0 to 9223372036854775807"),
            (["sequence"], .string("7"), "sequence: expected an integer"),
            (["cursor"], .string("7"), "cursor: expected a cursor (16 hexadecimal digits, a colon, a number)"),
            (["type"], .null, "type: expected a string"),
            (["process"], .array([]), "process: expected an object"),
            (["process"], .object([:]), "process.entityId: expected a string"),
            (["process", "pid"], .integer(1 << 31), "process.pid: expected an integer from -2147483648 to 2147483647"),
            (["process", "gone"], .integer(1), "process.gone: expected true or false"),
            (["process", "arguments"], .array([.string(""), .null]), "process.arguments[1]: expected a string"),
            (["process", "argumentsBase64"], .array([.string("?")]), "process.argumentsBase64[0]: expected base64"),
            (["process", "namespaces"], .object([:]), "process.namespaces.pid: expected an integer"),
            (["ancestors"], .array([.object(process), .null]), "ancestors[1]: expected an object"),
            (["file"], .object(["inode": .boolean(true)]), "file.inode: expected an integer"),
            (["detections"], .array([.object([:])]), "detections[0].severity: expected a severity"),
            (
                ["gap"], .object(["origin": .string("moon")]),
                "gap.origin: expected one of kernel, daemon, session, restart"
            ),
        ] as [([String], JSONValue, String)])
    func errors(path: [String], value: JSONValue, message: String) {
        let error = #expect(throws: MemberError.self) {
            try decoded {
                if path.count == 2 {
                    var process = Self.process
                    process[path[1]] = value
                    $0[path[0]] = .object(process)
                } else {
                    $0[path[0]] = value
                }
            }
        }
        #expect(error?.description == message)
    }

    @Test("what is written is read back as the same event, also text that is not UTF-8", arguments: 1...UInt64(400))
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let event = generator.event()
        var writer = JSONWriter()
        writer.event(event)
        #expect(try Event(json: JSONValue(parsing: writer.bytes)) == event)
        let text = try JSONText(parsing: writer.bytes)
        #expect(try Event(json: text) == event)
        #expect(try Event(json: text, .summary) == summary(of: event))
        #expect(try Event.cursor(of: text) == event.cursor)
    }

    /// What a line on a terminal tells, and what an event cannot be without.
    private func summary(of event: Event) -> Event {
        func summary(of process: Process) -> Process {
            var summary = process
            (summary.processGroup, summary.gid, summary.effectiveUid, summary.effectiveGid) = (nil, nil, nil, nil)
            (summary.loginUid, summary.auditSession, summary.tty) = (nil, nil, nil)
            (summary.executableDevice, summary.executableInode) = (nil, nil)
            (summary.workingDirectory, summary.cgroup, summary.namespaces) = (nil, nil, nil)
            return summary
        }
        var short = event
        short.process = event.process.map(summary)
        short.ancestors = event.ancestors.prefix(1).map(summary)
        return short
    }

    @Test("an event that is no object is refused")
    func noObject() {
        #expect(throws: MemberError.self) { try Event(json: .array([])) }
    }
}
