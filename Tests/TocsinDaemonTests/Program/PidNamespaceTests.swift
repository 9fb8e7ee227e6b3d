import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// The daemon with its probes in a pid namespace of its own, as in a container that may load them.
@Suite(.enabled(if: isRoot, "namespaces and probes need root")) struct PidNamespaceTests {
    private static let unshare = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"]

    @Test("in a pid namespace of its own the daemon tells of the processes in there, by their numbers in there")
    func numbers() async throws {
        let daemon = try await RunningDaemon.ready(["--source", "ebpf"], wrapper: Self.unshare + ["--mount-proc"])
        let source = try #require(try await daemon.client.status().sources.first)
        #expect(source.state == "running" && source.note?.contains("its own pid namespace only") == true, "\(source)")
        let session = try await daemon.client.open(Filter(types: [.exec]))

        let outside = try await Subprocess.run("/bin/true", ["outside"])
        #expect(outside.status == 0)
        // What each says of itself, in the /proc that the daemon sees too; the last is in yet another namespace in
        // there.
        let script = """
            echo "$$ $PPID"
            /bin/sh -c 'echo "$$ $PPID"; exec /bin/true inside'
            unshare --pid --fork /bin/sh -c 'while read key first second
                do [ $key != NSpid: ] || echo "$first $second"; done </proc/self/status; exec /bin/true deeper'
            """
        let inner = try #require(Self.child(of: daemon.process.pid))
        let entered = try await Subprocess.run(
            "/usr/bin/nsenter", ["-t", "\(inner)", "--pid", "--mount", "/bin/sh", "-c", script, "first"])
        #expect(entered.status == 0, "\(entered.errorText)")
        let numbers = entered.text.split(separator: "\n").map { $0.split(separator: " ").compactMap { Int32($0) } }
        try #require(numbers.count == 3 && numbers.allSatisfy { $0.count == 2 }, "\(entered.text)")

        var starts: [TocsinEvents.Process] = []
        while starts.last?.arguments?.last != "deeper" || starts.last?.comm != "true" {
            let event = try await session.read(timeout: .seconds(20)).event
            if let process = event.process { starts.append(process) }
        }
        let first = try #require(starts.first { $0.arguments?.last == "first" })
        let inside = try #require(starts.first { $0.arguments?.last == "inside" })
        let deeper = try #require(starts.last)
        // Who started the first is not in there.
        #expect([first.pid, first.parentPid ?? -1] == numbers[0] && first.parentPid == 0)
        #expect([inside.pid, inside.parentPid ?? -1] == numbers[1] && inside.parentPid == first.pid)
        #expect(deeper.pid == numbers[2][0] && numbers[2][1] == 1)
        #expect(inside.namespaces?.pid == first.namespaces?.pid && deeper.namespaces?.pid != first.namespaces?.pid)
        #expect(!starts.contains { $0.arguments?.last == "outside" })
        await session.close()
    }

    @Test("where /proc shows another pid namespace the probes are not used, and the journal says what helps")
    func otherProc() async throws {
        let daemon = try await RunningDaemon.ready(["--source", "auto"], wrapper: Self.unshare)
        let log = daemon.process.errorsWritten
        #expect(log.contains("/proc shows another pid namespace than the one this runs in"), "\(log)")
    }

    /// The only child, where there is one.
    private static func child(of pid: Int32) -> Int32? {
        guard let file = fopen("/proc/\(pid)/task/\(pid)/children", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        return Int32(String(decoding: line.prefix { $0 > 32 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
