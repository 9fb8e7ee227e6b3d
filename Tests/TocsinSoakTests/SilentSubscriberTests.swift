import JSON
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

@Suite(.serialized, .enabled(if: isRoot, "loading probes needs root"))
struct SilentSubscriberTests {
    private let silent = Soak.scaled(4, full: 50)

    @Test("a subscriber that never reads costs the others nothing, itself what the log pushes out, and that is counted")
    func neverReading() async throws {
        // A storm's events are a KiB or more each, and the log small: soon it holds the last of them only.
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [heartbeat, ebpf]\nheartbeat: {interval: 100ms}\nlog: {size: 4MiB}")
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        let before = try await daemon.client.status()
        let subscribers = try SilentSubscribers(silent, at: daemon.socketPath)
        let subscribed = try await Soak.eventually {
            try await daemon.client.status().sessionCount == before.sessionCount + silent
        }
        #expect(subscribed)
        try await fall(behind: 1000, daemon, witness)
        let middle = try Vitals(of: daemon)
        try await fall(behind: 1000, daemon, witness)
        let end = try Vitals(of: daemon)
        end.expectFlat(since: middle)
        end.expectBounded()
        try await witness.hasSeenAll(of: daemon)

        // Now they read: what each was told and what it was told of as lost are together all there was.
        let status = try await daemon.client.status()
        #expect(status.lostDaemon > 0)
        for socket in subscribers.sockets { try account(for: socket, upTo: status.lastSequence) }
        Soak.report(
            "silent subscribers",
            "\(silent) of them, \(status.lastSequence) events, \(status.lostDaemon) lost to them; \(end)")
    }

    /// Waits until the sessions that do not read have lost this many more events, and the witness has read all.
    private func fall(behind count: UInt64, _ daemon: RunningDaemon, _ witness: Witness) async throws {
        let goal = try await daemon.client.status().lostDaemon + count * UInt64(silent)
        let fell = try await Soak.eventually {
            let storm = try RunningSubprocess(BuiltProgram.path("execute"), ["storm", "2", "50"])
            #expect(try await storm.ended().status == 0)
            // Not faster than it reads: what it is owed must stay in the log.
            let status = try await daemon.client.status()
            let caughtUp = try await Soak.eventually { witness.last >= status.lastSequence }
            #expect(caughtUp)
            return status.lostDaemon >= goal
        }
        #expect(fell)
    }

    private func account(for socket: TestSocket, upTo last: UInt64) throws {
        var next: UInt64?
        var lost: UInt64 = 0
        while (next ?? 0) <= last {
            let reply = try JSONValue(parsing: try #require(try socket.receive()))
            let parameters = try #require(reply.objectValue?["parameters"]?.objectValue)
            lost += UInt64(parameters["lost"]?.integerValue ?? 0)
            guard let event = try parameters["event"].map({ try Event(json: $0) }) else {
                next = try Cursor(#require(parameters["cursor"]?.stringValue))?.sequence.advanced(by: 1)
                continue
            }
            if let gap = event.gap, gap.origin == .session {
                #expect(gap.first == next)
                next = try #require(gap.last) + 1
            } else {
                #expect(event.sequence == next)
                next = event.sequence + 1
            }
        }
        #expect(lost > 0)
    }
}
