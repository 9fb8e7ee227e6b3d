import Testing
import TocsinEvents

@testable import TocsinRules

/// A reference, so that an expectation may change it.
private final class Repeats {
    var value: RepeatSuppression

    init(_ intervalUSec: UInt64) { value = RepeatSuppression(intervalUSec: intervalUSec) }

    func admits(_ detection: Detection, of tree: ProcessTree, at now: UInt64) -> Bool {
        value.admits(detection, of: tree, at: now)
    }

    func endWindows(at now: UInt64) -> [RepeatSuppression.Summary] { value.endWindows(at: now) }
    var summaryDueUSec: UInt64? { value.summaryDueUSec }
    var heldBack: UInt64 { value.heldBack }
}

@Suite struct RepeatSuppressionTests {
    private let repeats = Repeats(100)

    private func detection(_ rule: String) -> Detection { Detection(ruleID: rule, title: rule, severity: .high) }

    @Test("the first detection of a rule in a tree is admitted, its repeats are held back until the interval is over")
    func repeated() {
        #expect(repeats.admits(detection("a"), of: .parent(7), at: 0))
        #expect(repeats.summaryDueUSec == nil, "nothing to tell, so nobody is to be woken")
        #expect(!repeats.admits(detection("a"), of: .parent(7), at: 1))
        #expect(!repeats.admits(detection("a"), of: .parent(7), at: 99))
        #expect(repeats.summaryDueUSec == 100)
        #expect(repeats.endWindows(at: 99) == [])
        #expect(repeats.endWindows(at: 100).map(\.count) == [2])
        #expect(repeats.summaryDueUSec == nil)
        #expect(repeats.admits(detection("a"), of: .parent(7), at: 100))
        #expect(repeats.heldBack == 2)
    }

    @Test("another rule and another tree are no repeats")
    func others() {
        #expect(repeats.admits(detection("a"), of: .parent(7), at: 0))
        #expect(repeats.admits(detection("b"), of: .parent(7), at: 0))
        #expect(repeats.admits(detection("a"), of: .parent(8), at: 0))
        #expect(repeats.endWindows(at: 1000) == [], "nothing was held back")
    }

    @Test("whoever makes a new tree for each detection fills one shared window, and starves no other rule")
    func manyTrees() {
        let admitted = (0..<10_000).filter { repeats.admits(detection("a"), of: .parent($0), at: 0) }
        #expect(admitted.count == RepeatSuppression.treesPerRule + 1)
        #expect(repeats.admits(detection("b"), of: .parent(1), at: 0))
        #expect(repeats.endWindows(at: 100).map(\.count) == [UInt64(10_000 - admitted.count)])
        #expect(repeats.admits(detection("a"), of: .parent(1), at: 100))
    }

    @Test("more windows than the table holds are one for each further rule")
    func manyRules() {
        for rule in 0..<RepeatSuppression.windowLimit {
            #expect(repeats.admits(detection("\(rule)"), of: .parent(1), at: 0))
        }
        #expect(repeats.admits(detection("late"), of: .parent(1), at: 0))
        #expect(!repeats.admits(detection("late"), of: .parent(2), at: 0))
        #expect(repeats.endWindows(at: 100).map(\.detection.ruleID) == ["late"])
    }

    @Test("an interval of zero writes every detection and remembers nothing")
    func off() {
        let repeats = Repeats(0)
        for _ in 0..<3 { #expect(repeats.admits(detection("a"), of: .unknown, at: 0)) }
        #expect(repeats.summaryDueUSec == nil && repeats.heldBack == 0)
    }

    @Test("a login's processes are one tree, a service's are one below its first process")
    func trees() {
        func process(_ pid: Int32, session: UInt32? = nil) -> Process {
            var process = Process(entityID: "e\(pid)", pid: pid, startTimeNSec: 1)
            process.auditSession = session
            process.parentPid = 42
            return process
        }
        var event = Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .exec, realtimeUSec: 0, monotonicUSec: 0,
            process: process(9))
        #expect(ProcessTree(of: event) == .parent(42))
        event.ancestors = [process(8), process(5), process(1)]
        #expect(ProcessTree(of: event) == .root(entityID: "e5"))
        event.process = process(9, session: 3)
        #expect(ProcessTree(of: event) == .session(3))
    }
}
