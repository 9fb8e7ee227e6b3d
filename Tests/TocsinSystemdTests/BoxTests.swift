import Glibc
import SystemdBox
import Testing

@testable import TocsinSystemd

/// The library inside a booted systemd, as a service uses it.
@Suite(.serialized, .enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct BoxTests {
    private let box: SystemdBox

    init() throws {
        box = try SystemdBox()
        try box.install(try Self.probe(), as: "/usr/bin/systemd-probe")
    }

    /// The executable that was built beside this test.
    private static func probe() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        try #require(readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0)
        let path = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 } + "/systemd-probe"
    }

    private func status(_ unit: String) throws -> String { try box.property("StatusText", of: unit) }

    // MARK: Journal

    @Test("entries arrive with their fields, show up at the observed unit, and the catalog explains them")
    func journal() throws {
        let catalog =
            "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/systemd/tocsin.catalog"
        try box.install(catalog, as: "/usr/lib/systemd/catalog/tocsin.catalog", mode: 0o644)
        let update = try box.run("journalctl", "--update-catalog")
        #expect(update.status == 0 && update.errors == "", "\(update)")
        try box.run("systemd-run", "--unit=observed", "sleep", "infinity")
        let pid = try box.property("MainPID", of: "observed.service")
        let run = try box.run("systemd-run", "--wait", "--unit=reporter", "/usr/bin/systemd-probe", "journal", pid)
        #expect(run.status == 0, "\(run)")

        // journald takes its time, and may no more find the unit of a program that has ended.
        let id = "MESSAGE_ID=\(MessageID.clientRefused.rawValue)"
        try box.eventually("the entry is in the journal") { try !box.journal("-t", "systemd-probe", id).isEmpty }
        let refused = try #require(try box.journal("-t", "systemd-probe", id).first)
        #expect(refused.contains(#""MESSAGE_ID":"\#(MessageID.clientRefused.rawValue)""#))
        #expect(refused.contains(#""PRIORITY":"4""#))
        #expect(refused.contains(#""TOCSIN_PEER_UID":"1000""#))
        #expect(refused.contains(#""TOCSIN_REASON":"no\\nsuch \\x1b[31mthing""#))

        try box.eventually("the entry shows up at the observed unit") {
            try !box.journal("-u", "observed.service", "-t", "systemd-probe").isEmpty
        }
        let observed = try box.journal("-u", "observed.service", "-t", "systemd-probe")
        let event = try #require(observed.first)
        #expect(observed.count == 1)
        #expect(event.contains(#""OBJECT_SYSTEMD_UNIT":"observed.service""#))
        #expect(event.contains(#""OBJECT_COMM":"sleep""#), "journald looks the process up")
        #expect(event.contains(#""TOCSIN_ARGUMENTS":"observed \"\\x1b[2J\" \"a b\"""#) || event.contains(#"\\x1b[2J"#))

        let shown = try box.systemctl("status", "observed.service").output
        #expect(shown.contains("exec \(pid) (uid 4242): /usr/bin/observed"), "\(shown)")
        let explained = try box.run("journalctl", "-x", "--no-pager", "-t", "systemd-probe").output
        #expect(explained.contains("A client was refused"))
        #expect(explained.contains("Subject: A process started: /usr/bin/observed"))
        #expect(!explained.contains("\u{1B}"))
    }

    @Test("a process that is gone is still shown at its unit")
    func gone() throws {
        // 4,194,304 is the largest pid_max, so no process has this one.
        let run = try box.run(
            "systemd-run", "--wait", "/usr/bin/systemd-probe", "journal", "4194304", "brief.service")
        #expect(run.status == 0, "\(run)")
        #expect(try box.journal("-u", "brief.service", "-t", "systemd-probe").count == 1)
    }

    @Test("off systemd nothing is written to the journal, and standard error has readable lines")
    func offSystemd() throws {
        let run = try box.run("/usr/bin/systemd-probe", "journal", "1")
        #expect(run.errors.hasPrefix(#"systemd-probe: warning: Client refused peerUID=1000 reason="no\nsuch"#))
        #expect(try box.journal("-t", "systemd-probe").isEmpty)
    }

    @Test("a journald that hangs blocks nobody; what did not fit is counted, and told when it goes on")
    func hanging() throws {
        let journald = try box.property("MainPID", of: "systemd-journald.service")
        try box.run("kill", "-STOP", journald)
        try startProbe("flood")
        let status = try status("probe.service")
        try box.run("kill", "-CONT", journald)
        let lost = try #require(Int(status.drop { $0 != " " }.dropFirst()), "\(status)")
        #expect(lost > 0)
        // The writer may have reported a part of the loss while the flood went on: the reports add up to all of it.
        try box.eventually("the journal knows of the loss") {
            let reports = try box.run(
                "journalctl", "--no-pager", "--output=cat", "--output-fields=TOCSIN_LOST",
                "MESSAGE_ID=\(MessageID.journalLost.rawValue)")
            return reports.output.split(separator: "\n").compactMap { Int($0) }.reduce(0, +) == lost
        }
    }

    @Test("a journald that is gone costs the entries, and that is noticed")
    func absent() throws {
        try box.systemctl(
            "stop", "systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service")
        // The socket is still there, and nobody listens.
        #expect(try box.run("test", "-S", "/run/systemd/journal/socket").status == 0)
        let journal = "JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) /usr/bin/systemd-probe journal 1"
        let run = try box.run("sh", "-c", "exec 2>/run/errors; \(journal)")
        #expect(run.status == 1, "\(run)")
        #expect(try box.run("cat", "/run/errors").output == "")
    }

    // MARK: Service manager

    private func startProbe(_ mode: String = "serve", _ settings: String = "") throws {
        try box.write(
            "/etc/systemd/system/probe.service",
            """
            [Service]
            Type=notify
            ExecStart=/usr/bin/systemd-probe \(mode)
            FileDescriptorStoreMax=4
            Restart=always
            RestartSec=10ms
            \(settings)

            """)
        try box.systemctl("daemon-reload")
        let start = try box.systemctl("start", "probe.service")
        #expect(start.status == 0, "\(start)")
    }

    @Test("the unit is active when READY was sent, with the status text")
    func ready() throws {
        try startProbe()
        #expect(try box.property("ActiveState", of: "probe.service") == "active")
        #expect(try status("probe.service") == "starts=1 stored=0 sockets=0 others=[]")
        #expect(try box.property("NFileDescriptorStore", of: "probe.service") == "1")
    }

    @Test("a stored descriptor comes back by name after a restart and after kill -9")
    func store() throws {
        try startProbe()
        try box.systemctl("restart", "probe.service")
        #expect(try status("probe.service") == "starts=2 stored=1 sockets=0 others=[]")
        try box.systemctl("kill", "-s", "KILL", "probe.service")
        try box.eventually("the service is back") {
            try status("probe.service") == "starts=3 stored=1 sockets=0 others=[]"
        }
        #expect(try box.property("NFileDescriptorStore", of: "probe.service") == "1", "it is not stored twice")
    }

    @Test("a process that stops feeding the watchdog is killed and started again")
    func watchdog() throws {
        // The Swift runtime's own handler would return from SIGABRT after printing a backtrace, and the process go on.
        try startProbe("serve", "WatchdogSec=1\nEnvironment=SWIFT_BACKTRACE=enable=no")
        try box.systemctl("kill", "-s", "STOP", "probe.service")
        try box.eventually("the watchdog has bitten and the service is back") {
            try status("probe.service").hasPrefix("starts=2 ")
        }
        #expect(try box.property("NRestarts", of: "probe.service") == "1")
        #expect(!(try box.journal("-u", "probe.service", "-g", "[Ww]atchdog timeout").isEmpty))
    }

    @Test("the socket of tocsin.socket starts the service and is told from the store by its name")
    func activation() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        try box.install(root + "/systemd/tocsin.socket", as: "/usr/lib/systemd/system/tocsin.socket", mode: 0o644)
        try box.install(root + "/systemd/sysusers.d/tocsin.conf", as: "/usr/lib/sysusers.d/tocsin.conf", mode: 0o644)
        #expect(try box.run("systemd-sysusers").status == 0)
        try box.write(
            "/etc/systemd/system/tocsin.service",
            "[Service]\nType=notify\nExecStart=/usr/bin/systemd-probe serve\nFileDescriptorStoreMax=4\n")
        try box.systemctl("daemon-reload")
        let start = try box.systemctl("start", "tocsin.socket")
        #expect(start.status == 0, "\(start)")
        #expect(try box.run("stat", "-c", "%a %U %G", "/run/tocsin/tocsin.sock").output == "660 root tocsin")
        #expect(try box.property("ActiveState", of: "tocsin.service") == "inactive")
        try connect(to: box.outside("/run/tocsin/tocsin.sock"))
        try box.eventually("the service is started") {
            try status("tocsin.service") == "starts=1 stored=0 sockets=1 others=[]"
        }
        try box.systemctl("restart", "tocsin.service")
        #expect(try status("tocsin.service") == "starts=2 stored=1 sockets=1 others=[]")
    }

    private func connect(to path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0, "\(path): \(String(cString: strerror(errno)))")
    }
}
