import Testing
import TocsinEvents

@testable import TocsinSensors

struct GapMergingTests {
    private let clock = RingReader.WallClock(realtimeUSec: 5_000_000, monotonicUSec: 1000)

    @Test("gaps with no event between them are one, with the sum, the later time, and the total of the later")
    func merge() {
        var batch = RingReader.Batch()
        batch.append(gap: 3, at: 100, clock, total: 3)
        // Of a record that could not be read, and so of no total.
        batch.append(gap: 1, at: 90, clock)
        batch.append(gap: 2, at: 120, clock, total: 5)
        #expect(batch.records.map(\.body) == [.gap(count: 6)])
        #expect(batch.records.map(\.position) == [5] && batch.records.map(\.monotonicUSec) == [120])
        #expect(batch.lost == 6 && batch.gaps == 3 && batch.events == 0)
    }

    @Test("an event between two gaps keeps them apart, each at its place")
    func apart() {
        var batch = RingReader.Batch()
        let boot = BootID("00000000-0000-0000-0000-000000000001")!
        let process = Process(
            entityID: EntityID.make(boot: boot, pid: 7, startTimeNSec: 1), pid: 7, startTimeNSec: 1)
        batch.append(gap: 3, at: 100, clock, total: 3)
        batch.append(.fork, process, at: 110, clock, position: 64)
        batch.append(gap: 2, at: 120, clock, total: 5)
        #expect(batch.records.map(\.body) == [.gap(count: 3), .process(.fork, process), .gap(count: 2)])
        #expect(batch.records.map(\.position) == [3, 64, 5] && batch.events == 1)
    }
}
