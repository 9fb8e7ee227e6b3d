import JSON
import Testing
import TocsinEvents

@testable import TocsinDelivery

@Suite struct EventShorteningTests {
    private static func event() -> Event {
        var event = Event(
            sequence: 12, cursor: Cursor(instance: 3, sequence: 12), type: .rename, realtimeUSec: 1, monotonicUSec: 2)
        var process = Process(entityID: "boot-1-2", pid: 1, startTimeNSec: 9)
        process.arguments = ["tar", "ä€😀\n\"quoted\"\\\u{1}", ByteString([0xFF, 0x41, 0xC3]), "", "last"]
        process.executable = "/usr/bin/été"
        process.workingDirectory = ByteString([0x2F, 0xFE])
        process.cgroup = "/system.slice/x.service"
        process.unit = "x.service"
        event.process = process
        event.ancestors = [process, process]
        event.file = File(path: "/srv/new\u{7F}", oldPath: ByteString([0x2F, 0x80]), device: 1, inode: 2)
        event.detections = [
            Detection(ruleID: "r", title: "Title \"x\"", severity: .high, tags: ["attack.t1"]),
            Detection(ruleID: "q", title: "Other", severity: .low),
        ]
        return event
    }

    private static func encoded(_ event: Event) -> [UInt8] {
        var writer = JSONWriter()
        writer.event(event)
        return writer.bytes
    }

    private static func shorten(_ json: [UInt8], _ maxBytes: Int) -> [UInt8]? {
        EventShortening.shorten(json, toFit: maxBytes)
    }

    @Test("at every bound the result is within it, valid JSON, whole characters, and says what is missing")
    func everyBound() throws {
        let whole = Self.encoded(Self.event())
        var smallest = Int.max
        for bound in 1..<whole.count {
            guard let short = Self.shorten(whole, bound) else { continue }
            smallest = min(smallest, bound)
            #expect(short.count <= bound)
            #expect(StrictJSON.isValid(short), "\(String(decoding: short, as: UTF8.self))")
            var piece = try #require(JSONPiece(short))
            #expect(piece.removeMember(["fullBytes"])?.encoded == Array("\(whole.count)".utf8))
            guard case .array(let names)? = piece.removeMember(["truncated"]), !names.isEmpty else {
                Issue.record("nothing is said to be truncated at \(bound)")
                continue
            }
            for member in ["sequence", "cursor", "type", "realtimeUSec", "monotonicUSec"] {
                #expect(piece.removeMember([member]) != nil)
            }
            #expect(piece.removeMember(["process", "entityId"]) != nil)
            // Whatever was not named is as it was.
            var original = try #require(JSONPiece(whole))
            let named = Set(names.map { String(decoding: $0.encoded.dropFirst().dropLast(), as: UTF8.self) })
            for path in [
                ["process", "arguments"], ["process", "executable"], ["file", "path"], ["detections"], ["ancestors"],
            ]
            where !named.contains(path.joined(separator: ".")) {
                #expect(piece.removeMember(path)?.encoded == original.removeMember(path)?.encoded)
            }
        }
        // Once it fits, it fits with every larger bound.
        #expect(smallest < whole.count / 2)
        for bound in smallest..<whole.count { #expect(Self.shorten(whole, bound) != nil) }
    }

    @Test("what fits is not touched")
    func fits() {
        let whole = Self.encoded(Self.event())
        #expect(Self.shorten(whole, whole.count) == whole)
    }

    @Test("context goes before detections and paths")
    func order() throws {
        let whole = Self.encoded(Self.event())
        let short = try #require(Self.shorten(whole, whole.count - 1))
        #expect(String(decoding: short, as: UTF8.self).contains(#""truncated":["ancestors"],"#))
    }

    @Test("an event shortened twice keeps the first size and names each member once")
    func twice() throws {
        let whole = Self.encoded(Self.event())
        let once = try #require(Self.shorten(whole, whole.count - 500))
        let twice = try #require(Self.shorten(once, once.count - 100))
        #expect(StrictJSON.isValid(twice))
        var piece = try #require(JSONPiece(twice))
        #expect(piece.removeMember(["fullBytes"])?.encoded == Array("\(whole.count)".utf8))
        guard case .array(let names)? = piece.removeMember(["truncated"]) else {
            Issue.record("no names")
            return
        }
        #expect(Set(names.map(\.encoded)).count == names.count)
    }

    @Test(
        "what is not an event in compact JSON is not shortened",
        arguments: ["", "[", "{\"a\":", "{\"a\":1}x", "\"text\"", "{\"a\\"])
    func malformed(_ text: String) {
        #expect(Self.shorten(Array(text.utf8) + Array(repeating: 32, count: 9), 4) == nil)
    }
}

/// RFC 8259, nothing more: the judge must not share the code it judges.
enum StrictJSON {
    static func isValid(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        var rest = text.unicodeScalars[...]
        return value(&rest) && rest.isEmpty
    }

    private typealias Rest = Substring.UnicodeScalarView

    private static func take(_ scalar: Unicode.Scalar, _ rest: inout Rest) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    private static func value(_ rest: inout Rest) -> Bool {
        switch rest.first {
        case "{": list("{", "}", &rest) { string(&$0) && take(":", &$0) && value(&$0) }
        case "[": list("[", "]", &rest, value)
        case "\"": string(&rest)
        default:
            if let word = ["true", "false", "null"].first(where: { rest.starts(with: $0.unicodeScalars) }) {
                {
                    rest.removeFirst(word.count); return true
                }()
            } else {
                number(&rest)
            }
        }
    }

    private static func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ rest: inout Rest, _ element: (inout Rest) -> Bool
    ) -> Bool {
        guard take(open, &rest) else { return false }
        if take(close, &rest) { return true }
        repeat { guard element(&rest) else { return false } } while take(",", &rest)
        return take(close, &rest)
    }

    private static func number(_ rest: inout Rest) -> Bool {
        _ = take("-", &rest)
        let digits = rest.prefix { ("0"..."9").contains($0) }
        rest.removeFirst(digits.count)
        return !digits.isEmpty && (digits.count == 1 || digits.first != "0")
    }

    private static func string(_ rest: inout Rest) -> Bool {
        guard take("\"", &rest) else { return false }
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return true
            case "\\":
                guard let escape = rest.popFirst(), "\"\\/bfnrtu".unicodeScalars.contains(escape) else { return false }
                guard escape == "u" else { continue }
                for _ in 0..<4 { guard rest.popFirst()?.properties.isASCIIHexDigit == true else { return false } }
            default: guard scalar.value >= 0x20 else { return false }
            }
        }
        return false
    }
}
