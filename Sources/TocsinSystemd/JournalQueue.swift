/// Entries on their way to the journal, bounded in number and bytes. Pure: the writer holds it behind a lock.
///
/// What the writer has taken and not finished counts against the bound: a journald that hangs in the middle of a batch
/// must not double the memory. The newest entry is the one refused, because what led to a flood is worth more than
/// its end, and because nothing has to be moved.
struct JournalQueue {
    private(set) var waiting: [JournalEntry] = []
    /// Entries and bytes that wait or are being written.
    private(set) var entries = 0
    private(set) var bytes = 0
    /// Entries that never reached the journal.
    private(set) var lost: UInt64 = 0
    /// How many of them an entry in the journal has told of.
    private var reported: UInt64 = 0
    private(set) var isClosed = false
    let maximumEntries: Int
    let maximumBytes: Int

    init(maximumEntries: Int, maximumBytes: Int) {
        self.maximumEntries = maximumEntries
        self.maximumBytes = maximumBytes
    }

    enum Admission: Equatable {
        /// The writer may be asleep.
        case wakeWriter
        /// The writer has been woken for an earlier entry.
        case queued
        case lost
    }

    mutating func append(_ entry: JournalEntry) -> Admission {
        guard !isClosed, entries < maximumEntries, bytes + entry.bytes.count <= maximumBytes else {
            lost += 1
            return .lost
        }
        entries += 1
        bytes += entry.bytes.count
        waiting.append(entry)
        return waiting.count == 1 ? .wakeWriter : .queued
    }

    /// Everything that waits. Each entry is `finished` later.
    mutating func takeAll() -> [JournalEntry] {
        defer { waiting = [] }
        return waiting
    }

    mutating func finished(_ entry: JournalEntry, written: Bool) {
        entries -= 1
        bytes -= entry.bytes.count
        if !written { lost += 1 }
    }

    /// Losses that the journal does not know of yet. `reported` takes the answer.
    var unreported: UInt64 { lost - reported }

    mutating func reported(_ count: UInt64) { reported += count }

    /// What is refused from now on counts as lost.
    mutating func close() { isClosed = true }
}
