import TocsinEvents
import TocsinSystemd

/// Which events become journal entries. The entries are written on the journal's own thread; here they are only made.
final class EventJournal {
    var policy: Configuration.JournalPolicy
    private let writer: JournalWriter

    init(writer: JournalWriter, policy: Configuration.JournalPolicy) {
        self.writer = writer
        self.policy = policy
    }

    func take(_ event: Event) {
        if policy != .none {
            for detection in event.detections { writer.submit(JournalEntry(event, detection)) }
        }
        if event.type == .gap || policy == .all { writer.submit(JournalEntry(event)) }
    }
}
