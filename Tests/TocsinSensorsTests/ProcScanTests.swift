import Testing
import TocsinLinux
import TocsinSensors

@Suite struct ProcScanTests {
    static func stat(
        _ pid: Int32, start: UInt64 = 5, comm: String = "a", stack: UInt64 = 1, flags: UInt32 = 0, state: String = "S"
    ) -> ProcStat {
        // As the kernel writes it: no stack address and 1 for the code where it hides them, nothing for a zombie.
        let code = state == "Z" ? 0 : stack == 0 ? 1 : 4096
        let text =
            "\(pid) (\(comm)) \(state) 1 1 1 0 -1 \(flags) 0 0 0 0 0 0 0 0 20 0 1 0 \(start) 0 0 0 \(code) 8 \(stack)"
        return ProcStat(parsing: Array(text.utf8))!
    }

    static func scan(_ stats: ProcStat..., limit: Int = 10) -> ProcScan<String> {
        var scan = ProcScan<String>(limit: limit)
        scan.beginRound()
        for stat in stats { _ = scan.observe(stat) }
        _ = scan.endRound()
        scan.beginRound()
        return scan
    }

    @Test("a process is new once")
    func new() {
        var scan = Self.scan(Self.stat(1))
        #expect(scan.observe(Self.stat(1)).finding == .unchanged)
        #expect(scan.observe(Self.stat(2)).finding == .new)
        #expect(scan.observe(Self.stat(2)).finding == .unchanged)
    }

    @Test("a number with another start time is another process, and the first one is told gone")
    func reused() {
        var scan = Self.scan(Self.stat(7))
        scan.remember(7, "first")
        let (finding, replaced) = scan.observe(Self.stat(7, start: 6))
        #expect(finding == .new)
        #expect(replaced == "first")
        #expect(scan.endRound().isEmpty)
    }

    @Test("another stack address is another program, whatever its name")
    func image() {
        var scan = Self.scan(Self.stat(7, stack: 1))
        #expect(scan.observe(Self.stat(7, stack: 2)).finding == .executed)
        #expect(scan.observe(Self.stat(7, stack: 2)).finding == .unchanged)
    }

    @Test("the first execution after a fork is seen where addresses are hidden")
    func firstExecution() {
        var scan = Self.scan(Self.stat(7, stack: 0, flags: 0x40))
        #expect(scan.observe(Self.stat(7, stack: 0)).finding == .executed)
    }

    @Test("a change of name alone is a doubt, which executable and arguments settle")
    func renamed() {
        typealias Evidence = ProcScan<String>.Evidence
        var scan = Self.scan(Self.stat(7, stack: 0))
        scan.learn(7, Evidence(executable: nil, arguments: [1]))
        #expect(scan.observe(Self.stat(7, comm: "b", stack: 0)).finding == .doubtful)
        let file = FileIdentity(device: 1, inode: 2)
        let other = FileIdentity(device: 1, inode: 3)
        let steps: [(evidence: Evidence, executed: Bool)] = [
            (Evidence(executable: nil, arguments: [1]), false),
            (Evidence(executable: nil, arguments: [2]), true),
            (Evidence(executable: file, arguments: [3]), true),
            (Evidence(executable: file, arguments: [4]), false),
            (Evidence(executable: other, arguments: [4]), true),
        ]
        for step in steps {
            let executed = scan.resolve(7, step.evidence)
            #expect(executed == step.executed, "\(step.evidence)")
        }
    }

    @Test("a zombie has lost its addresses and did not execute")
    func zombie() {
        var scan = Self.scan(Self.stat(7, stack: 1))
        #expect(scan.observe(Self.stat(7, stack: 0, state: "Z")).finding == .unchanged)
    }

    @Test("who is not seen in a round is gone")
    func gone() {
        var scan = Self.scan(Self.stat(1), Self.stat(2))
        scan.remember(1, "one")
        scan.remember(2, "two")
        _ = scan.observe(Self.stat(1))
        #expect(scan.endRound() == ["two"])
        #expect(scan.count == 1)
    }

    @Test("the table stays within its bound, and has room again when processes end")
    func bounded() {
        var scan = Self.scan(Self.stat(1), Self.stat(2), limit: 2)
        #expect(scan.observe(Self.stat(3)).finding == .refused)
        #expect(scan.observe(Self.stat(2, start: 6)).finding == .new)
        _ = scan.endRound()
        #expect(scan.count == 1)
        scan.beginRound()
        #expect(scan.observe(Self.stat(3)).finding == .new)
    }
}
