import NIOCore
import TocsinLinux

/// Gives back, a while after much work, the memory that it left unused.
///
/// Lives on the event loop. Little work sets no timer, so a daemon with nothing to do sleeps on.
final class RestingHeap {
    private let eventLoop: any EventLoop
    private var scheduled: Scheduled<Void>?
    private var work = 0

    /// Events that leave some memory behind; a connection leaves as much as 32 of them.
    private static let much = 4096
    private static let pause = TimeAmount.seconds(5)

    init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    deinit { scheduled?.cancel() }

    func eventLogged() { worked(1) }
    func connectionEnded() { worked(32) }

    /// In a storm that goes on memory is given back now and then, too: what one part of it left may be another's.
    private func worked(_ count: Int) {
        work += count
        guard work >= Self.much, scheduled == nil else { return }
        scheduled = eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { [weak self] in self?.rest() }
    }

    private func rest() {
        scheduled = nil
        work = 0
        ProcessMemory.trimHeap()
    }
}
