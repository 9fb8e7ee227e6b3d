import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// The two cases of the article that this project grew from, on the real daemon.
@Suite struct ArticleTests {
    private static let heartbeats = "heartbeat: {interval: 50ms}\nsources: [heartbeat]"

    @Test("three overlapped reads complete one per heartbeat, in order")
    func reverseCall() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.heartbeats)
        let session = try await daemon.client.open()
        // All three are pending before the first beat completes one; each task notes when its own is done.
        let order = try await withThrowingTaskGroup(of: (read: Int, event: Event).self) { group in
            for read in 0..<3 {
                // Sent in order: the next task starts when this one's call is on its way.
                group.addTask { (read, try await session.read().event) }
                await Task.yield()
            }
            var completions: [(read: Int, event: Event)] = []
            for try await completion in group { completions.append(completion) }
            return completions
        }
        #expect(order.map(\.event.type) == [.heartbeat, .heartbeat, .heartbeat])
        let sequences = order.map(\.event.sequence)
        #expect(sequences == Array(sequences[0]..<sequences[0] + 3), "one event completes one read")
        let times = order.map(\.event.monotonicUSec)
        #expect(times == times.sorted() && Set(times).count == 3, "one read per beat")
        await session.close()
    }

    @Test("five reads of what is there complete at once, and the sixth says plainly that there is nothing more")
    func synchronousReads() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.heartbeats)
        let first = try await daemon.client.open()
        let begin = first.cursor
        for _ in 0..<5 { _ = try await first.read() }
        await first.close()

        // The same five again, by their cursor, from a session that never sees another beat.
        let again = try await daemon.client.open(Filter(types: [.heartbeat]), after: begin)
        var events: [UInt64] = []
        for _ in 0..<5 { events.append(try await again.read(timeout: .zero).event.sequence) }
        #expect(events == Array(begin.sequence + 1...begin.sequence + 5))
        await again.close()
        let none = try await daemon.client.open(Filter(types: [.delete]), after: begin)
        await #expect(throws: TocsinError.timedOut) { try await none.read(timeout: .zero) }
        await none.close()
    }
}
