import Glibc
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

@Suite struct ProcessReaderTests {
    @Test("only a file without a name is deleted, whatever it is called")
    func names() {
        func name(_ path: String, _ isUnlinked: Bool) -> (String, Process.ExecFlags) {
            let (name, flags) = ProcessReader.name(Array(path.utf8), isUnlinked: isUnlinked)
            return (name.string, flags)
        }
        #expect(name("/bin/a", false) == ("/bin/a", []))
        #expect(name("/bin/a (deleted)", false) == ("/bin/a (deleted)", []))
        #expect(name("/bin/a (deleted)", true) == ("/bin/a", [.deleted]))
        #expect(name("/memfd:x (deleted)", true) == ("/memfd:x", [.memfd]))
    }

    @Test(
        "a terminal has the name that the kernel's list gives its number",
        arguments: [
            (0, nil), (34816, "pts/0"), (34819, "pts/3"), (0x0010_8800, "pts/256"), (1025, "tty1"), (1088, "ttyS0"),
            (1281, "console"), (0x0300, "3:0"),
        ] as [(Int32, String?)])
    func terminals(_ number: Int32, _ name: String?) {
        #expect(TerminalName.make(deviceNumber: number) == name)
    }

    @Test(
        "the arguments of a process that is ending are unknown, not empty",
        .enabled(if: geteuid() == 0, "making a pid namespace needs root"))
    func ending() throws {
        // The first process of a pid namespace, which may not end before every other in it is reaped, with its image
        // gone already; and another in the namespace, whose parent outside does not reap it. That is this test.
        let first = try Child(["/usr/bin/unshare", "--pid", "--fork", "/bin/cat"])
        let pid = try only(childOf: first.pid, named: "cat")
        let second = try Child(["/usr/bin/nsenter", "--target", "\(pid)", "--pid", "/bin/cat"])
        let other = try only(childOf: second.pid, named: "cat")
        // A parent that is told of its child's end before it stops would reap it.
        kill(second.pid, SIGSTOP)
        try wait("stop of the parent") { try ProcDirectory(pid: second.pid).stat().state == UInt8(ascii: "T") }
        let directory = try ProcDirectory(pid: pid)
        kill(pid, SIGKILL)
        try wait("zombie") { try ProcDirectory(pid: other).stat().isZombie }
        try wait("end without image") {
            let stat = try directory.stat()
            return stat.isExiting && !stat.image.isComplete
        }
        #expect(try !directory.stat().isZombie)

        let process = try ProcessReader().snapshot(directory).process
        #expect(process.arguments == nil)
        #expect(process.gone)
        #expect(process.comm == "cat")

        kill(second.pid, SIGCONT)
        second.end()
        first.end()
    }

    /// The child of a process, once it executes the program.
    private func only(childOf parent: Int32, named name: String) throws -> Int32 {
        var found: Int32?
        try wait("child \(name) of \(parent)") {
            let children = try ProcDirectory(pid: parent).read("task/\(parent)/children")
            found = Int32(decimal: children.prefix { $0 != UInt8(ascii: " ") })
            return try found.map { try ProcDirectory(pid: $0).stat().comm == Array(name.utf8) } ?? false
        }
        return try #require(found)
    }

    private func wait(_ what: Comment, until condition: () throws -> Bool) throws {
        for _ in 0..<30_000 {
            if try condition() { return }
            usleep(1000)
        }
        throw Missing(what: what)
    }

    private struct Missing: Error { let what: Comment }
}
