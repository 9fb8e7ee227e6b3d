import Glibc
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

@Suite struct ProcessReaderTests {
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
        kill(second.pid, SIGSTOP)
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
