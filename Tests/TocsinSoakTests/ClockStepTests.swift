import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// Steps the clock of the machine, by an hour and for moments: nothing less is a step to a process. Time namespaces
/// cover the monotonic clocks only (`time_namespaces(7)`).
@Suite(
    .serialized, .enabled(if: Soak.isFull, "\(Soak.reason)"),
    .enabled(if: WallClock.isSettable, "may not set the clock"))
struct ClockStepTests {
    private static let hour = 3600

    @Test("a step of the wall clock moves what events say of it, and nothing else")
    func steps() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration:
                "sources: [heartbeat, \(isRoot ? "ebpf" : "proc")]\nheartbeat: {interval: 10ms}\nlog: {size: 16MiB}")
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        let beats = try await daemon.client.open(Filter(types: [.heartbeat]))
        let patient = try await daemon.client.open(Filter(types: [.attribute]))
        // Shorter than the step.
        let pending = Task { try await patient.read(timeout: .seconds(1800)) }
        try await daemon.pendingReads(1)
        let start = try await beats.read().event

        for round in 1...Soak.scaled(1, full: 20) {
            var ahead: Event?
            try await WallClock.stepping(by: Self.hour) { ahead = try await second(beats) }
            #expect(hours(from: start, to: try #require(ahead)) == 1, "round \(round)")
            var behind: Event?
            try await WallClock.stepping(by: -Self.hour) {
                behind = try await second(beats)
                // Counts from when it was asked, on the clock that does not step.
                let short = try await daemon.client.open(Filter(types: [.attribute]))
                await #expect(throws: TocsinError.timedOut) { try await short.read(timeout: .milliseconds(20)) }
            }
            #expect(hours(from: start, to: try #require(behind)) == -1, "round \(round)")
            #expect(try #require(behind).monotonicUSec > (try #require(ahead)).monotonicUSec)
        }
        #expect(try await daemon.client.status().pendingReads > 0, "the patient read has not ended")
        pending.cancel()
        try await witness.hasSeenAll(of: daemon)
        #expect(try await daemon.client.status().lostDaemon == 0)
        let vitals = try Vitals(of: daemon)
        vitals.expectBounded()
        Soak.report("clock steps", "40 steps by an hour, forth and back; \(vitals)")
    }

    /// The next but one has happened since this was asked.
    private func second(_ session: Session) async throws -> Event {
        while try await session.read().queued > 0 {}
        return try await session.read().event
    }

    private func hours(from start: Event, to event: Event) -> Int {
        let wall = Int(event.realtimeUSec) - Int(start.realtimeUSec)
        let passed = Int(event.monotonicUSec) - Int(start.monotonicUSec)
        return Int((Double(wall - passed) / 3.6e9).rounded())
    }
}

private enum WallClock {
    /// Tried with the time it has.
    static let isSettable: Bool = {
        var time = timespec()
        return Soak.isFull && clock_gettime(CLOCK_REALTIME, &time) == 0 && clock_settime(CLOCK_REALTIME, &time) == 0
    }()

    /// Steps back by the same amount afterwards, so that the time in between is not lost.
    static func stepping(by seconds: Int, _ body: () async throws -> Void) async throws {
        try step(by: seconds)
        do { try await body() } catch {
            try step(by: -seconds)
            throw error
        }
        try step(by: -seconds)
    }

    private static func step(by seconds: Int) throws {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        time.tv_sec += seconds
        guard clock_settime(CLOCK_REALTIME, &time) == 0 else {
            throw Subprocess.Failure.system(operation: "clock_settime", errno: errno)
        }
    }
}
