import CTocsinLinux
import Glibc

// The descriptors a blocking thread sleeps on: readiness of many (epoll), a nudge from another thread (eventfd), time
// (timerfd).

/// `epoll(7)`. The descriptors added must outlive their registration; closing the last one of an open file ends it.
package struct Epoll: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package struct Events: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let readable = Events(rawValue: EPOLLIN.rawValue)
        /// An exceptional condition, as a change of /proc/self/mountinfo.
        package static let priority = Events(rawValue: EPOLLPRI.rawValue)
        /// Ready once for each wake-up of the descriptor, however long its condition lasts.
        package static let edgeTriggered = Events(rawValue: EPOLLET.rawValue)
        package static let error = Events(rawValue: EPOLLERR.rawValue)
        package static let hangUp = Events(rawValue: EPOLLHUP.rawValue)
    }

    package struct Ready: Sendable {
        /// As given to `add`.
        package var token: UInt64
        package var events: Events
    }

    package init() throws(SystemError) {
        descriptor = FileDescriptor(owning: try syscall("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    package func add(_ other: borrowing FileDescriptor, token: UInt64, for events: Events = .readable)
        throws(SystemError)
    {
        try add(number: other.rawValue, token: token, for: events)
    }

    /// For a descriptor whose owner is behind a lock.
    package func add(number: Int32, token: UInt64, for events: Events = .readable) throws(SystemError) {
        try syscall("epoll_ctl") {
            tocsin_epoll_ctl(descriptor.rawValue, EPOLL_CTL_ADD, number, events.rawValue, token)
        }
    }

    package func remove(_ other: borrowing FileDescriptor) throws(SystemError) {
        let number = other.rawValue
        try syscall("epoll_ctl") { tocsin_epoll_ctl(descriptor.rawValue, EPOLL_CTL_DEL, number, 0, 0) }
    }

    /// Sleeps until something is ready; empty where `timeoutMSec` passed first. nil waits for ever.
    package func wait(timeoutMSec: Int32? = nil, limit: Int = 16) throws(SystemError) -> [Ready] {
        try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: limit) { buffer throws(SystemError) in
            let count = try syscall("epoll_wait") {
                epoll_wait(descriptor.rawValue, buffer.baseAddress, Int32(limit), timeoutMSec ?? -1)
            }
            return buffer[..<Int(count)].map {
                Ready(token: $0.data.u64, events: Events(rawValue: $0.events))
            }
        }
    }

    /// Of an edge-triggered descriptor, alone in the set: what it became ready for until now is known.
    package func forgetEdge() throws(SystemError) {
        var event = epoll_event()
        try syscall("epoll_wait") { epoll_wait(descriptor.rawValue, &event, 1, 0) }
    }
}

/// `eventfd(2)`: one thread wakes another.
package struct EventFD: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package init() throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try syscall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
    }

    /// Makes the descriptor readable. EAGAIN would say that it has been so 2^64 times, which is as good.
    package func signal() {
        var one: UInt64 = 1
        _ = try? syscall("write") { write(descriptor.rawValue, &one, MemoryLayout<UInt64>.size) }
    }

    /// Makes it not readable again.
    package func reset() {
        var count: UInt64 = 0
        _ = try? syscall("read") { read(descriptor.rawValue, &count, MemoryLayout<UInt64>.size) }
    }

    /// Sleeps until it was signalled since the last wait, or the time is over, for whoever waits for this alone. nil
    /// waits for ever.
    package func wait(timeoutMSec: Int32? = nil) throws(SystemError) {
        var wanted = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        try syscall("poll") { poll(&wanted, 1, timeoutMSec ?? -1) }
        reset()
    }
}

/// `timerfd_create(2)` on `CLOCK_MONOTONIC`: steps of the wall clock do not move it.
package struct TimerFD: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package init() throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try syscall("timerfd_create") {
                timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
            })
    }

    /// Expires after `firstNSec`, then every `intervalNSec`; 0 for once.
    package func start(afterNSec firstNSec: UInt64, everyNSec intervalNSec: UInt64 = 0) throws(SystemError) {
        // A zero first expiration would disarm it.
        var setting = itimerspec(it_interval: timespec(nsec: intervalNSec), it_value: timespec(nsec: max(firstNSec, 1)))
        try syscall("timerfd_settime") { timerfd_settime(descriptor.rawValue, 0, &setting, nil) }
    }

    package func disarm() throws(SystemError) {
        var setting = itimerspec()
        try syscall("timerfd_settime") { timerfd_settime(descriptor.rawValue, 0, &setting, nil) }
    }

    /// How often it expired since the last call; 0 where it did not.
    package func takeExpirations() throws(SystemError) -> UInt64 {
        var count: UInt64 = 0
        let got = try syscallOrWouldBlock("read timerfd") {
            read(descriptor.rawValue, &count, MemoryLayout<UInt64>.size)
        }
        return got == nil ? 0 : count
    }
}

extension timespec {
    fileprivate init(nsec: UInt64) {
        self.init(tv_sec: Int(nsec / 1_000_000_000), tv_nsec: Int(nsec % 1_000_000_000))
    }
}
