import Glibc
import TestSupport
import Testing
import TocsinClient

@Suite(.serialized, .enabled(if: isRoot, "mounting a small file system needs root")) struct FullDiskTests {
    /// A file system of its own, full when the daemon starts: rules, configuration, socket and what it writes lie
    /// there.
    private static let fill = """
        set -e
        mount -t tmpfs -o size=128k tmpfs "$0"
        mkdir "$0/rules"
        printf '%s\\n' "sources: [heartbeat]" "heartbeat: {interval: 10ms}" "log: {size: 1MiB}" \
            "rules: {directories: [$0/rules]}" "journal: {level: debug}" > "$0/tocsin.yaml"
        printf '%s\\n' "title: A Rule" "logsource: {category: process_creation}" \
            "detection: {selection: {Image: /x}, condition: selection}" > "$0/rules/rule.yml"
        cat /dev/zero > "$0/filler" 2>/dev/null || :
        exec "$@" --socket "$0/tocsin.sock" --config "$0/tocsin.yaml" 2>>"$0/log"
        """

    @Test("on a full file system the daemon starts, serves and reloads; what it could not write is counted")
    func full() async throws {
        let place = try TemporaryDirectory()
        let daemon = try await RunningDaemon.ready(
            wrapper: [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", Self.fill, place.path,
            ])
        let inside = "/proc/\(daemon.process.pid)/root\(place.path)"
        let client = TocsinClient(socketPath: inside + "/tocsin.sock")
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(client)
        #expect(try await client.status().rules == 1)
        for round in 1...Soak.scaled(3, full: 100) {
            daemon.process.send(SIGHUP)
            try await daemon.notified("READY=1")
            if round == 1 { #expect(contents(of: inside + "/log") == "", "nothing more fits") }
        }
        let middle = try Vitals(of: daemon)
        try await witness.hasSeenAll(of: client)
        let status = try await client.status()
        #expect(status.rules == 1 && (status.lostJournal ?? 0) > 0)

        // Room again: what is written next tells what is missing.
        #expect(unlink(inside + "/filler") == 0)
        daemon.process.send(SIGHUP)
        try await daemon.notified("READY=1")
        let told = try await Soak.eventually { contents(of: inside + "/log")?.contains("entries lost: ") == true }
        #expect(told, "\(contents(of: inside + "/log") ?? "no log")")
        let end = try Vitals(of: daemon)
        end.expectFlat(since: middle)
        end.expectBounded()
        Soak.report("full disk", "\(status.lostJournal ?? 0) messages lost and counted, every event told; \(end)")
    }
}
