import Glibc
import SystemdBox
import Testing

/// What the unit gives the daemon, under the real systemd.
@Suite(.enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct UnitTests {
    @Test("each thread of the daemon goes before others of a session, and has no right to go further")
    func priority() throws {
        let tocsin = try TocsinBox(configuration: "sources: [heartbeat]\n")
        let daemon = try tocsin.box.property("MainPID", of: "tocsin.service")
        let threads = try tocsin.box.run("sh", "-c", "cat /proc/\(daemon)/task/*/stat")
        #expect(threads.status == 0, "\(threads)")
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

    @Test(
        "the daemon's share of the processors is ten times that of another service, however many sessions that begins",
        .enabled(if: sharesProcessors, "needs a control group that shares out the processors"))
    func weight() throws {
        let tocsin = try TocsinBox(configuration: "sources: [heartbeat]\n", hasLimits: true)
        let daemon = try tocsin.box.property("MainPID", of: "tocsin.service")
        // `1:cpu:/path`, and for version 2 `0::/path` (cgroups(7)).
        let group = try tocsin.box.run(
            "sed", "-nE", #"s/^[0-9]+:(cpu|cpu,cpuacct|):(.*)/\/sys\/fs\/cgroup\/\1\2/p"#, "/proc/\(daemon)/cgroup")
        let weights = try group.output.split(separator: "\n").flatMap { group in
            // Of version 2, and of version 1, where another service has 1024.
            try ["cpu.weight", "cpu.shares"].map { try tocsin.box.run("cat", "\(group)/\($0)") }
        }
        #expect(weights.map(\.output).contains { $0 == "1000" || $0 == "10240" }, "\(group.output) \(weights)")
    }

    private static var sharesProcessors: Bool {
        access("/sys/fs/cgroup/cpu/cpu.shares", F_OK) == 0
            || access("/sys/fs/cgroup/system.slice/cpu.weight", F_OK) == 0
    }
}
