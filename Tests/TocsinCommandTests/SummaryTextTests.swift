import JSON
import Testing
import TocsinCommand
import TocsinEvents

@Suite struct SummaryTextTests {
    private let text = EventText(
        style: Style(isColoured: true), timestamp: { "\($0)" }, userName: { "user\($0)" }, signalName: { "S\($0)" })

    /// All that a line may tell of, and all that it may not.
    private func process(_ pid: Int32) -> Process {
        var process = Process(entityID: "e", pid: pid, startTimeNSec: 1)
        (process.parentPid, process.processGroup, process.uid, process.gid) = (pid + 1, 3, 4, 5)
        (process.effectiveUid, process.effectiveGid, process.loginUid, process.auditSession) = (6, 7, 8, 9)
        (process.tty, process.comm, process.executable, process.filename) = ("pts/1", "comm\n", "/exe", "/file\u{1B}")
        process.arguments = ["zeroth", "first\u{202E}"]
        process.argumentsTruncated = true
        (process.executableDevice, process.executableInode) = (10, 11)
        (process.workingDirectory, process.cgroup) = ("/work", "/cgroup")
        (process.unit, process.container) = ("a.service", "0123456789abcdef")
        process.namespaces = Process.Namespaces(pid: 1, mount: 2, network: 3, user: 4)
        process.flags = [.script]
        process.gone = true
        (process.exitCode, process.runTimeNSec) = (12, 13_000_000)
        return process
    }

    @Test(
        "a summary of an event gives the very lines that the whole event gives",
        arguments: [EventType.exec, .exit, .fork, .modify, .gap, .heartbeat, .unknown("later")], 0..<8)
    func sameLines(type: EventType, parts: Int) throws {
        var event = Event(
            sequence: 7, cursor: Cursor(instance: 1, sequence: 7), type: type, realtimeUSec: 5, monotonicUSec: 6)
        if parts & 1 != 0 { event.process = process(20) }
        if parts & 2 != 0 { event.ancestors = [process(30), process(40)] }
        if parts & 4 != 0 {
            event.file = File(path: "/etc/\u{7F}", oldPath: "/old", device: 1, inode: 2)
            event.detections = [Detection(ruleID: "r", title: "t\u{1B}", severity: .high, tags: ["x"])]
        }
        var writer = JSONWriter()
        writer.event(event)
        let json = try JSONText(parsing: writer.bytes)
        #expect(text.lines(of: try Event(json: json, .summary)) == text.lines(of: try Event(json: json)))
    }
}
