import JSON
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// The way of an event through the daemon: a source's record is enriched, judged, numbered, logged and told.
///
/// Lives on the event loop. Owns what enrichment remembers and the buffer events are encoded in; the service owns the
/// log.
final class EventPipeline {
    private let service: EventService
    private let journal: EventJournal
    private var exclusion: EventExclusion
    private var writer = JSONWriter(reservingCapacity: 4096)

    private(set) var statistics = Statistics()

    struct Statistics {
        /// Events numbered.
        var seen: UInt64 = 0
        /// Records that the configuration excludes.
        var excluded: UInt64 = 0
        /// Records the kernel dropped, as far as it counts them.
        var lostKernel: UInt64 = 0
    }

    init(service: EventService, journal: EventJournal, exclusion: EventExclusion) {
        self.service = service
        self.journal = journal
        self.exclusion = exclusion
    }

    func take(_ records: [SensorRecord]) {
        for record in records { take(record) }
    }

    /// Tells everyone that events are missing here which no source speaks of.
    func takeGap(_ origin: Gap.Origin) {
        let sequence = service.nextSequence
        publish(
            Event(
                sequence: sequence, cursor: service.cursor(at: sequence), type: .gap,
                realtimeUSec: TocsinLinux.Clock.realtimeUSec(), monotonicUSec: TocsinLinux.Clock.monotonicUSec(),
                gap: Gap(origin: origin)))
    }

    func reconfigure(exclusion: EventExclusion, journal policy: Configuration.JournalPolicy) {
        self.exclusion = exclusion
        journal.policy = policy
    }

    private func take(_ record: SensorRecord) {
        // The number is given here, before any session's filter, so that whoever compares numbers sees every loss.
        let sequence = service.nextSequence
        var event = Event(
            sequence: sequence, cursor: service.cursor(at: sequence), type: .gap, realtimeUSec: record.realtimeUSec,
            monotonicUSec: record.monotonicUSec)
        switch record.body {
        case .process(let type, let process):
            event.type = type
            event.process = process
        case .file(let type, let file, let process):
            event.type = type
            event.file = file
            event.process = process
        case .heartbeat:
            event.type = .heartbeat
        case .gap(let count):
            statistics.lostKernel += count ?? 0
            event.gap = Gap(origin: .kernel, count: count)
        }
        guard !exclusion.excludes(event) else {
            statistics.excluded += 1
            return
        }
        publish(event)
    }

    private func publish(_ event: Event) {
        statistics.seen += 1
        writer.removeAll()
        writer.event(event)
        service.publish(event, json: writer.bytes.span)
        journal.take(event)
    }
}
