import Synchronization
import TocsinLinux

/// Ends the wait of a source's thread from any other.
///
/// Owns an eventfd from `open` to `close`. A request is remembered also before and after.
final class StopSignal: Sendable {
    private struct State: ~Copyable {
        var requested = false
        var event: EventFD?
    }

    private let state = Mutex(State())

    func open() throws(SystemError) {
        var event: EventFD? = try EventFD()
        state.withLock {
            $0.event = event.take()
            if $0.requested { $0.event?.signal() }
        }
    }

    var isRequested: Bool { state.withLock { $0.requested } }

    func request() {
        state.withLock {
            $0.requested = true
            $0.event?.signal()
        }
    }

    /// Makes `epoll` ready when a stop is requested. To be opened before.
    func add(to epoll: borrowing Epoll, token: UInt64) throws(SystemError) {
        let number = state.withLock { $0.event?.descriptor.rawValue }
        guard let number else { return }
        try epoll.add(number: number, token: token)
    }

    func close() { state.withLock { $0.event = nil } }
}
