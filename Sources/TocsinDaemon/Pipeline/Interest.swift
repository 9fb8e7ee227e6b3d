import TocsinEvents

/// The types of events that somebody waits for at the moment. A source need not wake the daemon for others: they are
/// read with those, before records of another source, and before a session begins.
struct Interest {
    /// Those that sessions wait for.
    var sessions: Set<EventType> = []
    /// Those that rules look at: the journal waits for detections, and correlations for their time.
    var rules: Set<EventType> = []
    private var told: Set<EventType>
    private var journal: Configuration.JournalPolicy

    init(_ configuration: Configuration) {
        told = configuration.toldTypes
        journal = configuration.journalEvents
    }

    mutating func reconfigure(_ configuration: Configuration) {
        told = configuration.toldTypes
        journal = configuration.journalEvents
    }

    var types: Set<EventType> { journal == .all ? told : told.intersection(sessions.union(rules)) }
}
