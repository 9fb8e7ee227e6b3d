import SystemdBox
import TestSupport
import Testing
import TocsinLinux
import TocsinSystemd

/// The daemon as a service of a booted systemd, installed from this source.
@Suite(.serialized, .enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct SystemTests {
    private static let quiet = "sources: [heartbeat]\nheartbeat: {interval: 1h}\n"

    @Test("the first client starts the service; others than root and the group tocsin are refused")
    func activation() throws {
        let daemon = try InstalledDaemon()
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.socket")
        #expect(try box.run("stat", "-c", "%a %U %G", "/run/tocsin/tocsin.sock").output == "660 root tocsin")

        let stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "tocsin", "status"]
        let refused = try box.run(stranger)
        #expect(refused.status == 77, "\(refused)")
        #expect(try daemon.property("ActiveState") == "inactive", "a refused client starts nothing")

        let gid = try daemon.succeeds("getent", "group", "tocsin").split(separator: ":")[2]
        let member = ["setpriv", "--reuid=65534", "--regid=65534", "--groups=\(gid)", "tocsin", "status"]
        let served = try box.run(member)
        #expect(served.status == 0, "\(served)")
        try box.eventually("the service is ready") { try daemon.property("ActiveState") == "active" }
        let text = try daemon.property("StatusText")
        #expect(text.hasPrefix("Watching with ") && !text.contains("nothing"), "READY came with a source armed")
        #expect(try box.systemctl("status", "tocsin.service").output.contains("Status: \"\(text)\""))
    }

    @Test("under its hardening the service sees who executes what, on every file system, and is exposed to 2.0 at most")
    func hardening() throws {
        let daemon = try InstalledDaemon(configuration: "sources: [fanotify]\n")
        let box = daemon.box
        let verified = try box.run("systemd-analyze", "verify", "tocsin.service", "tocsin.socket")
        #expect(verified.status == 0 && verified.output == "" && verified.errors == "", "\(verified)")
        let security = try daemon.succeeds("systemd-analyze", "--no-pager", "security", "tocsin.service")
        let words = try #require(security.split(separator: "\n").last).split(separator: " ")
        let exposure = try #require(words.compactMap { Double($0) }.first, "\(words)")
        #expect(exposure <= 2.0)

        try daemon.succeeds("mount", "-t", "tmpfs", "tmpfs", "/srv")
        try daemon.succeeds("cp", "/usr/bin/sleep", "/srv/observed")
        try daemon.succeeds("systemctl", "start", "tocsin.service")
        try daemon.start("reader", "tocsin", "read", "--path", "/srv/observed", "--format", "json")
        try daemon.pendingReads(1)
        try daemon.start("observed", "/srv/observed", "infinity", settings: ["User=nobody", "WorkingDirectory=/usr"])
        let pid = try box.property("MainPID", of: "observed.service")
        try box.eventually("the event has arrived") { try finished(box) }
        let event = try daemon.output(of: "reader")
        for member in [
            #""pid":\#(pid),"#, #""uid":65534,"#, #""executable":"/srv/observed""#,
            #""arguments":["/srv/observed","infinity"]"#, #""workingDirectory":"/usr""#,
            #""cgroup":"/system.slice/observed.service""#,
        ] {
            #expect(event.contains(member), "\(member) in \(event)")
        }
        // Statically linked: no ld.so of the root's file system is opened for it, so its own has to be marked.
        try daemon.succeeds("cp", "/sbin/ldconfig", "/srv/static")
        try daemon.start("other", "tocsin", "read", "--path", "/srv/static", "--format", "json")
        try daemon.pendingReads(1)
        try daemon.succeeds("/srv/static", "--version")
        try box.eventually("a static program is seen") { try daemon.output(of: "other").contains("/srv/static") }

        // PID outside: the box's own has a number of its own.
        let main = try daemon.pidOutside()
        let threads = try ThreadPrivileges.ofEveryThread(of: main)
        #expect(threads.count > 2)
        let granted: Capabilities = [.sysAdmin, .sysPtrace, .dacReadSearch]
        for thread in threads {
            #expect(thread.effective == granted && thread.permitted == granted && thread.bounding == granted)
            #expect(thread.inheritable.isEmpty && thread.ambient.isEmpty)
            #expect(thread.noNewPrivileges && thread.isFiltered)
        }

        // What the filter of system calls refuses shows as an error of what needed the call.
        let own = try box.run("journalctl", "--no-pager", "-u", "tocsin.service", "-p", "warning").output
        #expect(!own.contains("not permitted") && !own.contains("not implemented"), "\(own)")
    }

    @Test("with SocketMode=0666 and own-events every user connects and sees its own processes; a mismatch is told")
    func everybody() throws {
        let daemon = try InstalledDaemon(configuration: "sources: [fanotify]\nsocket: {access: own-events}\n")
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.service")
        #expect(try !box.journal("-u", "tocsin.service", "-g", "only its group may connect").isEmpty)
        try daemon.succeeds("systemctl", "stop", "tocsin.service", "tocsin.socket")
        try daemon.succeeds("mkdir", "/etc/systemd/system/tocsin.socket.d")
        try box.write("/etc/systemd/system/tocsin.socket.d/everybody.conf", "[Socket]\nSocketMode=0666\n")
        try daemon.succeeds("systemctl", "daemon-reload")
        try daemon.succeeds("systemctl", "start", "tocsin.socket", "tocsin.service")
        try daemon.start(
            "reader", "tocsin", "read", "--path", "/usr/bin/sleep", "--format", "json", settings: ["User=nobody"])
        try daemon.pendingReads(1)
        try daemon.start("roots", "sleep", "infinity")
        try daemon.start("observed", "sleep", "infinity", settings: ["User=nobody"])
        let pid = try box.property("MainPID", of: "observed.service")
        try box.eventually("the event has arrived") { try finished(box) }
        #expect(try daemon.output(of: "reader").contains(#""pid":\#(pid),"#), "and root's is not the first")
        #expect(
            try box.run("journalctl", "--no-pager", "-u", "tocsin.service", "-p", "warning", "-b").output
                .split(separator: "\n").filter { $0.contains("does not fit") }.count == 1)
    }

    @Test("with the probes as the only source the service runs without CAP_SYS_ADMIN")
    func probesAlone() throws {
        let daemon = try InstalledDaemon(
            configuration: "sources: [ebpf]\n",
            settings: """
                CapabilityBoundingSet=
                CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE
                """)
        try daemon.succeeds("systemctl", "start", "tocsin.service")
        let granted: Capabilities = [.bpf, .perfmon, .sysPtrace]
        for thread in try ThreadPrivileges.ofEveryThread(of: daemon.pidOutside()) {
            #expect(thread.effective == granted && thread.bounding == granted)
        }
        // The kernel rings for the loop: the filter of system calls lets it ask for that.
        let mappings = try FileDescriptor.open("/proc/\(daemon.pidOutside())/maps").readToEnd(limit: 1 << 20)
        #expect(String(decoding: mappings, as: UTF8.self).contains("[aio]"))
        try daemon.start("reader", "tocsin", "read", "--path", "/usr/bin/uname", "--format", "json")
        try daemon.pendingReads(1)
        try daemon.succeeds("uname", "--all")
        try daemon.box.eventually("the event has arrived") { try finished(daemon.box) }
        #expect(try daemon.output(of: "reader").contains(#""arguments":["uname","--all"]"#))
    }

    private func finished(_ box: SystemdBox) throws -> Bool {
        try box.property("ActiveState", of: "reader.service") != "active"
    }

    @Test("with journal.events: all every process start is an entry at the unit of that process, and -x explains it")
    func journal() throws {
        let daemon = try InstalledDaemon(configuration: "sources: [fanotify]\njournal: {events: all}\n")
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.service")
        try daemon.start("observed", "sleep", "infinity")
        let pid = try box.property("MainPID", of: "observed.service")
        let started = ["-u", "observed.service", "MESSAGE_ID=\(MessageID.processStarted.rawValue)"]
        try box.eventually("the start is an entry of the observed unit") {
            try box.run(["journalctl", "--no-pager", "-o", "json"] + started).output.contains(
                #""OBJECT_PID":"\#(pid)""#)
        }
        let entry = try box.run(["journalctl", "--no-pager", "-o", "json"] + started).output
        #expect(entry.contains(#""SYSLOG_IDENTIFIER":"tocsind""#))
        #expect(entry.contains(#""OBJECT_SYSTEMD_UNIT":"observed.service""#))
        try box.eventually("systemctl status shows it") {
            try box.systemctl("status", "observed.service").output
                .contains("exec \(pid) (uid 0): /usr/bin/sleep infinity")
        }
        let explained = try box.run("journalctl", "-x", "--no-pager", "-t", "tocsind").output
        #expect(explained.contains("Subject: A process started: /usr/bin/sleep"))
        #expect(explained.contains("Subject: tocsin is watching"))
    }

    @Test("a daemon that hangs is killed by the watchdog and started again")
    func watchdog() throws {
        let daemon = try InstalledDaemon(configuration: Self.quiet, settings: "WatchdogSec=3s\nTimeoutAbortSec=1s")
        try daemon.succeeds("systemctl", "start", "tocsin.service")
        try daemon.succeeds("systemctl", "kill", "-s", "STOP", "tocsin.service")
        try daemon.box.eventually("the daemon was killed and is back") {
            try daemon.property("NRestarts") != "0" && daemon.property("ActiveState") == "active"
        }
        #expect(!(try daemon.box.journal("-u", "tocsin.service", "-g", "[Ww]atchdog timeout").isEmpty))
        try daemon.succeeds("tocsin", "status")
    }

    @Test("systemctl reload takes a good configuration whole, and a bad one not at all")
    func reload() throws {
        let daemon = try InstalledDaemon(configuration: "sources: [fanotify]\n")
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.service")
        let pid = try daemon.property("MainPID")

        try box.write(InstalledDaemon.configurationPath, "journal: {events: all}\nfilter: {excludeUids: nobody}\n")
        #expect(try box.run("systemctl", "reload", "tocsin.service").status != 0, "whoever asks for it is told")
        #expect(try !box.journal("-u", "tocsin.service", "-g", "tocsin.yaml:2:").isEmpty)
        #expect(try daemon.property("ActiveState") == "active")
        // An event that is judged behind the reload is the good configuration's.
        try daemon.start("reader", "tocsin", "read", "--path", "/usr/bin/sleep")
        try daemon.pendingReads(1)
        try daemon.start("before", "sleep", "infinity")
        try box.eventually("the event has arrived") { try finished(box) }

        try box.write(InstalledDaemon.configurationPath, "sources: [fanotify]\njournal: {events: all}\n")
        try daemon.succeeds("systemctl", "reload", "tocsin.service")
        try box.eventually("the good configuration is in force") {
            try !box.journal("MESSAGE_ID=\(MessageID.configurationReloaded.rawValue)").isEmpty
        }
        try daemon.start("after", "sleep", "infinity")
        try box.eventually("events are journal entries now") {
            try !box.journal("-u", "after", "-t", "tocsind").isEmpty
        }
        #expect(try box.journal("-u", "before", "-t", "tocsind").isEmpty, "nothing of the bad one was applied")
        #expect(try daemon.property("MainPID") == pid)
        // The journal has the message before systemd has the end of the reload.
        try box.eventually("the reload is over") { try daemon.property("ActiveState") == "active" }
    }

    @Test("a stop answers the read that pends, and takes the socket away")
    func stop() throws {
        let daemon = try InstalledDaemon(configuration: Self.quiet)
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.socket", "tocsin.service")
        try daemon.start("reader", "tocsin", "read", settings: ["StandardError=file:/run/reader.errors"])
        try daemon.pendingReads(1)
        try daemon.succeeds("systemctl", "stop", "tocsin.socket", "tocsin.service")
        try box.eventually("the reader has its answer") { try finished(box) }
        // EX_TEMPFAIL: the service shuts down.
        let errors = try daemon.succeeds("cat", "/run/reader.errors")
        #expect(try box.property("ExecMainStatus", of: "reader.service") == "75", "\(errors)")
        #expect(try daemon.property("Result") == "success")
        #expect(try box.run("test", "-e", "/run/tocsin/tocsin.sock").status != 0)
    }

    @Test("after kill -9 the service is back, and a subscriber goes on by itself")
    func killed() throws {
        let daemon = try InstalledDaemon(configuration: "sources: [fanotify]\n")
        let box = daemon.box
        try daemon.succeeds("systemctl", "start", "tocsin.socket", "tocsin.service")
        try daemon.start(
            "subscriber", "tocsin", "subscribe", "--depth", "3", "--path", "/usr/bin/sleep", "--format", "json")
        try daemon.pendingReads(3)
        let first = try daemon.property("MainPID")
        try daemon.succeeds("systemctl", "kill", "-s", "KILL", "tocsin.service")
        try box.eventually("the service is back") {
            try daemon.property("ActiveState") == "active" && daemon.property("MainPID") != first
        }
        try daemon.pendingReads(3)
        try daemon.start("observed", "sleep", "infinity")
        try box.eventually("the subscriber sees it") {
            try daemon.output(of: "subscriber").contains(#""executable":"/usr/bin/sleep""#)
        }
        #expect(try box.property("NRestarts", of: "subscriber.service") == "0")
    }

    @Test("what make uninstall leaves behind is the configuration")
    func uninstall() throws {
        let daemon = try InstalledDaemon(configuration: Self.quiet)
        try daemon.succeeds("systemctl", "enable", "--now", "tocsin.service")
        #expect(try daemon.box.property("ActiveState", of: "tocsin.socket") == "active", "enabled with the service")
        try daemon.succeeds("systemctl", "disable", "--now", "tocsin.service", "tocsin.socket")
        try daemon.make("uninstall")
        let left = try daemon.succeeds(
            "find", "/etc", "/run", "/usr/bin", "/usr/lib/systemd", "/usr/lib/sysusers.d", "-name", "*tocsin*")
        let others = left.split(separator: "\n").filter { !$0.hasPrefix("/etc/tocsin") && !$0.hasPrefix("/run/tocsin") }
        #expect(others.isEmpty)
        #expect(try daemon.box.run("test", "-e", "/run/tocsin/tocsin.sock").status != 0)
        #expect(try daemon.succeeds("journalctl", "--list-catalog").contains("tocsin"))
        try daemon.succeeds("journalctl", "--update-catalog")
        #expect(try !daemon.succeeds("journalctl", "--list-catalog").contains("tocsin"))
    }
}
