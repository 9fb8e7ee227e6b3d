import Dispatch
import NIOCore
import Synchronization
import TocsinSensors

/// The way of batches from the sources' threads to the event loop: bounded, in order, without a lock on the loop's
/// side.
///
/// A source that is faster than the loop waits here, so that the kernel's queue fills and counts what it drops, instead
/// of this process's memory.
final class BatchHandover: Sendable {
    /// Batches on their way at a time. More than one, so that the loop finds the next when it is done with one.
    static let limit = 4

    private let places = DispatchSemaphore(value: BatchHandover.limit)
    private let counts = Mutex(Counts())

    struct Counts: Sendable {
        var handed: UInt64 = 0
        var taken: UInt64 = 0
    }

    /// Blocks while `limit` batches wait; then has `take` called on the loop.
    func hand(
        _ records: [SensorRecord], to eventLoop: any EventLoop, take: @escaping @Sendable ([SensorRecord]) -> Void
    ) {
        places.wait()
        counts.withLock { $0.handed += 1 }
        eventLoop.execute {
            take(records)
            self.counts.withLock { $0.taken += 1 }
            self.places.signal()
        }
    }

    /// How far the loop is behind; for the watchdog.
    var progress: Counts { counts.withLock { $0 } }
}
