import Testing
import TocsinEvents
import TocsinLinux

@testable import TocsinDaemon

@Suite struct ConfigurationTests {
    private func load(_ text: String) throws -> Configuration {
        try Configuration(yaml: Array(text.utf8), file: "t.yaml")
    }

    @Test(
        "an empty file, and a file of comments, mean the defaults", arguments: ["", "# nothing\n", "log:\n", "---\n"])
    func empty(_ text: String) throws {
        #expect(try load(text) == Configuration())
    }

    @Test("values reach their settings")
    func values() throws {
        let configuration = try load(
            """
            sources: [fanotify, heartbeat]
            heartbeat: {interval: 250ms}
            socket:
              path: /tmp/t.sock
              mode: "0600"
            log: {size: 2MiB}
            journal: {events: all}
            filter:
              excludeTypes: [exit]
              excludePaths: [/usr/lib/**]
              excludeUids: [65534]
            """)
        #expect(configuration.sources == [.named(.fanotify), .named(.heartbeat)])
        #expect(configuration.heartbeatInterval == .milliseconds(250))
        #expect(configuration.socketPath == "/tmp/t.sock")
        #expect(configuration.socketMode == 0o600)
        #expect(configuration.logBytes == 2 << 20)
        #expect(configuration.journalEvents == .all)
        #expect(configuration.excludedTypes == [.exit])
        #expect(configuration.excludedPaths.map(\.text) == ["/usr/lib/**"])
        #expect(configuration.excludedUIDs == [65534])
    }

    @Test(
        "what is not understood is refused with file, line, column and what was expected",
        arguments: [
            ("sorces: [auto]\n", "t.yaml:1:1: unknown key 'sorces', expected one of sources, ebpf, heartbeat, proc"),
            ("log:\n  size: 2MiB\n  sise: 1\n", "t.yaml:3:3: unknown key 'log.sise', expected one of size"),
            ("log: 5\n", "t.yaml:1:6: 'log': expected a mapping of keys, found an integer"),
            ("log:\n  size: much\n", "t.yaml:2:9: log.size: expected a size from 1MiB to 4GiB, found 'much'"),
            ("log: {size: 1}\n", "t.yaml:1:13: log.size: expected a size from 1MiB to 4GiB, found '1'"),
            ("log: {size: 99999999999999999999GiB}\n", "t.yaml:1:13: log.size: expected a size"),
            ("sources:\n- auto\n- wishes\n", "t.yaml:3:3: sources: expected a list, each element one of auto, ebpf"),
            ("sources: auto\n", "t.yaml:1:10: sources: expected a list"),
            ("heartbeat: {interval: 1}\n", "t.yaml:1:23: heartbeat.interval: expected a time from 10ms to 24h"),
            ("socket: {mode: \"0999\"}\n", "t.yaml:1:16: socket.mode: expected an octal file mode in quotes"),
            ("socket: {path: tmp}\n", "t.yaml:1:16: socket.path: expected an absolute path"),
            (
                "filter: {excludePaths: [\"/a[\"]}\n",
                "t.yaml:1:25: filter.excludePaths: expected a list, each element a glob"
            ),
            ("filter: {excludeTypes: [gap]}\n", "t.yaml:1:25: filter.excludeTypes: expected a list"),
            ("log: {size: 2MiB}\nlog: {size: 3MiB}\n", "t.yaml:2:1: "),
            ("[1]\n", "t.yaml:1:1: the configuration: expected a mapping of keys, found a list"),
            ("a: 1\n---\nb: 2\n", "t.yaml:3:1: expected one document"),
            ("log: {size: 2MiB\n", "t.yaml:2:1: "),
        ])
    func refusals(_ text: String, _ message: String) {
        do {
            _ = try load(text)
            Issue.record("expected a refusal")
        } catch {
            #expect("\(error)".hasPrefix(message), "\(error)")
        }
    }

    @Test("the sample file shows every key, in the table's order, with its default and its meaning")
    func sample() throws {
        let url = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try String(
            decoding: FileDescriptor.open("/\(url)/config/tocsin.yaml").readToEnd(limit: 1 << 20), as: UTF8.self)
        let commented = text.split(separator: "\n", omittingEmptySubsequences: false)
        // A key's line is a comment without a space: `#key: value` or `  #key: value`.
        let settings = commented.compactMap { line -> String? in
            let body = line.drop { $0 == " " }
            guard body.hasPrefix("#"), !body.hasPrefix("# "), body != "#" else { return nil }
            return String(line.prefix { $0 == " " }) + String(body.dropFirst())
        }
        #expect(try load(settings.joined(separator: "\n")) == Configuration())

        var shown: [String] = []
        var section = ""
        for line in settings {
            let parts = line.split(separator: ":", maxSplits: 1)
            let key = parts[0].trimmingPrefix { $0 == " " }
            if line.hasPrefix(" ") {
                shown.append("\(section).\(key):\(parts[1])")
            } else if parts.count == 1 {
                section = String(key)
            } else {
                shown.append("\(key):\(parts[1])")
            }
        }
        #expect(shown == ConfigurationKey.all.map { "\($0.name): \($0.text(Configuration()))" })

        let prose = commented.map { $0.drop { $0 == " " || $0 == "#" } }.joined(separator: " ")
        for key in ConfigurationKey.all {
            for sentence in key.meaning.split(separator: ".", omittingEmptySubsequences: true) {
                let words = sentence.split(separator: " ")
                #expect(prose.contains(words.prefix(3).joined(separator: " ")), "\(key.name): \(sentence)")
            }
        }
    }
}
