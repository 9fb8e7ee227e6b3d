import Logging
import Synchronization
import Testing
import TocsinEvents

@testable import TocsinSystemd

@Suite struct JournalEntryTests {
    @Test(
        "metadata keys become valid field names",
        arguments: [
            ("ruleID", "RULE_ID"), ("rule-id", "RULE_ID"), ("rule.id", "RULE_ID"), ("_PID", "PID"), ("a__b", "A_B"),
            ("9lives", "LIVES"), ("x=\ny", "X_Y"), ("pid2", "PID2"), ("trailing_", "TRAILING"),
        ])
    func names(key: String, expected: String) {
        #expect(JournalEntry.fieldName(key).map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test("a name without anything usable is dropped, a long one is cut")
    func hostileNames() {
        #expect(JournalEntry.fieldName("=\n漢") == nil)
        #expect(JournalEntry.fieldName(String(repeating: "aB", count: 100))?.count == JournalEntry.maximumName)
        var entry = JournalEntry(.info, nil)
        entry.field(dynamic: "=", "value")
        #expect(entry.ends.count == 1)
    }

    @Test("a log message has its values as fields and behind the message, and names its place in the code")
    func logging() throws {
        let entry = try logged {
            $0.log(
                level: .warning, .clientRefused, "Client refused",
                metadata: ["peerUID": "1000", "reason": "evil\n\u{1B}[2J text", "objectPID": "77"], file: "F.swift",
                function: "f()", line: 3)
        }
        #expect(entry["PRIORITY"] == "4")
        #expect(entry["MESSAGE_ID"] == MessageID.clientRefused.rawValue)
        #expect(entry["MESSAGE"] == #"Client refused objectPID=77 peerUID=1000 reason="evil\n\x1b[2J text""#)
        #expect(entry["TOCSIN_PEER_UID"] == "1000")
        #expect(entry["OBJECT_PID"] == "77")
        #expect(entry["CODE_FILE"] == "F.swift")
        #expect(entry["CODE_LINE"] == "3")
        #expect(entry["CODE_FUNC"] == "f()")
        #expect(entry["SYSLOG_IDENTIFIER"] == "tocsind")
        #expect(entry["TOCSIN_MESSAGE_ID"] == nil)
    }

    @Test("standard error gets a line that names program and level, or the priority that journald reads")
    func line() {
        var entry = JournalEntry(.error, nil)
        entry.field("MESSAGE", "two\nlines")
        #expect(entry.line(identifier: "tocsind", withPriority: false) == Array("tocsind: error: two\\nlines\n".utf8))
        #expect(entry.line(identifier: "tocsind", withPriority: true) == Array("<3>two\\nlines\n".utf8))
    }

    @Test("the journal is chosen only where standard error leads to it")
    func destination() {
        func choose(_ stream: String?, reachable: Bool = true) -> JournalDestination {
            .choose(journalStream: stream, standardError: (9, 4711), socketReachable: reachable)
        }
        #expect(choose("9:4711") == .journal)
        #expect(choose("9:4711", reachable: false) == .standardErrorWithPriority)
        #expect(choose("9:1") == .standardError)
        #expect(choose(nil) == .standardError)
    }

    private func logged(_ body: (Logger) -> Void) throws -> [String: String] {
        let entries = Mutex<[JournalEntry]>([])
        let box = Received(entries: entries)
        let writer = try JournalWriter(
            identifier: "tocsind", destination: .journal,
            queue: JournalQueue(maximumEntries: 10, maximumBytes: 1 << 20), send: { box.append($0) })
        body(Logger(label: "test") { JournalLogHandler(label: $0, writer: writer) })
        #expect(writer.close())
        return try #require(box.all.first).dictionary
    }

    private final class Received: Sendable {
        private let entries: Mutex<[JournalEntry]>
        init(entries: consuming Mutex<[JournalEntry]>) { self.entries = entries }
        func append(_ entry: JournalEntry) -> Bool {
            entries.withLock { $0.append(entry) }
            return true
        }
        var all: [JournalEntry] { entries.withLock { $0 } }
    }
}

extension JournalEntry {
    /// The fields, the last of a name.
    var dictionary: [String: String] {
        var fields: [String: String] = [:]
        var start = 0
        for end in ends {
            let field = String(decoding: bytes[start..<end], as: UTF8.self)
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[String(parts[0])] = String(parts[1])
            start = end
        }
        return fields
    }
}
