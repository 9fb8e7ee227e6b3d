import Testing

@testable import TocsinSensors

struct GapMergingTests {
    private let clock = RingReader.WallClock(realtimeUSec: 5_000_000, monotonicUSec: 1000)

    @Test("gaps with no event between them are one, with the sum, the later time, and the total of the later")
    func merge() {
        var gap = GapMerging()
        gap.add(3, at: 100, total: 3)
        // Of a record that could not be read, and so of no total.
        gap.add(1, at: 90)
        gap.add(2, at: 120, total: 5)
        let record = gap.end(clock)
        #expect(record?.body == .gap(count: 6, after: 0) && record?.position == 5)
        #expect(record?.monotonicUSec == 120 && record?.realtimeUSec == 4_999_120)
        #expect(gap.lost == 6 && gap.gaps == 3)
    }

    @Test("an event between two gaps keeps them apart")
    func apart() {
        var gap = GapMerging()
        gap.add(3, at: 100, total: 3)
        #expect(gap.end(clock)?.body == .gap(count: 3, after: 0))
        #expect(gap.end(clock) == nil)
        gap.add(2, at: 120, total: 5)
        #expect(gap.end(clock)?.body == .gap(count: 2, after: 3))
        #expect(gap.lost == 5 && gap.gaps == 2)
    }
}
