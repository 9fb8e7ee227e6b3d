import Testing
import TocsinEvents

@testable import TocsinSystemd

@Suite struct EventEntryTests {
    private func event(_ type: EventType, process: Process? = nil, file: File? = nil, gap: Gap? = nil) -> Event {
        Event(
            sequence: 7, cursor: Cursor(instance: 0xABC, sequence: 7), type: type, realtimeUSec: 1, monotonicUSec: 2,
            process: process, file: file, gap: gap)
    }

    private var curl: Process {
        var process = Process(entityID: "boot-4711-1", pid: 4711, startTimeNSec: 1)
        process.uid = 1000
        process.executable = "/usr/bin/curl"
        process.arguments = ["curl", "-s", "two words"]
        process.unit = "backup.service"
        return process
    }

    @Test("an execution names the process as the object, with its unit, and everything a reader may search for")
    func exec() {
        let entry = JournalEntry(event(.exec, process: curl)).dictionary
        #expect(entry["MESSAGE"] == #"exec 4711 (uid 1000): /usr/bin/curl -s "two words""#)
        #expect(entry["MESSAGE_ID"] == MessageID.processStarted.rawValue)
        #expect(entry["PRIORITY"] == "6")
        #expect(entry["OBJECT_PID"] == "4711")
        #expect(entry["OBJECT_SYSTEMD_UNIT"] == "backup.service")
        #expect(entry["TOCSIN_SEQUENCE"] == "7")
        #expect(entry["TOCSIN_CURSOR"] == "0000000000000abc:7")
        #expect(entry["TOCSIN_TYPE"] == "exec")
        #expect(entry["TOCSIN_EXECUTABLE"] == "/usr/bin/curl")
        #expect(entry["TOCSIN_ARGUMENTS"] == #"curl -s "two words""#)
        #expect(entry["TOCSIN_UID"] == "1000")
    }

    @Test("no field carries what a hostile process wrote raw, neither escapes nor newlines nor bytes that are no text")
    func hostile() {
        var process = curl
        let evil = ByteString([0x1B, 0x5B, 0x33, 0x31, 0x6D, 0x0A, 0xFF, 0x07])
        process.executable = evil
        process.filename = evil
        process.comm = evil
        process.arguments = [evil, evil]
        process.workingDirectory = evil
        process.cgroup = evil
        let entry = JournalEntry(event(.rename, process: process, file: File(path: evil, oldPath: evil)))
        #expect(entry.bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(entry.dictionary["TOCSIN_FILE"] == #"\x1b[31m\n\xff\x07"#)
    }

    @Test("the largest command line the kernel allows makes an entry of bounded size")
    func large() {
        var process = curl
        process.arguments = Arguments(Array(repeating: ByteString(Array(repeating: 0xFF, count: 1000)), count: 2000))
        let entry = JournalEntry(event(.exec, process: process))
        #expect(entry.bytes.count < 64 * 1024)
        #expect(entry.dictionary["MESSAGE"].map { $0.utf8.count < 4096 } == true)
        #expect(entry.dictionary["TOCSIN_ARGUMENTS"]?.contains("…") == true)
    }

    @Test("a detection has the rule's fields and the priority of its severity")
    func detection() {
        let detection = Detection(ruleID: "r-1", title: "Reverse\nshell", severity: .high, tags: ["a.b", "c.d"])
        let entry = JournalEntry(event(.exec, process: curl), detection)
        let fields = entry.dictionary
        #expect(fields["PRIORITY"] == "3")
        #expect(fields["MESSAGE_ID"] == MessageID.detection.rawValue)
        #expect(
            fields["MESSAGE"] == #"high: Reverse\nshell: exec 4711 (uid 1000): /usr/bin/curl -s "two words""#)
        #expect(fields["TOCSIN_RULE_ID"] == "r-1")
        #expect(fields["TOCSIN_TAGS"] == "c.d")
        #expect(entry.value("TOCSIN_TAGS").map { Array($0) } == Array("a.b".utf8))
        #expect(fields["OBJECT_PID"] == "4711")
    }

    @Test("files, ends and gaps read as sentences")
    func messages() {
        func message(_ event: Event) -> String? { JournalEntry(event).dictionary["MESSAGE"] }
        let file = File(path: "/etc/c", oldPath: "/etc/a b")
        #expect(
            message(event(.rename, process: curl, file: file))
                == #"rename "/etc/a b" to /etc/c by 4711 (uid 1000): /usr/bin/curl -s "two words""#)
        #expect(message(event(.modify, file: File(path: "/etc/passwd"))) == "modify /etc/passwd")
        var ended = curl
        ended.arguments = nil
        ended.exitSignal = 9
        #expect(message(event(.exit, process: ended)) == "exit 4711 (uid 1000): /usr/bin/curl, signal 9")
        #expect(
            message(event(.gap, gap: Gap(origin: .kernel, first: 4, last: 15, count: 12)))
                == "12 events lost: kernel, 4 to 15")
        #expect(
            message(event(.gap, gap: Gap(origin: .kernel))) == "events lost, nobody knows how many: kernel")
    }

    @Test("every type of event this version knows has a kind in the catalog")
    func kinds() {
        for type in EventType.known { #expect(MessageID(type) != nil, "\(type)") }
        #expect(MessageID(.unknown("later")) == nil)
    }
}
