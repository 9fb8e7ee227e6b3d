import Testing
import TocsinSensors

struct RingWindowTests {
    private static let page = 4096

    /// A reader's way through a ring: records of these lengths one after another, from this position on.
    private static func walk(
        _ window: inout RingWindow, capacity: Int, from start: Int, lengths: [Int], rounds: Int
    ) -> Int {
        var (position, moves) = (start, 0)
        for round in 0..<rounds * lengths.count {
            let offset = position & (capacity - 1)
            // As the reader does: first the header, then the whole.
            for wanted in [offset..<offset + 8, offset..<offset + lengths[round % lengths.count]] {
                if window.move(toCover: wanted) { moves += 1 }
                #expect(window.range.lowerBound <= wanted.lowerBound && wanted.upperBound <= window.range.upperBound)
                #expect(window.range.lowerBound % page == 0 && window.range.upperBound % page == 0)
                #expect(window.range.upperBound <= 2 * capacity)
            }
            position += lengths[round % lengths.count]
        }
        return moves
    }

    @Test(
        "every record lies in the window, wherever in the ring it begins and however long it is",
        arguments: [1, 2, 4, 64, 1024], [1, 2, 16, 200])
    func covers(_ capacityPages: Int, _ windowPages: Int) {
        let capacity = capacityPages * Self.page
        let lengths = [16, 128, 1032, capacity, 8, 2056, capacity / 2 + 8].filter { $0 <= capacity }
        for start in [0, 8, capacity - 8, 5 * capacity - 16] {
            var window = RingWindow(
                capacity: capacity, length: windowPages * Self.page, pageSize: Self.page, at: start & (capacity - 1))
            _ = Self.walk(&window, capacity: capacity, from: start, lengths: lengths, rounds: 50)
        }
    }

    @Test("a window that holds all of the ring never moves, and a long record does not make it longer for good")
    func length() {
        var all = RingWindow(capacity: 8 * Self.page, length: 16 * Self.page, pageSize: Self.page, at: 5 * Self.page)
        #expect(all.range == 0..<16 * Self.page)
        #expect(Self.walk(&all, capacity: 8 * Self.page, from: 40, lengths: [5000, 8], rounds: 100) == 0)

        var small = RingWindow(capacity: 64 * Self.page, length: 2 * Self.page, pageSize: Self.page, at: 100)
        #expect(small.range == 0..<2 * Self.page)
        let long = small.move(toCover: 8000..<8000 + 40 * Self.page)
        #expect(long && small.range == Self.page..<42 * Self.page)
        let within = small.move(toCover: 9000..<9008)
        #expect(!within)
        let next = small.move(toCover: 42 * Self.page..<42 * Self.page + 8)
        #expect(next && small.range == 42 * Self.page..<44 * Self.page)
    }
}
