import Sigma
import Testing
import TocsinEvents

@testable import TocsinRules

@Suite struct EventJudgeTests {
    /// A judge of rules that each hold one selection.
    private func judge(_ selections: [String], category: String = "process_creation") -> EventJudge {
        var collection = RuleCollection()
        for (index, selection) in selections.enumerated() {
            collection.add(
                """
                title: Rule \(index)
                id: 00000000-0000-0000-0000-00000000000\(index)
                logsource: {category: \(category), product: linux}
                detection:
                  selection: {\(selection)}
                  condition: selection
                level: high
                tags: [attack.t1059]
                """, file: "r\(index).yml")
        }
        let rules = LoadedRules(collection, users: UserNames(passwd: Array("root:x:0:0::/root:/bin/sh\n".utf8)))
        #expect(rules.rules.refusals.isEmpty && rules.rules.rules.count == selections.count)
        return EventJudge(rules)
    }

    private func exec(_ change: (inout Process) -> Void = { _ in }) -> Event {
        var process = Process(entityID: "e", pid: 12, startTimeNSec: 1)
        process.executable = "/usr/bin/dash"
        process.filename = "/bin/sh"
        process.arguments = ["sh", "-c", "id  -u"]
        process.workingDirectory = "/srv/www"
        process.uid = 0
        process.parentPid = 11
        change(&process)
        return Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .exec, realtimeUSec: 0, monotonicUSec: 5,
            process: process)
    }

    private func matches(_ selection: String, _ event: Event, category: String = "process_creation") -> Bool {
        var judge = judge([selection], category: category)
        var event = event
        judge.judge(&event)
        return !event.detections.isEmpty
    }

    @Test(
        "a process has the fields of Sysmon for Linux",
        arguments: [
            "Image: /usr/bin/dash", "Image: /bin/sh", "CommandLine: 'sh -c id  -u'", "CurrentDirectory: /srv/www",
            "User: root", "LogonId: 0", "ProcessId: 12", "ParentProcessId: 11", "ProcessGuid: e",
            "ParentImage: null",
        ])
    func process(_ selection: String) { #expect(matches(selection, exec())) }

    @Test("the types that are judged are those that a rule is about")
    func judgedTypes() {
        func types(_ category: String) -> Set<EventType> {
            var collection = RuleCollection()
            let rule = "title: R\nlogsource: {category: \(category)}\ndetection: {a: {Image: x}, condition: a}\n"
            collection.add(rule, file: "r.yml")
            return LoadedRules(collection).judgedTypes
        }
        #expect(types("process_creation") == [.exec])
        #expect(types("file_event") == [.create, .modify, .rename])
        #expect(types("network_connection") == [])
    }

    @Test("the parent is the nearest ancestor")
    func parent() {
        var event = exec()
        var parent = Process(entityID: "p", pid: 11, startTimeNSec: 1)
        parent.executable = "/usr/sbin/nginx"
        parent.arguments = ["nginx:", "worker"]
        parent.uid = 33
        event.ancestors = [parent]
        #expect(
            matches(
                "ParentImage: /usr/sbin/nginx, ParentCommandLine: 'nginx: worker', ParentProcessId: 11, "
                    + "ParentUser: '33'", event))
        #expect(!matches("ParentImage: /usr/bin/dash", event))
    }

    @Test("the path that was executed is an image only where it has another name, and is made absolute")
    func image() {
        let sameName = exec { $0.filename = "/tmp/link/dash" }
        #expect(!matches("Image|startswith: /tmp/", sameName))
        let relative = exec { $0.filename = "./run.sh" }
        #expect(matches("Image: /srv/www/run.sh", relative))
        #expect(matches("Image: /usr/bin/dash", relative))
    }

    @Test(
        "an executable without a name is shown as the kernel shows it", arguments: [Process.ExecFlags.memfd, .deleted])
    func nameless(_ flag: Process.ExecFlags) {
        let event = exec {
            $0.executable = "/memfd:a"
            $0.filename = nil
            $0.flags = [flag]
        }
        #expect(matches("Image: '/memfd:a (deleted)'", event))
    }

    @Test("what is not known is missing: a gone process has no command line, which is not an empty one")
    func missing() {
        let gone = exec { $0.arguments = nil }
        #expect(matches("CommandLine: null", gone))
        #expect(!matches("CommandLine: ''", gone))
        #expect(matches("CommandLine: ''", exec { $0.arguments = [] }))
    }

    @Test("file events go to the rules of their category, with both names of a rename")
    func files() {
        var event = Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .rename, realtimeUSec: 0, monotonicUSec: 5,
            file: File(path: "/etc/passwd", oldPath: "/etc/passwd.new"))
        #expect(matches("TargetFilename: /etc/passwd", event, category: "file_event"))
        #expect(matches("SourceFilename: /etc/passwd.new", event, category: "file_event"))
        #expect(!matches("TargetFilename: /etc/passwd", event, category: "process_creation"))
        event.type = .delete
        #expect(!matches("TargetFilename: /etc/passwd", event, category: "file_event"))
        #expect(matches("TargetFilename: /etc/passwd", event, category: "file_delete"))
    }

    @Test("a detection says what its rule says, and an event has those of all rules that match")
    func detections() {
        var judge = judge(["User: root", "Image: /bin/false", "LogonId: 0"])
        var event = exec()
        judge.judge(&event)
        #expect(event.detections.map(\.title) == ["Rule 0", "Rule 2"])
        #expect(
            event.detections.first
                == TocsinEvents.Detection(
                    ruleID: "00000000-0000-0000-0000-000000000000", title: "Rule 0", severity: .high,
                    tags: ["attack.t1059"]))
    }

    @Test("a correlation that time decides is due at its end and only then, and nothing is due without one")
    func decision() {
        var collection = RuleCollection()
        collection.add(
            """
            title: Base
            name: base
            logsource: {category: process_creation, product: linux}
            detection: {selection: {User: root}, condition: selection}
            ---
            title: Only once
            id: 00000000-0000-0000-0000-000000000009
            correlation:
              type: event_count
              rules: [base]
              group-by: [User]
              timespan: 1s
              condition: {lt: 2}
            level: low
            """, file: "c.yml")
        let rules = LoadedRules(collection, users: UserNames(passwd: Array("root:x:0:".utf8)))
        #expect(rules.rules.refusals == [])
        var judge = EventJudge(rules)
        #expect(judge.decisionDueUSec == nil)
        var event = exec()
        judge.judge(&event)
        #expect(event.detections.isEmpty)
        #expect(judge.decisionDueUSec == 1_000_006)
        let early = judge.decide(at: 1_000_005)
        #expect(early == [])
        let onTime = judge.decide(at: 1_000_006)
        #expect(onTime.map(\.title) == ["Only once"])
        #expect(judge.decisionDueUSec == nil)
    }

    @Test("an event keeps the gravest of too many detections, and the others are counted")
    func tooMany() {
        var collection = RuleCollection()
        for index in 0..<100 {
            collection.add(
                """
                title: Rule \(index)
                id: 00000000-0000-0000-0000-0000000001\(index < 10 ? "0" : "")\(index)
                logsource: {category: process_creation}
                detection: {selection: {User: root}, condition: selection}
                level: \(index == 99 ? "critical" : "low")
                """, file: "\(index).yml")
        }
        var judge = EventJudge(LoadedRules(collection, users: UserNames(passwd: Array("root:x:0:".utf8))))
        var event = exec()
        judge.judge(&event)
        #expect(event.detections.count == EventJudge.detectionLimit)
        #expect(event.detections.first?.severity == .critical)
        #expect(judge.detectionsLeftOut == 36)
    }
}

@Suite struct UserNamesTests {
    @Test("names come from passwd lines, the first of a number counts, and what is no line is passed over")
    func parse() {
        let users = UserNames(
            passwd: Array("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\n+::::::\nx:y\nwww:x:33:33\n".utf8))
        #expect(users[0] == Array("root".utf8))
        #expect(users[33] == Array("www".utf8))
        #expect(users[4711] == Array("4711".utf8))
    }
}
