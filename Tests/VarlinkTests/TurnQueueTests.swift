import Testing

@testable import Varlink

@Suite struct TurnQueueTests {
    /// Who goes on in one tick, where each works as much.
    private func tick(_ queue: inout TurnQueue<Int>, work: Int) -> [Int] {
        queue.beginTick()
        var gone: [Int] = []
        while let next = queue.next() {
            gone.append(next)
            queue.worked(work)
        }
        return gone
    }

    @Test("a tick ends when there was enough work, and the next goes on where it ended")
    func bound() {
        var queue = TurnQueue<Int>(atMost: 80)
        for element in 0..<20 { queue.append(element) }
        #expect(tick(&queue, work: 10) == Array(0..<8))
        #expect(tick(&queue, work: 200) == [8], "the first always has its turn")
        #expect(tick(&queue, work: 11) == Array(9..<17))
        #expect(tick(&queue, work: 10) == Array(17..<20))
        #expect(queue.isEmpty)
        #expect(tick(&queue, work: 10) == [])
    }

    @Test("who has more to do after its turn waits for another tick, behind all others")
    func comesBack() {
        var queue = TurnQueue<Int>(atMost: 80)
        for element in 0..<3 { queue.append(element) }
        queue.beginTick()
        for expected in 0..<3 {
            #expect(queue.next() == expected)
            queue.append(expected)
        }
        #expect(queue.next() == nil)
        #expect(tick(&queue, work: 0) == [0, 1, 2])
    }

    @Test("turns that were no work take nobody's")
    func idle() {
        var queue = TurnQueue<Int>(atMost: 1)
        for element in 0..<1000 { queue.append(element) }
        #expect(tick(&queue, work: 0) == Array(0..<1000))
    }
}
