import Synchronization
import Testing

@testable import TocsinSystemd

@Suite struct JournalWriterTests {
    /// In the place of journald: takes entries, refuses them, or hangs.
    private final class FakeJournal: Sendable {
        let messages = Mutex<[String]>([])
        let refuses = Mutex(false)
        let hang = Mutex(())

        func send(_ entry: JournalEntry) -> Bool {
            hang.withLock { _ in }
            if refuses.withLock({ $0 }) { return false }
            messages.withLock { $0.append(String(decoding: entry.value("MESSAGE") ?? [], as: UTF8.self)) }
            return true
        }
    }

    private let journal = FakeJournal()

    private func writer(maximumEntries: Int = 100) throws -> JournalWriter {
        let journal = journal
        return try JournalWriter(
            identifier: "test", destination: .journal,
            queue: JournalQueue(maximumEntries: maximumEntries, maximumBytes: 1 << 20), send: { journal.send($0) })
    }

    private func entry(_ message: String) -> JournalEntry {
        var entry = JournalEntry(.info, nil)
        entry.field("MESSAGE", message)
        return entry
    }

    @Test("entries arrive in order, and flush waits for them")
    func order() throws {
        let writer = try writer()
        let sent = (0..<50).map { "\($0)" }
        for message in sent { #expect(writer.submit(entry(message))) }
        #expect(writer.flush())
        #expect(journal.messages.withLock { $0 } == sent)
        #expect(writer.close())
    }

    @Test("a hanging journal never blocks the caller; what does not fit is counted, and told when it works again")
    func hanging() throws {
        let writer = try writer(maximumEntries: 10)
        journal.hang.withLock { _ in
            for number in 0..<30 { writer.submit(entry("\(number)")) }
            #expect(writer.lost == 20)
            #expect(!writer.flush(milliseconds: 1))
        }
        #expect(writer.close())
        let messages = journal.messages.withLock { $0 }
        #expect(messages.filter { $0.hasPrefix("Journal") } == ["Journal entries lost: 20"])
        #expect(messages.filter { !$0.hasPrefix("Journal") } == (0..<10).map { "\($0)" })
    }

    @Test("an absent journal costs the entries, not the daemon, and the count is told once it is there")
    func absent() throws {
        let writer = try writer()
        journal.refuses.withLock { $0 = true }
        for number in 0..<3 { writer.submit(entry("\(number)")) }
        #expect(writer.flush())
        #expect(writer.lost == 3)
        journal.refuses.withLock { $0 = false }
        writer.submit(entry("back"))
        #expect(writer.close())
        #expect(journal.messages.withLock { $0 } == ["back", "Journal entries lost: 3"])
    }

    @Test("close gives up on a journal that hangs for ever")
    func closeBounded() throws {
        let writer = try writer()
        journal.hang.withLock { _ in
            writer.submit(entry("stuck"))
            #expect(!writer.close(milliseconds: 10))
            #expect(!writer.submit(entry("late")))
        }
    }
}
