import Dispatch
import NIOCore
import Synchronization
import TocsinSensors

/// The way of batches from the sources' threads to the event loop: one at a time from each, without a lock on the
/// loop's side.
///
/// A source waits here until the loop has logged its batch. So the kernel's queue fills and counts what it drops,
/// instead of this process's memory; and a source whose queue outlives this process gives up a record there only when
/// it is in the log.
final class BatchHandover: Sendable {
    private let counts = Mutex(Counts())

    struct Counts: Sendable {
        var handed: UInt64 = 0
        var taken: UInt64 = 0
    }

    /// Has `take` called on the loop, and returns when it has returned.
    func hand(
        _ records: [SensorRecord], to eventLoop: any EventLoop, take: @escaping @Sendable ([SensorRecord]) -> Void
    ) {
        counts.withLock { $0.handed += 1 }
        Self.perform(on: eventLoop) {
            take(records)
            self.counts.withLock { $0.taken += 1 }
        }
    }

    /// Runs on the loop while the calling thread, which must be another, waits.
    static func perform(on eventLoop: any EventLoop, _ work: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        eventLoop.execute {
            work()
            done.signal()
        }
        done.wait()
    }

    /// How far the loop is behind; for the watchdog.
    var progress: Counts { counts.withLock { $0 } }
}
