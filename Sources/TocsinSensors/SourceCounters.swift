import Synchronization
import TocsinLinux

/// What a source counts: written by its thread, read by any.
final class SourceCounters: Sendable {
    private let seen = Atomic<UInt64>(0)
    private let lost = Atomic<UInt64>(0)
    private let overflows = Atomic<UInt64>(0)

    func delivered(_ count: Int) { seen.wrappingAdd(UInt64(count), ordering: .relaxed) }
    func lost(_ count: UInt64) { lost.wrappingAdd(count, ordering: .relaxed) }
    func overflowed() { overflows.wrappingAdd(1, ordering: .relaxed) }

    var statistics: SourceStatistics {
        var statistics = SourceStatistics()
        statistics.seen = seen.load(ordering: .relaxed)
        statistics.lost = lost.load(ordering: .relaxed)
        statistics.overflows = overflows.load(ordering: .relaxed)
        return statistics
    }
}

extension SensorRecord {
    /// A record of something that happened now.
    init(now body: Body) {
        self.init(realtimeUSec: Clock.realtimeUSec(), monotonicUSec: Clock.monotonicUSec(), body: body)
    }
}

extension SourceError {
    init(_ source: SourceName, _ error: SystemError, hint: String? = nil) {
        self.init(
            source: source, operation: error.operation, reason: hint.map { "\(error.reason): \($0)" } ?? error.reason)
    }
}
