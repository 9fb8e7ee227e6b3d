import Synchronization
import TocsinEvents
import TocsinLinux

/// The probes' ring as the receiver reads it: whoever logs its records reads them, on one thread and without a copy
/// that waits somewhere.
///
/// Owns the reader, with mappings of its own: it may be asked once more after the source was closed.
final class RingQueue: RecordQueue {
    private let state: Mutex<State>
    private let counters: SourceCounters
    private let urgent: UrgentTypes
    /// Ends the wait of the source's thread.
    private let failed: @Sendable () -> Void

    private struct State: ~Copyable {
        var reader: RingReader
        /// What the receiver waits for, where it is not told by the source's thread.
        var doorbell: Doorbell?
        var failure: SystemError?
    }

    /// Records handed out at once.
    private static let batch = 256

    init(
        _ reader: consuming RingReader, counters: SourceCounters, urgent: UrgentTypes,
        failed: @escaping @Sendable () -> Void
    ) {
        state = Mutex(State(reader: reader))
        self.counters = counters
        self.urgent = urgent
        self.failed = failed
    }

    func read(_ take: (consuming SensorRecord) -> Void) {
        state.withLock { state in
            guard state.failure == nil else { return }
            do throws(SystemError) {
                state.doorbell?.answer()
                let count = try state.reader.read(limit: Self.batch, take)
                counters.delivered(count.events)
                counters.lost(count.lost)
                for _ in 0..<count.gaps { counters.overflowed() }
            } catch {
                state.failure = error
                failed()
            }
        }
    }

    func release() -> QueueRest {
        state.withLock { state in
            guard state.failure == nil else { return .nothing }
            do throws(SystemError) {
                var rest = try state.reader.release()
                // The ring stays readable meanwhile, and would ring again and again. Before the wish: who fulfils it
                // rings once.
                if rest == .unfinished { try state.doorbell?.forgetEdges() }
                if rest != .more { rest = try state.reader.await(urgent) }
                // Behind the wish: a record that was announced since then rings at once.
                if rest != .more { try state.doorbell?.arm() }
                return rest
            } catch {
                state.failure = error
                failed()
                return .nothing
            }
        }
    }

    /// Rings from the next `release` on, when there is something again.
    func ring(_ doorbell: consuming Doorbell) {
        var doorbell = Optional(doorbell)
        state.withLock { $0.doorbell = doorbell.take() }
    }

    /// From here on it grows no longer: what the probes record from now on is for another reader.
    func close() {
        state.withLock { state in
            state.reader.close()
            state.doorbell = nil
        }
    }

    /// Why it can be read no longer.
    var failure: SystemError? { state.withLock { $0.failure } }
}
