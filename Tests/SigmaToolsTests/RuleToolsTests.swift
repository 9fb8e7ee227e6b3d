import Glibc
import Sigma
import Testing

@testable import SigmaTools

private let rule = """
    title: Shell from the temporary directory
    id: 7b1f4bcd-6d6d-4ba0-9f0c-6c2d5d1d5c11
    name: temporary_shell
    level: high
    author: Ann
    description: "first line\\nsecond \\e[31mline"
    logsource: {category: process_creation, product: linux}
    detection: {s: {Image|startswith: /tmp/}, condition: s}
    """

/// A directory of its own for each test, removed afterwards.
private func withFiles(_ files: [String: String], _ body: (String) throws -> Void) throws {
    var template = Array("/tmp/sigma-tools-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { removeTree(root) }
    for (name, text) in files {
        let path = "\(root)/\(name)"
        if let slash = name.lastIndex(of: "/") { mkdir("\(root)/\(name[..<slash])", 0o755) }
        let file = try #require(fopen(path, "we"))
        fputs(text, file)
        fclose(file)
    }
    try body(root)
}

private func removeTree(_ path: String) {
    // A link is removed, not followed.
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let stream = opendir(path) {
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { removeTree("\(path)/\(name)") }
        }
        closedir(stream)
    }
    remove(path)
}

@Suite struct RuleToolsTests {
    private func collection(_ texts: String...) -> RuleCollection {
        var collection = RuleCollection()
        for text in texts { collection.add(text, file: "x.yml") }
        return collection
    }

    private func answer(_ line: String) throws -> String {
        var test = RuleTest(collection(rule))
        return String(decoding: try test.evaluate(line: Array(line.utf8)), as: UTF8.self)
    }

    @Test("an event is answered with its id and the rules that match")
    func test() throws {
        let id = "7b1f4bcd-6d6d-4ba0-9f0c-6c2d5d1d5c11"
        #expect(
            try answer(#"{"id":"e1","category":"process_creation","fields":{"Image":"/tmp/x","N":1,"L":[1,"a",null]}}"#)
                == #"{"id":"e1","rules":["\#(id)"]}"#)
        #expect(
            try answer(#"{"id":7,"category":"process_creation","kind":"x","fields":{}}"#) == #"{"id":7,"rules":[]}"#)
        #expect(try answer(#"{"id":"e","category":"other","fields":{"Image":"/tmp/"}}"#) == #"{"id":"e","rules":[]}"#)
    }

    @Test(
        "a line that is no event says why",
        arguments: [
            "", "[]", "{}", #"{"id":1}"#, #"{"id":1,"category":"process_creation"}"#,
            #"{"id":1,"category":"process_creation","fields":{"a":{}}}"#,
            #"{"id":1,"category":"process_creation","fields":{"a":[[]]}}"#, #"{"id":1,"id":2}"#,
        ])
    func malformed(line: String) {
        #expect(throws: RuleTestError.self) { try answer(line) }
    }

    @Test("a file of events is answered line by line, and a bad line does not stop it")
    func files() throws {
        let event = #"{"id":1,"category":"process_creation","fields":{"Image":"/tmp/x"}}"#
        try withFiles(["rules/a.yml": rule, "events.jsonl": "\(event)\nnope\n\n\(event)"]) { root in
            var rules = RuleCollection()
            rules.add(path: "\(root)/rules")
            var test = RuleTest(rules)
            var output: [String] = []
            var complaints: [String] = []
            let isSound = test.evaluate(
                file: "\(root)/events.jsonl", output: { output.append(String(decoding: $0, as: UTF8.self)) },
                complaint: { complaints.append($0) })
            #expect(!isSound)
            #expect(output.count == 2)
            #expect(complaints.count == 1)
            #expect(complaints.first?.hasPrefix("\(root)/events.jsonl:2: ") == true)
            let isReadable = test.evaluate(
                file: "\(root)/nope", output: { _ in }, complaint: { complaints.append($0) })
            #expect(!isReadable)
            #expect(complaints.last?.contains("No such file") == true)
        }
    }

    @Test("a directory is read recursively in order; hidden files, other files and links to directories are not")
    func directories() throws {
        func numbered(_ number: Int) -> String {
            "title: t\nid: r\(number)\nlogsource: {category: c}\ndetection: {s: {F: x}, condition: s}"
        }
        let files = [
            "b.yml": numbered(2), "sub/a.yaml": numbered(3), "a.yml": numbered(1), "note.txt": "x",
            ".git/x.yml": "title: [", "big.yml": "#" + String(repeating: "x", count: 5 << 20),
        ]
        try withFiles(files) { root in
            #expect(symlink(root, "\(root)/loop") == 0)
            #expect(mkfifo("\(root)/z.yml", 0o600) == 0)
            var rules = RuleCollection()
            rules.add(path: root)
            #expect(rules.rules.map(\.identifier) == ["r1", "r2", "r3"])
            #expect(rules.refusals.map(\.reason) == ["larger than 4194304 bytes", "not a regular file"])
            rules.add(path: "\(root)/nope")
            #expect(rules.refusals.last?.kind == .file)
        }
    }

    @Test("check counts what was loaded and refused, and its exit status tells")
    func check() {
        let bad = rule.replacingFirst("7b1f", with: "8b1f").replacingFirst("temporary_shell", with: "other")
            .replacingFirst("startswith", with: "nope")
        let windows = rule.replacingFirst("7b1f", with: "9b1f").replacingFirst("temporary_shell", with: "third")
            .replacingFirst("linux", with: "windows")
        let streams = [LogSource(category: "process_creation", product: "linux")]
        let report = RuleReport(RuleSet(collection(rule, bad, windows), streams: streams))
        #expect(report.exitStatus == 1)
        #expect(
            report.checkLines == [
                "x.yml:8:17: modifier: unknown modifier “nope”", "1 loaded, 1 refused, 1 not applicable",
                "      1 refused: modifier", "      1 not applicable: category=process_creation product=windows",
            ])
        #expect(RuleReport(RuleSet(collection(rule), streams: streams)).exitStatus == 0)
    }

    @Test("list and show print what a rule says, without its control characters")
    func show() throws {
        let streams = [LogSource(category: "process_creation", product: "linux")]
        let report = RuleReport(RuleSet(collection(rule), streams: streams))
        #expect(
            report.listLines == [
                "high          7b1f4bcd-6d6d-4ba0-9f0c-6c2d5d1d5c11 Shell from the temporary directory"
            ])
        let lines = try #require(report.showLines("temporary_shell"))
        #expect(lines.contains("Level:           high"))
        #expect(lines.suffix(2) == ["Description:     first line", "                 second  [31mline"])
        #expect(report.showLines("nope") == nil)
    }
}

extension String {
    fileprivate func replacingFirst(_ text: String, with other: String) -> String {
        guard let start = range(of: text) else { return self }
        return String(self[..<start.lowerBound]) + other + self[start.upperBound...]
    }

    private func range(of text: String) -> Range<Index>? {
        indices.lazy.compactMap { index in
            self[index...].hasPrefix(text) ? index..<self.index(index, offsetBy: text.count) : nil
        }.first
    }
}
