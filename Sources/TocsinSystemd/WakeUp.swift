internal import TocsinLinux

/// What one thread sleeps on and others ring, with a bound on the sleep.
struct WakeUp: ~Copyable, Sendable {
    private let event: EventFD
    private let sleep: Epoll

    init() throws(SystemError) {
        // Assigned together: a failure in between must leave nothing half made.
        let event = try EventFD()
        let sleep = try Epoll()
        try sleep.add(event.descriptor, token: 0)
        self.event = event
        self.sleep = sleep
    }

    func ring() { event.signal() }

    /// Sleeps until it has rung since the last wait, or the time is over. nil waits for ever.
    func wait(milliseconds: Int32? = nil) throws(SystemError) {
        _ = try sleep.wait(timeoutMSec: milliseconds)
        event.reset()
    }
}
