import TestKit
import Testing
import TocsinEvents
import TocsinSensors

extension ProcessTable {
    /// What is told of the process; nil for no news.
    fileprivate mutating func told(_ type: EventType, _ process: Process) -> Process? {
        guard case .news(let program) = observe(type, process) else { return nil }
        return program.map(process.running) ?? process
    }
}

struct ProcessTableTests {
    /// Nanoseconds in which two processes with one number cannot have started.
    private let tick: UInt64 = 10_000_000

    /// `start` in ticks.
    private func process(_ pid: Int32, start: UInt64 = 0, parent: Int32, _ program: ByteString? = nil) -> Process {
        var process = Process(entityID: "\(pid)@\(start)", pid: pid, startTimeNSec: start * tick)
        process.parentPid = parent
        process.executable = program
        process.arguments = program.map { [$0, "x"] }
        return process
    }

    @Test("ancestors are nearest first, by fork and exec and by what /proc showed")
    func ancestry() {
        var table = ProcessTable()
        table.seed([process(20, start: 2, parent: 10, "sshd"), process(10, parent: 1, "init")])
        let child = table.told(.fork, process(30, start: 3, parent: 20))
        #expect(child?.executable == "sshd" && child?.arguments == ["sshd", "x"])
        let shell = process(30, start: 3, parent: 20, "sh")
        #expect(table.told(.exec, shell) == shell)
        #expect(table.lineage(of: shell).ancestors.map(\.executable) == ["sshd", "init"])
    }

    @Test("what an ancestor executes is told of all below it, whoever was told of before")
    func ancestorExecutes() {
        var table = ProcessTable()
        table.seed([process(10, parent: 1, "init")])
        _ = table.told(.fork, process(20, start: 1, parent: 10))
        _ = table.told(.fork, process(30, start: 2, parent: 20))
        let child = process(40, start: 3, parent: 30)
        _ = table.told(.fork, child)
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["init", "init", "init"])
        _ = table.told(.exec, process(20, start: 1, parent: 10, "sshd"))
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["init", "sshd", "init"])
        _ = table.told(.exec, process(30, start: 2, parent: 20, "sh"))
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["sh", "sshd", "init"])
    }

    @Test("an end has the identity of what ended, and is told once")
    func end() {
        var table = ProcessTable()
        _ = table.told(.exec, process(30, parent: 1, "sh"))
        var end = process(30, parent: 1)
        end.exitCode = 7
        let told = table.told(.exit, end)
        #expect(told?.executable == "sh" && told?.exitCode == 7)
        #expect(table.told(.exit, end) == nil)
    }

    @Test("an orphan keeps the ancestors it was born with")
    func orphan() {
        var table = ProcessTable()
        table.seed([process(1, parent: 0, "init"), process(20, start: 1, parent: 1, "attacker")])
        _ = table.told(.fork, process(30, start: 2, parent: 20))
        _ = table.told(.exit, process(20, start: 1, parent: 1))
        let adopted = process(30, start: 2, parent: 1, "daemon")
        _ = table.told(.exec, adopted)
        #expect(table.lineage(of: adopted).ancestors.map(\.executable) == ["attacker", "init"])
    }

    @Test("a number that is used again is another process, also where the end was lost")
    func reuse() {
        var table = ProcessTable()
        _ = table.told(.exec, process(30, start: 1, parent: 1, "old"))
        let child = process(31, start: 2, parent: 30, "child")
        _ = table.told(.exec, child)
        let successor = process(30, start: 3, parent: 1, "new")
        _ = table.told(.exec, successor)
        let second = process(32, start: 4, parent: 30, "child")
        _ = table.told(.exec, second)
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["old"])
        #expect(table.lineage(of: second).ancestors.map(\.executable) == ["new"])
        // The late end of the old one does not end the new one.
        _ = table.told(.exit, process(30, start: 1, parent: 1))
        let third = process(33, start: 5, parent: 30, "child")
        _ = table.told(.exec, third)
        #expect(table.lineage(of: third).ancestors.map(\.executable) == ["new"])
    }

    @Test("a scan that comes late overwrites nothing")
    func lateScan() {
        var table = ProcessTable()
        let program = process(30, start: 1, parent: 1, "new")
        _ = table.told(.exec, program)
        table.seed([process(30, start: 1, parent: 1, "old")])
        #expect(table.lineage(of: process(31, start: 2, parent: 30)).ancestors.map(\.executable) == ["new"])
    }

    @Test("neither a fork bomb, nor endless generations, nor long arguments make it grow")
    func bounds() {
        var table = ProcessTable(capacity: 100, endedCapacity: 10)
        for pid in Int32(2)..<5000 { _ = table.told(.fork, process(pid, start: UInt64(pid), parent: 1)) }
        #expect(table.count == 100)
        for pid in Int32(5000)..<20000 {
            var child = process(pid, start: UInt64(pid), parent: pid - 1)
            child.arguments = [ByteString(String(repeating: "x", count: 5000))]
            _ = table.told(.fork, child)
            _ = table.told(.exit, process(pid - 1, start: UInt64(pid - 1), parent: pid - 2))
        }
        #expect(table.count <= 100)
        let ancestors = table.lineage(of: process(20000, start: 20000, parent: 19999)).ancestors
        #expect(!ancestors.isEmpty && ancestors.count <= Lineage.depth)
        #expect(ancestors[0].arguments?.first?.bytes.count == Lineage.parentArgumentBytes)
        #expect(ancestors[0].argumentsTruncated)
    }

    @Test("thousands of processes with long paths or hundreds of arguments take no more bytes than allowed")
    func byteBound() {
        var table = ProcessTable(byteCapacity: 1 << 20)
        table.seed([process(1, parent: 0, "init")])
        for pid in Int32(2)..<5000 {
            var child = process(pid, start: UInt64(pid), parent: 1, ByteString(String(repeating: "p", count: 500)))
            child.arguments = Arguments(Array(repeating: "x", count: 2000))
            _ = table.told(.exec, child)
            #expect(table.byteCount <= 1 << 20)
        }
        #expect(table.count > 500, "of arguments the beginnings are kept before a process is forgotten")
        let last = table.lineage(of: process(6000, start: 6000, parent: 4999)).ancestors
        #expect(last.first?.arguments == Arguments(Array(repeating: "x", count: Lineage.argumentBytes / 2)))
        #expect(last.first?.argumentsTruncated == true)
        for pid in Int32(2)..<5000 { _ = table.told(.exit, process(pid, start: UInt64(pid), parent: 1)) }
        #expect(table.told(.exec, process(7000, start: 7000, parent: 1, "sh")) != nil)
        #expect(table.byteCount <= 1 << 20)
    }

    @Test("empty arguments are kept: among others, and where there is nothing else")
    func emptyArguments() {
        var table = ProcessTable()
        let known: [Int32: Arguments] = [30: ["", "a", ""], 31: [""], 32: []]
        for (pid, arguments) in known {
            var parent = process(pid, parent: 1)
            parent.arguments = arguments
            _ = table.told(.exec, parent)
            #expect(table.told(.fork, process(100 + pid, start: 1, parent: pid))?.arguments == arguments)
            #expect(table.told(.exit, process(100 + pid, start: 1, parent: pid))?.arguments == arguments)
        }
    }

    @Test("a process that says it is its own parent, or its child's child, ends the chain somewhere")
    func cycles() {
        var table = ProcessTable()
        table.seed([process(10, start: 1, parent: 11), process(11, start: 1, parent: 10), process(12, parent: 12)])
        #expect(table.lineage(of: process(10, start: 1, parent: 11)).ancestors.count <= Lineage.depth)
        #expect(table.lineage(of: process(12, parent: 12)).ancestors.isEmpty)
    }

    @Test("an orphan whose origin is forgotten does not become the child of who adopted it")
    func forgottenOrigin() {
        var table = ProcessTable(endedCapacity: 1)
        table.seed([process(1, parent: 0, "init"), process(20, start: 1, parent: 1, "attacker")])
        _ = table.told(.fork, process(30, start: 2, parent: 20))
        _ = table.told(.exit, process(20, start: 1, parent: 1))
        _ = table.told(.fork, process(40, start: 3, parent: 1))
        _ = table.told(.exit, process(40, start: 3, parent: 1))
        let adopted = process(30, start: 2, parent: 1, "daemon")
        _ = table.told(.exec, adopted)
        #expect(table.lineage(of: adopted).ancestors.isEmpty)
    }

    @Test("an ancestor that was asked for before it had children, or is known anew, is told with what it runs now")
    func laterChildren() {
        var table = ProcessTable()
        _ = table.told(.exec, process(20, start: 1, parent: 1, "sh"))
        let unknown = process(30, start: 2, parent: 20)
        #expect(table.lineage(of: unknown).ancestors.map(\.executable) == ["sh"])
        _ = table.told(.exec, process(20, start: 1, parent: 1, "sshd"))
        #expect(table.lineage(of: unknown).ancestors.map(\.executable) == ["sshd"])
    }

    @Test("a parent that was forgotten is told of again once it is known again")
    func knownAgain() {
        var table = ProcessTable(capacity: 3)
        _ = table.told(.exec, process(20, start: 1, parent: 10, "sshd"))
        let child = process(30, start: 2, parent: 20)
        _ = table.told(.fork, child)
        for pid in Int32(40)..<42 { _ = table.told(.fork, process(pid, start: 3, parent: 1)) }
        #expect(table.count == 3 && table.lineage(of: child).ancestors.isEmpty)
        _ = table.told(.exit, process(40, start: 3, parent: 1))
        _ = table.told(.exec, process(20, start: 1, parent: 10, "sh"))
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["sh"])
    }

    @Test("a grandparent that was forgotten and is known again is told with what it runs now, time and again")
    func grandparentKnownAgain() {
        var table = ProcessTable(capacity: 5)
        _ = table.told(.exec, process(20, start: 1, parent: 1, "sshd"))
        _ = table.told(.exec, process(30, start: 2, parent: 20, "sh"))
        let child = process(40, start: 3, parent: 30, "ls")
        _ = table.told(.exec, child)
        for pid in Int32(50)..<53 { _ = table.told(.fork, process(pid, start: 4, parent: 1)) }
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["sh"])
        _ = table.told(.exit, process(50, start: 4, parent: 1))
        for program in ["sshd", "login", "su"] as [ByteString] {
            _ = table.told(.exec, process(20, start: 1, parent: 1, program))
            #expect(table.lineage(of: child).ancestors.map(\.executable) == ["sh", program])
        }
    }

    @Test("a child for which its parent has to be forgotten is told with what that ran")
    func forgottenByItsChild() {
        var table = ProcessTable(capacity: 2)
        _ = table.told(.exec, process(20, start: 1, parent: 1, "sh"))
        for pid in Int32(30)..<32 {
            #expect(table.told(.fork, process(pid, start: 2, parent: 20))?.executable == "sh")
        }
        #expect(table.told(.fork, process(32, start: 2, parent: 20))?.executable == nil)
    }

    @Test("what a thousand children share with their parent is counted once, and until the last of them is forgotten")
    func sharedProgram() {
        var table = ProcessTable(endedCapacity: 0)
        let path = ByteString(String(repeating: "p", count: 4000))
        _ = table.told(.exec, process(20, start: 1, parent: 1, path))
        for pid in Int32(100)..<1100 { _ = table.told(.fork, process(pid, start: 2, parent: 20)) }
        #expect(table.count == 1001 && table.byteCount < 1001 * 600 + 2 * 4000)
        _ = table.told(.exit, process(20, start: 1, parent: 1))
        #expect(table.count == 1000 && table.byteCount > 4000)
        for pid in Int32(100)..<1100 {
            #expect(table.told(.exit, process(pid, start: 2, parent: 1))?.executable == path)
        }
        #expect(table.count == 0 && table.byteCount == 0)
    }

    @Test(
        "a process that executes again and again takes no more bytes than one that executes once, and none at its end")
    func executions() {
        var table = ProcessTable(endedCapacity: 0)
        _ = table.told(.fork, process(20, start: 1, parent: 1))
        var byteCounts: Set<Int> = []
        for number in 100..<200 {
            _ = table.told(.exec, process(20, start: 1, parent: 1, ByteString("/usr/bin/program\(number)")))
            byteCounts.insert(table.byteCount)
        }
        #expect(byteCounts.count == 1)
        _ = table.told(.exit, process(20, start: 1, parent: 1))
        #expect(table.count == 0 && table.byteCount == 0)
    }

    @Test("who has ended has no children any more: its number is nobody's until it is given again")
    func endedParent() {
        var table = ProcessTable()
        _ = table.told(.exec, process(20, start: 1, parent: 1, "sh"))
        _ = table.told(.exit, process(20, start: 1, parent: 1))
        let child = process(30, start: 2, parent: 20)
        #expect(table.told(.fork, child)?.executable == nil)
        #expect(table.lineage(of: child).ancestors.isEmpty)
    }

    @Test("a process that is told of when another has its number does not get the number back")
    func numberKept() {
        var table = ProcessTable(endedCapacity: 2)
        let (old, new) = (process(30, start: 1, parent: 1, "old"), process(30, start: 3, parent: 1, "new"))
        for process in [old, new, old] { _ = table.told(.exec, process) }
        #expect(table.told(.fork, process(31, start: 4, parent: 30))?.executable == "new")
        for (pid, start, program) in [(31, 4, "new"), (30, 3, "new")] as [(Int32, UInt64, ByteString)] {
            #expect(table.told(.exit, process(pid, start: start, parent: 1))?.executable == program)
        }
        #expect(table.count == 2, "the old one is forgotten")
        #expect(table.lineage(of: process(32, start: 5, parent: 30)).ancestors.isEmpty)
    }

    @Test(
        "who is in /proc already when the records of a resumed queue come keeps its number from whoever had it before")
    func numberOfEarlierRecords() {
        var table = ProcessTable()
        let new = process(30, start: 5, parent: 1, "new")
        table.seed([process(1, parent: 0, "init"), new])
        // From here on, what happened before that look at /proc.
        for (start, program) in [(1, "older"), (2, "old")] as [(UInt64, ByteString)] {
            let old = process(30, start: start, parent: 1, program)
            #expect(table.told(.fork, process(30, start: start, parent: 1))?.executable == "init")
            _ = table.told(.exec, old)
            let child = process(31, start: start, parent: 30)
            #expect(table.told(.fork, child)?.executable == program)
            #expect(table.lineage(of: child).ancestors.map(\.executable) == [program, "init"])
            _ = table.told(.exit, child)
            #expect(table.told(.exit, process(30, start: start, parent: 1))?.executable == program)
            #expect(table.told(.fork, process(32, start: start, parent: 30))?.executable == nil, "it has ended")
        }
        #expect(table.told(.fork, process(30, start: 5, parent: 1))?.executable == "init")
        _ = table.told(.exec, new)
        let child = process(33, start: 6, parent: 30)
        #expect(table.told(.fork, child)?.executable == "new")
        #expect(table.lineage(of: child).ancestors.map(\.executable) == ["new", "init"])
        #expect(table.told(.exit, process(30, start: 5, parent: 1))?.executable == "new", "its end is news")
        #expect(table.count == 9, "nobody is there twice")
    }

    @Test(
        "whatever forks, executes and ends, and whoever gets a number again, has the ancestors of a table of everyone")
    func randomLives() {
        struct Life {
            let process: Process
            var program: ByteString?
            let parent: Int?
        }
        for seed in UInt64(1)...5 {
            var random = SeededGenerator(seed: seed)
            // More than is alive, so that only what has ended is forgotten.
            var table = ProcessTable(capacity: 200, endedCapacity: 20)
            var (lives, alive, ended): ([Life], [Int], [Int]) = ([], [], [])
            for step in UInt64(1)...3000 {
                let parent = alive.randomElement(using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0 where alive.count < 100, 1 where alive.count < 10:
                    var pid = Int32.random(in: 2..<140, using: &random)
                    while alive.contains(where: { lives[$0].process.pid == pid }) { pid = pid % 140 + 2 }
                    let child = process(pid, start: step, parent: parent.map { lives[$0].process.pid } ?? 0)
                    let inherited = parent.flatMap { lives[$0].program }
                    alive.append(lives.count)
                    lives.append(Life(process: child, program: inherited, parent: parent))
                    #expect(table.told(.fork, child)?.executable == inherited)
                case 2:
                    guard let parent else { continue }
                    lives[parent].program = ByteString("program\(step)")
                    var process = lives[parent].process
                    process.executable = lives[parent].program
                    #expect(table.told(.exec, process) == process)
                default:
                    guard let index = alive.indices.randomElement(using: &random) else { continue }
                    let life = lives[alive.remove(at: index)]
                    #expect(table.told(.exit, life.process)?.executable == life.program)
                    ended.append(lives.firstIndex { $0.process == life.process }!)
                    ended.removeFirst(max(0, ended.count - 20))
                }
                #expect(table.count == alive.count + ended.count)
                if let old = lives.indices.randomElement(using: &random), !alive.contains(old), !ended.contains(old) {
                    #expect(
                        table.told(.exit, lives[old].process) == lives[old].process, "forgotten, so nothing is added")
                }
                guard let asked = (alive + ended).randomElement(using: &random) else { continue }
                var expected: [ByteString?] = []
                var next = lives[asked].parent
                while let known = next, alive.contains(known) || ended.contains(known), expected.count < Lineage.depth {
                    expected.append(lives[known].program)
                    next = lives[known].parent
                }
                let told = table.lineage(of: lives[asked].process).ancestors.map(\.executable)
                #expect(told.starts(with: expected), "\(seed), \(step)")
            }
            for life in alive { _ = table.told(.exit, lives[life].process) }
            #expect(table.count == 20)
        }
    }
}
