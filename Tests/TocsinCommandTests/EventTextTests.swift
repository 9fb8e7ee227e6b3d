import JSON
import Testing
import TocsinCommand
import TocsinEvents

@Suite struct EventTextTests {
    private let plain = EventText(
        style: Style(isColoured: false), timestamp: { _ in "Nov 22 22:15:33.123" },
        userName: { $0 == 0 ? "root" : "\($0)" }, signalName: { $0 == 9 ? "KILL" : nil })

    private func event(_ type: EventType, _ change: (inout Event) -> Void = { _ in }) -> Event {
        var event = Event(
            sequence: 7, cursor: Cursor(instance: 1, sequence: 7), type: type, realtimeUSec: 0, monotonicUSec: 0)
        change(&event)
        return event
    }

    private func process(_ change: (inout Process) -> Void = { _ in }) -> Process {
        var process = Process(entityID: "e", pid: 1234, startTimeNSec: 1)
        process.uid = 0
        process.comm = "curl"
        process.executable = "/usr/bin/curl"
        process.arguments = ["curl", "-s", "https://example.com/a b"]
        change(&process)
        return process
    }

    @Test("an execution is one aligned line: when, what, who, the command, and where it came from")
    func exec() {
        let line = plain.lines(
            of: event(.exec) {
                $0.process = process { $0.unit = "cron.service" }
                var parent = Process(entityID: "p", pid: 1200, startTimeNSec: 1)
                parent.comm = "bash"
                $0.ancestors = [parent]
            })
        #expect(
            line == "Nov 22 22:15:33.123  exec          1234  root      "
                + "/usr/bin/curl -s 'https://example.com/a b'  (by bash 1200, cron.service)\n")
    }

    @Test("titles stand above their columns")
    func header() {
        #expect(plain.header == "TIME                 TYPE           PID  USER      WHAT\n")
    }

    @Test("argv[0] is shown where it is not the executable's name")
    func zerothArgument() {
        let line = CommandText.command(
            of: process {
                $0.executable = "/usr/bin/dash"
                $0.arguments = ["sh", "-c", "id"]
            })
        #expect(line == "/usr/bin/dash [sh] -c id")
    }

    @Test("what is not known is said, not left out")
    func unknown() {
        #expect(CommandText.command(of: process { $0.arguments = nil }) == "/usr/bin/curl  [arguments unknown]")
        #expect(CommandText.command(of: process { $0.arguments = [] }) == "/usr/bin/curl  [no arguments]")
        #expect(
            CommandText.command(
                of: process {
                    $0.executable = nil
                    $0.arguments = nil
                }) == "[curl]")
    }

    @Test("a parent is named by its number where that is all there is, and 0 is none of this pid namespace")
    func parents() {
        for (parent, context) in [(17, "(by 17)"), (0, "(by a process outside of the pid namespace)")] {
            let line = plain.lines(of: event(.exec) { $0.process = process { $0.parentPid = Int32(parent) } })
            #expect(line.hasSuffix("  \(context)\n"))
        }
    }

    @Test("a long command line is cut at a bound, and says by how much")
    func long() {
        let line = CommandText.command(
            of: process { $0.arguments = ["curl", ByteString(Array(repeating: 0x61, count: 5000)), "zz"] })
        #expect(line == "/usr/bin/curl " + String(repeating: "a", count: 4096) + " … [908 more bytes]")
    }

    @Test("a hundred thousand empty arguments do not fill the screen")
    func manyEmpty() {
        let line = CommandText.command(
            of: process { $0.arguments = Arguments(["curl"] + Array(repeating: "", count: 100_000)) })
        #expect(line == "/usr/bin/curl" + String(repeating: " ''", count: 4097) + " … [95903 more bytes]")
    }

    @Test("a command line as long as the bound is whole")
    func longest() {
        let longest = process { $0.arguments = ["curl", ByteString(Array(repeating: 0x61, count: 4096))] }
        #expect(CommandText.command(of: longest) == "/usr/bin/curl " + String(repeating: "a", count: 4096))
    }

    @Test("no argument can forge a line, a colour or the words around it")
    func hostile() {
        let line = plain.lines(
            of: event(.exec) {
                $0.process = process {
                    $0.arguments = ["curl", "x\nNov 22 22:15:34.000  exec", "\u{1B}]0;title\u{7}", "(by init 1)"]
                    $0.unit = "a.service)\u{202E}"
                }
            })
        #expect(line.filter { $0.isNewline }.count == 1)
        #expect(
            line.hasSuffix(
                #"$'x\nNov 22 22:15:34.000  exec' $'\e]0;title\x07' '(by init 1)'  ($'a.service)\u202e')"# + "\n"))
    }

    @Test("an end says how and after what time")
    func exit() {
        let text = plain.lines(
            of: event(.exit) {
                $0.process = process {
                    $0.exitSignal = 9
                    $0.runTimeNSec = 1_250_000_000
                }
            })
        #expect(text.contains("[killed by SIGKILL] after 1.2s"))
        let other = plain.lines(of: event(.exit) { $0.process = process { $0.exitCode = 3 } })
        #expect(other.hasSuffix("[exited 3]\n"))
    }

    @Test("a rename shows both names, and who did it")
    func rename() {
        let line = plain.lines(
            of: event(.rename) {
                $0.file = File(path: "/etc/passwd", oldPath: "/etc/passwd+")
                $0.process = process { $0.comm = "vipw" }
            })
        #expect(line.hasSuffix("/etc/passwd+ -> /etc/passwd  (by vipw)\n"))
    }

    @Test("a gap says how much is missing, where it was lost and which numbers")
    func gap() {
        let line = plain.lines(of: event(.gap) { $0.gap = Gap(origin: .session, first: 3, last: 9, count: 7) })
        #expect(line.hasSuffix("7 events lost because this reader fell behind (numbers 3 to 9)\n"))
        #expect(
            plain.lines(of: event(.gap) { $0.gap = Gap(origin: .kernel) })
                .hasSuffix("events lost in the kernel's queue, nobody can know how many\n"))
    }

    @Test("each detection is a line of its own below the event")
    func detections() {
        let text = plain.lines(
            of: event(.exec) {
                $0.process = process()
                $0.detections = [Detection(ruleID: "r-1", title: "Download\u{1B}", severity: .high)]
            })
        let lines = text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[1] == "                     high           $'Download\\e'  [r-1]")
    }

    @Test("colour is around what tocsin says, never without being asked for")
    func colour() {
        var coloured = plain
        coloured.style = Style(isColoured: true)
        let event = event(.delete) { $0.file = File(path: "/etc/shadow") }
        #expect(coloured.lines(of: event).contains("\u{1B}[31mdelete\u{1B}[0m  "))
        #expect(!plain.lines(of: event).contains("\u{1B}"))
    }

    @Test("a JSON line escapes what a terminal would obey, and is still the same JSON")
    func jsonLine() throws {
        let value = JSONValue.object(["é\u{9B}": .string("\u{1B}\u{202E}\u{E0041}ok ✓")])
        let line = JSONLine.line(value)
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"é\u009b":"\u001b\u202e\udb40\udc41ok ✓"}"# + "\n")
    }

    @Test("JSON in many lines becomes one line, as harmless, and nothing else of it changes")
    func jsonOfManyLines() throws {
        let json = Array("{\r\n\t\"a\\n\" : \"\u{7F}é\u{85}\",\n\"b\":1.50 }".utf8)
        var lines = Array("before\n".utf8)
        JSONLine.append(json[...], to: &lines)
        #expect(
            String(decoding: lines, as: UTF8.self)
                == "before\n" + #"{   "a\n" : "\u007fé\u0085", "b":1.50 }"# + "\n")
    }

    @Test("an odd byte is found wherever it stands", arguments: 0..<20)
    func jsonOddByte(position: Int) throws {
        let before = String(repeating: "x", count: position)
        for after in 0..<10 {
            let text = "\"" + before + "\u{7F}" + String(repeating: "~", count: after) + "\""
            #expect(JSONLine.line(.string(before)) == Array("\"\(before)\"\n".utf8))
            #expect(
                JSONLine.line(encoded: Array(text.utf8))
                    == Array((text.replacing("\u{7F}", with: "\\u007f") + "\n").utf8))
        }
    }

    @Test(
        "durations read as people say them",
        arguments: [
            (850_000, "850us"), (12_000_000, "12ms"), (1_250_000_000, "1.2s"), (61_000_000_000, "1min 1s"),
            (3_720_000_000_000, "1h 2min"), (90_000_000_000_000, "1d 1h"),
        ] as [(UInt64, String)])
    func durations(_ nanoseconds: UInt64, _ text: String) {
        #expect(DurationText.text(nanoseconds: nanoseconds) == text)
    }
}
