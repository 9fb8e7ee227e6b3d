import Glibc
import Testing
import TocsinLinux

@Suite struct ProcStatTests {
    static let tail =
        " S 7 42 42 34817 42 4194368 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 10 18446744073709551615 94000 95000 140720 0 0 "
        + "0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 140730 140740 140750 140760 0\n"

    @Test(
        "a name of spaces and parentheses does not shift the fields",
        arguments: ["cat", "a) R 1 (b", "((", "))", "", " ) S 1 1 1 ("])
    func hostileName(_ comm: String) throws {
        let stat = try #require(ProcStat(parsing: Array("42 (\(comm))\(Self.tail)".utf8)))
        #expect(stat.pid == 42)
        #expect(stat.comm == Array(comm.utf8))
        #expect(stat.state == UInt8(ascii: "S"))
        #expect(stat.parentPid == 7)
        #expect(stat.processGroup == 42)
        #expect(stat.tty == 34817)
        #expect(stat.hasNotExecuted)
        #expect(!stat.isKernelThread)
        #expect(stat.userTicks == 5)
        #expect(stat.threadCount == 1)
        #expect(stat.startTicks == 123456)
        #expect(stat.startTimeNSec == 1_234_560_000_000)
        #expect(stat.image.startCode == 94000)
        #expect(stat.image.startStack == 140720)
        #expect(stat.image.argumentStart == 140730)
    }

    @Test(
        "a text that is not the kernel's is refused",
        arguments: ["", "42", "42 (cat", "42 cat) S", "(cat) S 1", "x (cat) S 1", "42 (cat) S 1 1", ")("])
    func malformed(_ text: String) {
        #expect(ProcStat(parsing: Array(text.utf8)) == nil)
    }

    @Test("this process reads its own stat and status")
    func own() throws {
        let directory = try ProcDirectory(pid: getpid())
        let stat = try directory.stat()
        #expect(stat.pid == getpid())
        #expect(stat.parentPid == getppid())
        #expect(stat.image.isVisible)
        let status = try directory.status()
        #expect(status.uid == getuid())
        #expect(status.effectiveGid == getegid())
        #expect(try directory.identity(of: "exe") == FileStatus.of("/proc/self/exe").identity)
    }

    @Test("the list of processes has this one, in order")
    func pids() throws {
        let pids = try Proc.pids()
        #expect(pids.contains(getpid()))
        #expect(pids == pids.sorted())
    }

    @Test(
        "decimal numbers that do not fit are refused",
        arguments: [
            ("2147483647", Int32.max), ("-2147483648", Int32.min), ("2147483648", nil), ("-", nil), ("", nil),
            ("+1", nil),
        ])
    func decimal(_ text: String, _ number: Int32?) {
        #expect(Int32(decimal: Array(text.utf8)[...]) == number)
    }
}
