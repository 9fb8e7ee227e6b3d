import JSON
import TocsinDelivery
import TocsinEvents
import TocsinLinux
import TocsinRules
import TocsinSensors

/// The way of an event through the daemon: a source's record is enriched, judged, numbered, logged and told.
///
/// Lives on the event loop. Owns what rules remember and the buffer events are encoded in; the service owns the log. A
/// value, so that whoever has it looks at it once for many records, and all that is in it is there: a class would be
/// asked at run time, part by part, whether another is looking. None is: what the service does with an event comes
/// back in a later turn of the loop.
struct EventPipeline: ~Copyable {
    private let service: EventService
    /// Of the next event.
    private var cursor: Cursor
    /// How far each source was logged when it began, by its number: what it tells again of that is known.
    private var loggedBefore: [UInt64]
    private var journal: EventJournal
    private var ancestry: Ancestry
    private var exclusion: EventExclusion
    private var judge = EventJudge(LoadedRules())
    private var nextDueUSec = UInt64.max
    private var writer = JSONWriter(reservingCapacity: 4096)

    private(set) var statistics = Statistics()

    struct Statistics {
        /// Events numbered.
        var seen: UInt64 = 0
        /// Records that the configuration excludes.
        var excluded: UInt64 = 0
        /// Detections beyond those an event can hold.
        var detectionsLeftOut: UInt64 = 0
        /// Groups of correlations forgotten before their time.
        var evictedGroups: UInt64 = 0
        /// Records the kernel dropped, as far as it counts them.
        var lostKernel: UInt64 = 0
    }

    init(service: EventService, journal: consuming EventJournal, reader: ProcessReader, exclusion: EventExclusion) {
        ancestry = Ancestry(reader: reader)
        self.service = service
        cursor = service.nextCursor
        loggedBefore = Array(repeating: 0, count: SourceOrigin.count)
        self.journal = journal
        self.exclusion = exclusion
    }

    /// What this source tells follows.
    mutating func begin(_ source: SourceName) {
        for origin in SourceOrigin.all(of: source) { loggedBefore[origin] = service.position(ofSource: origin) }
        ancestry.begin(source)
    }

    /// This source tells nothing any more.
    mutating func end(_ source: SourceName) { ancestry.end(source) }

    /// What `read` hands out.
    mutating func take(from source: SourceName, _ read: ((consuming SensorRecord) -> Void) -> Void) {
        read { take($0, from: source) }
    }

    /// Tells everyone that events are missing here which no source speaks of.
    mutating func takeGap(_ origin: Gap.Origin) {
        var event = newEvent(.gap, TocsinLinux.Clock.realtimeUSec(), TocsinLinux.Clock.monotonicUSec())
        event.gap = Gap(origin: origin)
        publish(event)
    }

    mutating func reconfigure(_ configuration: Configuration) {
        exclusion = EventExclusion(configuration)
        journal.reconfigure(configuration)
        lookForDue()
    }

    // MARK: Rules

    /// The next event is judged by these.
    mutating func replaceRules(_ rules: LoadedRules) {
        statistics.detectionsLeftOut += judge.detectionsLeftOut
        statistics.evictedGroups += judge.evictedGroups
        judge = EventJudge(rules)
        lookForDue()
    }

    var ruleCount: Int { judge.ruleCount }
    /// Why something that rules or the journal could have told was not told, by name.
    var refusals: [(name: String, count: UInt64)] {
        [
            ("rules", UInt64(judge.refusedRules)),
            ("detectionsPerEvent", statistics.detectionsLeftOut + judge.detectionsLeftOut),
            ("correlationGroups", statistics.evictedGroups + judge.evictedGroups),
            ("journalRepeats", journal.heldBack),
        ]
    }

    /// When rules or the journal have something to say without an event: microseconds of `CLOCK_MONOTONIC`. Whoever has
    /// the pipeline lets it `decide` then.
    var dueUSec: UInt64? { nextDueUSec == .max ? nil : nextDueUSec }

    /// Publishes what a correlation says because time has passed, and lets the journal tell what it held back.
    mutating func decide(at monotonicUSec: UInt64) {
        guard nextDueUSec <= monotonicUSec else { return }
        defer { lookForDue() }
        journal.advance(to: monotonicUSec)
        guard let due = judge.decisionDueUSec, due <= monotonicUSec else { return }
        let detections = judge.decide(at: monotonicUSec)
        guard !detections.isEmpty else { return }
        var event = newEvent(.detection, TocsinLinux.Clock.realtimeUSec(), monotonicUSec)
        event.detections = detections
        if !exclusion.excludes(event) { publish(event) }
    }

    private mutating func lookForDue() {
        nextDueUSec = min(judge.decisionDueUSec ?? .max, journal.dueUSec ?? .max)
    }

    // MARK: Records

    /// - Parameter source: nil where no source tells it.
    mutating func take(_ record: consuming SensorRecord, from source: SourceName? = nil) {
        decide(at: record.monotonicUSec)
        let origin = source.flatMap { SourceOrigin.of(record, from: $0) }
        // The process before this one died after logging it, and before the source's queue knew.
        var isLogged = origin.map { $0.position <= loggedBefore[$0.source] } ?? false
        let (realtimeUSec, monotonicUSec) = (record.realtimeUSec, record.monotonicUSec)
        var event: Event
        switch (consume record).body {
        case .process(let type, let process):
            guard case .news(let program) = ancestry.observe(type, process) else { return }
            // Nobody is told of most forks: with the table they are done with.
            guard !exclusion.excludes(type) else {
                if !isLogged { statistics.excluded += 1 }
                return
            }
            event = newEvent(type, realtimeUSec, monotonicUSec)
            event.process = if let program { process.running(program) } else { consume process }
        case .file(let type, let file, let process):
            event = newEvent(type, realtimeUSec, monotonicUSec)
            event.file = file
            event.process = process
        case .heartbeat:
            event = newEvent(.heartbeat, realtimeUSec, monotonicUSec)
        case .gap(let missing, let before):
            let count = missing.map { $0 - logged(of: origin, after: before) }
            // More may have come to a gap that the log has: records that could not be read move no position.
            if before != nil, let count, count > 0 { isLogged = false }
            statistics.lostKernel += count ?? 0
            event = newEvent(.gap, realtimeUSec, monotonicUSec)
            event.gap = Gap(origin: .kernel, count: count)
        case .abandoned(let count):
            event = newEvent(.gap, realtimeUSec, monotonicUSec)
            event.gap = Gap(origin: .restart, count: count)
        }
        if isLogged { return }
        guard !exclusion.excludes(event) else {
            statistics.excluded += 1
            return
        }
        let lineage = ancestry.lineage(of: event)
        event.ancestors = lineage?.ancestors ?? []
        judge.judge(&event)
        // Rules remember what they saw, and the journal what it was told of.
        let mayBeDue = judge.decisionDueUSec != nil || !event.detections.isEmpty
        publish(event, lineage, origin)
        if mayBeDue { lookForDue() }
    }

    /// How much of a gap is in the log already: the process before this one told a part of it, and died before its queue
    /// knew.
    private func logged(of origin: EventOrigin?, after before: UInt64?) -> UInt64 {
        guard let origin, let before, loggedBefore[origin.source] > before else { return 0 }
        return min(loggedBefore[origin.source], origin.position) - before
    }

    /// The number is given here, before any session's filter, so that whoever compares numbers sees every loss.
    private func newEvent(_ type: EventType, _ realtimeUSec: UInt64, _ monotonicUSec: UInt64) -> Event {
        Event(
            sequence: cursor.sequence, cursor: cursor, type: type, realtimeUSec: realtimeUSec,
            monotonicUSec: monotonicUSec)
    }

    private mutating func publish(_ event: Event, _ lineage: Lineage? = nil, _ origin: EventOrigin? = nil) {
        statistics.seen += 1
        writer.removeAll()
        let passage = writer.event(event, lineage: event.type == .exit ? lineage?.ofEnd : lineage)
        cursor = writer.withSpan { service.publish(event, json: $0, passage: passage, origin: origin) }
        journal.take(event)
    }
}
