import JSON
import Testing

@testable import TocsinEvents

struct LineageTests {
    private func process(_ pid: Int32, arguments: [ByteString]) -> Process {
        var process = Process(entityID: "\(pid)", pid: pid, startTimeNSec: 1)
        process.parentPid = pid - 1
        process.uid = 1000
        process.comm = "x"
        process.executable = "/usr/bin/x"
        process.unit = "x.service"
        process.workingDirectory = "/"
        process.arguments = Arguments(arguments)
        return process
    }

    @Test("the parent is told with its unit and arguments, those behind it by who they are and how they began")
    func shortening() {
        let long = ByteString(String(repeating: "y", count: 4000))
        let lineage = Lineage((1...3).map { process(50 - $0, arguments: ["x", long]) })
        let (parent, rest) = (lineage.ancestors[0], lineage.ancestors.dropFirst())
        #expect(parent.unit == "x.service" && parent.parentPid == 48 && parent.workingDirectory == nil)
        #expect(parent.arguments?.map(\.bytes.count) == [1, Lineage.parentArgumentBytes - 2])
        for ancestor in rest {
            #expect(ancestor.uid == 1000 && ancestor.comm == "x" && ancestor.executable == "/usr/bin/x")
            #expect(ancestor.unit == nil && ancestor.parentPid == nil)
            #expect(ancestor.arguments?.map(\.bytes.count) == [1, Lineage.argumentBytes - 2])
            #expect(ancestor.argumentsTruncated)
        }
    }

    @Test("arguments that fit to the last byte are whole")
    func exactFit() {
        let exact = process(1, arguments: ["ab", "cde"])
        #expect(exact.sharedProgram?.shortened(to: 6) == nil)
        #expect(exact.sharedProgram?.shortened(to: 5)?.value.arguments == ["ab", "cd"])
        #expect(exact.sharedProgram?.shortened(to: 5)?.value.argumentsTruncated == true)
        #expect(exact.sharedProgram?.shortened(to: 3)?.value.arguments == ["ab"])
    }

    @Test("an event with a lineage is encoded as the same event without")
    func encoding() {
        let lineage = Lineage((1...40).map { process($0, arguments: ["x", "\u{1b}"]) })
        #expect(lineage.ancestors.count == Lineage.depth)
        var event = Event(
            sequence: 3, cursor: Cursor(instance: 0xABC, sequence: .max), type: .exec, realtimeUSec: 1,
            monotonicUSec: 2, process: process(90, arguments: []))
        event.ancestors = lineage.ancestors
        var with = JSONWriter()
        var without = JSONWriter()
        let passage = with.event(event, lineage: lineage)
        without.event(event)
        let whole = passage.joined(with: with.bytes)
        #expect(whole == without.bytes)
        // Of an end the parent is told, as the first of all.
        #expect(lineage.ofEnd.ancestors == Array(lineage.ancestors.prefix(1)))
        #expect(lineage.ofEnd.ofEnd === lineage.ofEnd)
        #expect(lineage.ofEnd.number != lineage.number)
        #expect(event.cursor.description == "0000000000000abc:18446744073709551615")
    }
}
