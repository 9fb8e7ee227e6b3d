import SystemdBox
import Testing

/// What the unit gives the daemon, under the real systemd.
@Suite(.enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct UnitTests {
    @Test("the daemon has the processors before those it watches, and no right to take more of them")
    func priority() throws {
        let tocsin = try TocsinBox(configuration: "sources: [heartbeat]\n")
        let daemon = try tocsin.box.property("MainPID", of: "tocsin.service")
        let threads = try tocsin.box.run("sh", "-c", "cat /proc/\(daemon)/task/*/stat")
        for thread in threads.output.split(separator: "\n") {
            // Behind the name, which may hold spaces, comes the third member; the nice value is the nineteenth.
            let members = thread.split(separator: ")").last?.split(separator: " ") ?? []
            #expect(members.count > 16 && members[16] == "-10", "\(thread)")
        }
        // CAP_SYS_NICE is number 23.
        let status = try tocsin.box.run("grep", "CapEff", "/proc/\(daemon)/status")
        let capabilities = try #require(status.output.split(whereSeparator: \.isWhitespace).last)
        #expect(try #require(UInt64(capabilities, radix: 16)) & 1 << 23 == 0)
    }
}
