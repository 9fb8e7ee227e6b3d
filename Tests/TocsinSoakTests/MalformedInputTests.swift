import JSON
import NIOCore
import Sigma
import TestKit
import TestSupport
import Testing
import TocsinDaemon
import TocsinEvents
import TocsinRules

@testable import Varlink

/// A million frames against whatever reads what others write. A trap ends the run: the seed number repeats it.
@Suite(.serialized) struct MalformedInputTests {
    /// Gives the parser each frame; it answers whether it took it. Some must be taken, or the mutator tries nothing.
    private func run(
        _ parser: String, _ frames: Int, _ mutator: Mutator, _ take: (_ frame: [UInt8], _ number: Int) throws -> Bool
    ) rethrows {
        var taken = 0
        for number in 0..<frames where try take(mutator.frame(number), number) { taken += 1 }
        #expect(taken > 0 && taken < frames)
        Soak.report("malformed \(parser)", "\(frames) frames, \(taken) of them understood, the others refused")
    }

    private static let tokens = ["{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud800", "null", "true", "-0", "1e5"]

    @Test("JSON that is accepted is accepted again as it is written, and means the same")
    func json() throws {
        let seeds = try Seeds.lines("json.txt") + Seeds.lines("calls.jsonl") + Seeds.lines("events.jsonl")
        run("JSON", Soak.scaled(3000, full: 250_000), Mutator(seeds, words: Self.tokens)) { frame, number in
            guard let value = try? JSONValue(parsing: frame) else { return false }
            var writer = JSONWriter()
            writer.value(value)
            let again = try? JSONValue(parsing: writer.bytes)
            #expect(again == value, "frame \(number): \(String(decoding: frame, as: UTF8.self))")
            return true
        }
    }

    @Test("a stream of calls gives the same calls or the same violation, however it is cut")
    func calls() throws {
        let words = Self.tokens + ["\0", "\"method\":", "\"oneway\":true,", "\"more\":true,", "\"parameters\":null,"]
        let seeds = try Seeds.lines("calls.jsonl").map { $0 + [0] }
        run("calls", Soak.scaled(3000, full: 250_000), Mutator(seeds, words: words)) { frame, number in
            var dice = SeededGenerator(seed: UInt64(number))
            let whole = outcome(of: frame) { $0.count }
            let cut = outcome(of: frame) { Int.random(in: 1...$0.count, using: &dice) }
            #expect(whole == cut, "frame \(number): \(String(decoding: frame, as: UTF8.self))")
            return whole.last == "ok"
        }
    }

    /// What a connection would make of the bytes, received in pieces.
    private func outcome(of bytes: [UInt8], pieces: (ArraySlice<UInt8>) -> Int) -> [String] {
        let names = ["io.tocsin.Events.Read", "io.tocsin.Events.Open"]
        let parser = CallParser(MethodTable(names.map { ($0, []) }))
        var stream = CallStream(maximumMessageBytes: 2048, maximumUnanswered: 64, parser: parser)
        var calls: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = pieces(rest)
            var piece = ByteBuffer(bytes: rest.prefix(count))
            rest = rest.dropFirst(count)
            stream.receive(&piece)
            reading: while true {
                switch stream.next() {
                case .dispatch(let call, let ids):
                    let name =
                        switch call.callee {
                        case .method(let index): names[index]
                        case .unknown(let name): name
                        }
                    for id in ids {
                        calls.append("\(call.mode) \(name) \(call.parameters)")
                        stream.answer(id) { _ in }
                    }
                case .violation(let violation): return calls + ["\(violation)"]
                case .needsInput, .enough, .blocked, .finished: break reading
                }
            }
        }
        return calls + ["ok"]
    }

    @Test("an interface description is understood or refused")
    func interfaces() throws {
        let words = ["interface ", "type ", "method ", "error ", "->", "(", ")", "?", "[]", "[string]", ",", "#", "\n"]
        let lines = String(decoding: InterfaceText.events, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        // Small ones, so that what the mutator touches is not lost in the comments.
        let small = stride(from: 0, to: lines.count, by: 7).map {
            "interface io.example\n" + lines[$0..<min($0 + 20, lines.count)].joined(separator: "\n")
        }
        let seeds = (small + ["interface a.b\nmethod A(a: [][string]?(b: int)) -> ()\nerror E ()\n"]).map {
            Array($0.utf8)
        }
        run("interfaces", Soak.scaled(1500, full: 100_000), Mutator(seeds, words: words)) { frame, number in
            guard let interface = try? InterfaceDescription(parsing: frame) else { return false }
            #expect((try? InterfaceDescription(parsing: interface.text))?.methods == interface.methods, "\(number)")
            return true
        }
    }

    @Test("a glob is understood or refused, and is tried on any path")
    func globs() throws {
        let words = ["*", "**", "**/", "?", "[", "]", "[!", "\\", "/", "-"]
        let mutator = Mutator(try Seeds.lines("globs.txt"), words: words)
        run("globs", Soak.scaled(3000, full: 150_000), mutator) { frame, number in
            guard let pattern = try? PathPattern(String(decoding: frame, as: UTF8.self)) else { return false }
            _ = pattern.matches(mutator.frame(number + 1).span)
            let isLiteral = !frame.contains { [0x2A, 0x3F, 0x5B, 0x5C].contains($0) }
            let matchesItself = pattern.matches(Array(pattern.text.utf8).span)
            if isLiteral { #expect(matchesItself, "frame \(number)") }
            return true
        }
    }

    @Test("a rule is loaded or refused, and what is loaded compiles")
    func rules() throws {
        let words = [
            "|re: '(a'", "|contains", "|all", "|cidr", "|base64", ": ", "- ", "\n", "  ", "&a ", "*a", "[", "{", "'",
            "\"",
            "1 of ", "not ", "all of them", "condition: ", "---\n", "!!int ", "? ", "|\n", "timespan: 1M",
        ]
        let mutator = Mutator(try Seeds.rules(), words: words)
        run("rules", Soak.scaled(500, full: 100_000), mutator) { frame, _ in
            var collection = RuleCollection()
            collection.add(frame, file: "frame.yml")
            let rules = RuleSet(collection, streams: EventStream.logSources)
            return !rules.rules.isEmpty
        }
    }

    @Test("a configuration is taken whole or refused")
    func configurations() throws {
        let text = String(decoding: try Seeds.configuration(), as: UTF8.self)
        // The sample with its defaults in force: everything behind "#" that is a key.
        let keys = text.split(separator: "\n").map { line in
            line.drop { $0 == " " || $0 == "#" }.contains(": ") ? line.replacing("#", with: "", maxReplacements: 1) : ""
        }
        let seeds = keys.indices.map { Array(keys[$0..<min($0 + 4, keys.count)].joined(separator: "\n").utf8) }
        let words = ["KiB", "ms", "-1", "0", "[", "]", "auto", "ebpf", ": ", "\n", "  ", "~", "\"", "!!str "]
        run("configurations", Soak.scaled(1500, full: 100_000), Mutator(seeds, words: words)) { frame, _ in
            (try? Configuration(yaml: frame, file: "frame.yaml")) != nil
        }
    }

    @Test("an event is decoded or refused, and what is decoded is encoded and decoded to the same")
    func events() throws {
        let mutator = Mutator(try Seeds.lines("events.jsonl"), words: Self.tokens + ["\"gap\":", "\"pid\":", "Base64"])
        run("events", Soak.scaled(2000, full: 100_000), mutator) { frame, number in
            guard let json = try? JSONValue(parsing: frame), let event = try? Event(json: json) else { return false }
            var writer = JSONWriter()
            writer.event(event)
            let again = (try? JSONValue(parsing: writer.bytes)).flatMap { try? Event(json: $0) }
            #expect(again == event, "frame \(number): \(String(decoding: frame, as: UTF8.self))")
            return true
        }
    }
}
