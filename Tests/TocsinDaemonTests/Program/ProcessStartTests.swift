import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// A process starts, and a pending read completes: the whole way, on the real kernel.
@Suite struct ProcessStartTests {
    @Test(
        "a program that starts completes a pending read with its executable, arguments and user",
        .enabled(if: isRoot, "eBPF and fanotify need privilege"), arguments: ["auto", "ebpf", "fanotify"])
    func privileged(_ source: String) async throws {
        try await starts(try await RunningDaemon.ready(["--source", source]))
    }

    @Test("the proc source sees a program that lives long enough")
    func polling() async throws {
        try await starts(try await RunningDaemon.ready(["--source", "proc"], configuration: "proc: {interval: 20ms}"))
    }

    @Test(
        "without privilege auto falls back to proc and says why and what it misses",
        .enabled(if: isRoot, "setpriv needs root to give privilege up"))
    func unprivileged() async throws {
        let nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
        let daemon = try await RunningDaemon.ready(configuration: "proc: {interval: 20ms}", wrapper: nobody)
        // The executable of others' processes stays hidden from who may not trace them.
        try await starts(daemon, wrapper: nobody)
        let log = daemon.process.errorsWritten
        #expect(log.contains("Source does not work here, continuing with another"), "\(log)")
        #expect(log.contains("fanotify_init: Operation not permitted"), "\(log)")
        let proc = try #require(try await daemon.client.status().sources.first { $0.name == "proc" })
        #expect(proc.state == "running")
        #expect(proc.note?.contains("missed") == true, "\(proc)")
    }

    @Test(
        "the children of one process are told with the same ancestors when they start, and with their parent when they end",
        .enabled(if: isRoot, "eBPF needs privilege"))
    func siblings() async throws {
        let daemon = try await RunningDaemon.ready(["--source", "ebpf"])
        let marker = "marker-\(UInt64.random(in: 0 ... .max))"
        let session = try await daemon.client.open(Filter(types: [.exec, .exit]))
        // A name for the shell, so that its arguments make the ancestors long enough to be kept apart.
        let name = String(repeating: "n", count: 1200)
        let children = (1...5).map { "/bin/true \(marker) \($0);" }.joined()
        let shell = try RunningSubprocess("/bin/sh", ["-c", "\(children) :", name])
        for number in 1...5 {
            for type in [EventType.exec, .exit] {
                var event: Event
                repeat {
                    event = try await session.read(timeout: .seconds(20)).event
                } while event.type != type
                    || event.process?.arguments?.map(\.string) != ["/bin/true", marker, "\(number)"]
                #expect(event.ancestors.first?.pid == shell.pid)
                #expect(event.ancestors.first?.arguments?.first == "/bin/sh")
                if type == .exit {
                    #expect(event.ancestors.count == 1)
                } else {
                    #expect(event.ancestors.dropFirst().first?.pid == getpid())
                }
            }
        }
        await session.close()
    }

    private func starts(_ daemon: RunningDaemon, wrapper: [String] = []) async throws {
        let directory = try TemporaryDirectory()
        let marker = "marker-\(UInt64.random(in: 0 ... .max))"
        let session = try await daemon.client.open(Filter(types: [.exec]))
        let command = wrapper + ["/usr/bin/tail", "-f", "/dev/null", "--", directory.path, marker]
        let started = try RunningSubprocess(command[0], Array(command.dropFirst()))
        let event = try await found(session) {
            $0.arguments?.last?.string == marker && $0.comm == "tail"
        }
        let process = try #require(event.process)
        #expect(process.pid == started.pid)
        #expect(process.executable == "/usr/bin/tail")
        #expect(process.arguments?.map(\.string).dropLast(2) == ["/usr/bin/tail", "-f", "/dev/null", "--"])
        #expect(process.uid == process.effectiveUid)
        #expect(process.parentPid == getpid())
        let parent = try #require(event.ancestors.first)
        #expect(parent.pid == getpid() && parent.comm != nil)
        await session.close()
    }

    private func found(_ session: Session, _ isIt: (TocsinEvents.Process) -> Bool) async throws -> Event {
        while true {
            // Others' processes start all the time; a bound on the wait, not on how many.
            let event = try await session.read(timeout: .seconds(20)).event
            if let process = event.process, isIt(process) { return event }
        }
    }
}
