import NIOCore

/// One timer of the event loop, set only while something is due.
final class DueTimer {
    private let eventLoop: any EventLoop
    private var scheduled: Scheduled<Void>?
    private var dueUSec: UInt64?

    init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    deinit { scheduled?.cancel() }

    /// - Parameter dueUSec: microseconds of `CLOCK_MONOTONIC`, which is NIO's clock too; nil for never.
    func set(_ dueUSec: UInt64?, _ body: @escaping () -> Void) {
        guard dueUSec != self.dueUSec else { return }
        scheduled?.cancel()
        self.dueUSec = dueUSec
        scheduled = dueUSec.map { due in
            let deadline = NIODeadline.uptimeNanoseconds(due.multipliedReportingOverflow(by: 1000).partialValue)
            return eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
                self?.dueUSec = nil
                body()
            }
        }
    }
}
