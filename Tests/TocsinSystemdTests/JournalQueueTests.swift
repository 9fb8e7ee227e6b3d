import Testing

@testable import TocsinSystemd

@Suite struct JournalQueueTests {
    private var queue = JournalQueue(maximumEntries: 2, maximumBytes: 1000)
    private let entry = JournalEntry(.info, nil)

    @Test("only the entry that ends the emptiness wakes the writer")
    mutating func wake() {
        #expect(queue.append(entry) == .wakeWriter)
        #expect(queue.append(entry) == .queued)
        #expect(queue.takeAll().count == 2)
        queue.finished(entry, written: true)
        #expect(queue.append(entry) == .wakeWriter)
    }

    @Test("what the writer has taken and not finished counts against the bound")
    mutating func inFlight() {
        queue.append(entry, times: 2)
        _ = queue.takeAll()
        #expect(queue.append(entry) == .lost)
        queue.finished(entry, written: true)
        #expect(queue.append(entry) == .wakeWriter)
        #expect(queue.lost == 1)
    }

    @Test("bytes are bounded as well as entries")
    mutating func bytes() {
        var large = entry
        large.field("MESSAGE", String(repeating: "x", count: 1000))
        #expect(queue.append(large) == .lost)
        #expect(queue.append(entry) == .wakeWriter)
        queue.finished(entry, written: true)
        #expect(queue.bytes == 0 && queue.entries == 0)
    }

    @Test("an entry that could not be written is lost, and each loss is reported once")
    mutating func reporting() {
        queue.append(entry, times: 3)
        _ = queue.takeAll()
        queue.finished(entry, written: false)
        queue.finished(entry, written: true)
        #expect(queue.unreported == 2)
        queue.reported(2)
        #expect(queue.unreported == 0)
        #expect(queue.lost == 2)
    }

    @Test("a closed queue takes nothing more and counts it")
    mutating func closed() {
        queue.close()
        #expect(queue.append(entry) == .lost)
        #expect(queue.lost == 1)
    }
}

extension JournalQueue {
    fileprivate mutating func append(_ entry: JournalEntry, times: Int) {
        for _ in 0..<times { _ = append(entry) }
    }
}
