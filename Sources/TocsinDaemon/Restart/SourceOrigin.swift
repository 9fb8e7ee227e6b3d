import TocsinDelivery
import TocsinSensors

/// By which numbers the event log remembers how far each source was logged. They are part of the log's layout: a number
/// keeps its meaning for ever.
enum SourceOrigin {
    /// Numbers below this are given.
    static let count = 4

    /// What the source told; nil where its records have no positions that outlive it.
    static func events(of source: SourceName) -> Int? {
        switch source {
        case .ebpf: 0
        case .fanotify: 2
        case .files: 3
        case .proc, .heartbeat: nil
        }
    }

    /// What the source told as missing, where that is counted by itself: of a gap, the position is how many records
    /// were missing until then, in all. The other sources give a gap a position among their events.
    static func losses(of source: SourceName) -> Int? { source == .ebpf ? 1 : nil }

    static func all(of source: SourceName) -> [Int] { [events(of: source), losses(of: source)].compactMap { $0 } }

    /// The log has 0 for a source that has logged nothing, so positions count from 1 there.
    static func of(_ record: borrowing SensorRecord, from source: SourceName) -> EventOrigin? {
        guard let position = record.position else { return nil }
        if case .gap = record.body, let losses = losses(of: source) {
            return EventOrigin(source: losses, position: position)
        }
        return events(of: source).map { EventOrigin(source: $0, position: position + 1) }
    }
}
