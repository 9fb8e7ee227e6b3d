import Glibc
import JSON
import TestKit
import TestSupport
import Testing

/// `tocsin rules`, the built program on real files.
@Suite struct RulesCommandTests {
    private static let rule = """
        title: Curl
        id: 00000000-0000-4000-8000-000000000001
        name: curl_runs
        logsource: {category: process_creation, product: linux}
        detection:
          selection: {Image|endswith: /curl}
          condition: selection
        level: medium
        """
    private static let broken = """
        title: Broken
        logsource: {category: process_creation, product: linux}
        detection:
          selection: {Image|endwith: /curl}
          condition: selection
        """

    private func tocsin(_ arguments: [String]) async throws -> Subprocess {
        try await Subprocess.run(BuiltProgram.path("tocsin"), ["rules"] + arguments)
    }

    /// The path of a new file that is removed when `body` has returned.
    private func withFile(_ text: String, _ suffix: String = ".yml", _ body: (String) async throws -> Void) async throws
    {
        let path = "/tmp/tocsin-rules-\(UInt64.random(in: 0 ... .max))\(suffix)"
        let file = try #require(fopen(path, "wxe"))
        fputs(text, file)
        fclose(file)
        defer { unlink(path) }
        try await body(path)
    }

    @Test("list prints a line for each rule, show all that a rule says, by id, name or path")
    func display() async throws {
        try await withFile(Self.rule) { path in
            let list = try await tocsin(["list", path])
            #expect(list.status == 0, "\(list.errorText)")
            #expect(list.text == "medium        00000000-0000-4000-8000-000000000001 Curl\n")
            for name in ["00000000-0000-4000-8000-000000000001", "curl_runs"] {
                let show = try await tocsin(["show", name, "--rules", path])
                #expect(show.text.contains("Title:           Curl\n"), "\(show.text)")
                #expect(show.text.contains("File:            \(path):1\n"), "\(show.text)")
            }
            #expect(try await tocsin(["show", path]).text.contains("curl_runs"))
            let unknown = try await tocsin(["show", "nobody", "--rules", path])
            #expect(unknown.status == 1 && unknown.errorText.contains("nobody"))
        }
    }

    @Test("check says where and why a rule is refused, in status 1, and counts what loads")
    func check() async throws {
        try await withFile(Self.rule + "\n---\n" + Self.broken) { path in
            let end = try await tocsin(["check", path])
            #expect(end.status == 1)
            #expect(end.text.contains("\(path):13:"), "\(end.text)")
            #expect(end.text.contains("endwith"), "\(end.text)")
            #expect(end.text.contains("1 loaded, 1 refused, 0 not applicable"), "\(end.text)")
        }
        try await withFile(Self.rule) { path in
            let end = try await tocsin(["check", path])
            #expect(end.status == 0)
        }
    }

    @Test(
        "a rule file or directory that does not exist is said to be missing, not refused", arguments: ["list", "check"])
    func missing(_ command: String) async throws {
        let end = try await tocsin([command, "/nonexistent"])
        #expect(end.status == 1)
        #expect(end.text == "")
        #expect(end.errorText == "tocsin: /nonexistent: No such file or directory\n")
    }

    @Test("what a rule's author wrote reaches no terminal as an escape sequence or an override")
    func hostile() async throws {
        let hostile = Self.rule.split(separator: "Curl").joined(separator: #""\e[2J\u202EgpJ""#)
        try await withFile(hostile) { path in
            for arguments in [["list", path], ["show", path]] {
                let end = try await tocsin(arguments)
                #expect(end.status == 0, "\(end.errorText)")
                #expect(!end.text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" }, "\(end.text)")
                #expect(end.text.contains("gpJ"))
            }
        }
    }

    @Test("test answers each event with the sorted ids of the rules that match, from a file and from standard input")
    func test() async throws {
        let events = """
            {"id":1,"category":"process_creation","fields":{"Image":"/usr/bin/curl"}}
            {"id":"two","category":"process_creation","fields":{"Image":"/usr/bin/wget"}}

            {"id":3,"category":"file_event","fields":{"Image":"/usr/bin/curl"}}
            """
        let answers = """
            {"id":1,"rules":["00000000-0000-4000-8000-000000000001"]}
            {"id":"two","rules":[]}
            {"id":3,"rules":[]}

            """
        try await withFile(Self.rule) { rules in
            try await withFile(events, ".jsonl") { events in
                let end = try await tocsin(["test", "--rules", rules, events])
                #expect(end.status == 0, "\(end.errorText)")
                #expect(end.text == answers)
                let piped = try await Subprocess.run(
                    "/bin/sh",
                    ["-c", #""$0" rules test --rules "$1" - < "$2""#, BuiltProgram.path("tocsin"), rules, events])
                #expect(piped.text == answers, "\(piped.errorText)")
            }
        }
    }

    @Test("test goes on behind a line that is no event and behind a refused rule, and ends with status 1")
    func testFailures() async throws {
        let event = #"{"id":1,"category":"process_creation","fields":{"Image":"/usr/bin/curl"}}"#
        try await withFile(Self.rule + "\n---\n" + Self.broken) { rules in
            try await withFile("nonsense\n" + event, ".jsonl") { events in
                let end = try await tocsin(["test", "--rules", rules, events])
                #expect(end.status == 1)
                #expect(end.text == #"{"id":1,"rules":["00000000-0000-4000-8000-000000000001"]}"# + "\n")
                #expect(end.errorText.contains("\(events):1: "), "\(end.errorText)")
                #expect(end.errorText.contains("\(rules):13:"), "\(end.errorText)")
            }
        }
        #expect(try await tocsin(["test", "events.jsonl"]).status == 64, "--rules is required")
    }

    @Test(
        "the program answers every event of the oracle as expected",
        .enabled(if: SigmaOracle.path != nil, "no oracle: neither SIGMA_ORACLE nor ../shared/sigma"))
    func agreement() async throws {
        let oracle = try #require(SigmaOracle.path)
        let end = try await tocsin(["test", "--rules", oracle + "/rules", oracle + "/events.jsonl"])
        #expect(end.status == 0, "\(end.errorText)")
        let expected = try await Subprocess.run("/bin/cat", [oracle + "/expected.jsonl"])
        let (found, wanted) = (end.text.split(separator: "\n"), expected.text.split(separator: "\n"))
        try #require(found.count == wanted.count && !found.isEmpty)
        for (found, wanted) in zip(found, wanted) {
            #expect(try JSONValue(parsing: String(found)) == JSONValue(parsing: String(wanted)))
        }
    }
}
