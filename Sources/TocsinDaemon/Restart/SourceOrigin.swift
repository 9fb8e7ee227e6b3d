import TocsinDelivery
import TocsinSensors

/// By which numbers the event log remembers how far each source was logged. They are part of the log's layout: a number
/// keeps its meaning for ever.
enum SourceOrigin {
    /// What the source told; nil where its records have no positions that outlive it.
    static func events(of source: SourceName) -> Int? { source == .ebpf ? 0 : nil }

    /// What the source told as missing: of a gap, the position is how many records were missing until then, in all.
    static func losses(of source: SourceName) -> Int? { source == .ebpf ? 1 : nil }

    static func all(of source: SourceName) -> [Int] { [events(of: source), losses(of: source)].compactMap { $0 } }

    /// The log has 0 for a source that has logged nothing, so positions count from 1 there.
    static func of(_ record: borrowing SensorRecord, from source: SourceName) -> EventOrigin? {
        guard let position = record.position else { return nil }
        if case .gap = record.body {
            return losses(of: source).map { EventOrigin(source: $0, position: position) }
        }
        return events(of: source).map { EventOrigin(source: $0, position: position + 1) }
    }
}
