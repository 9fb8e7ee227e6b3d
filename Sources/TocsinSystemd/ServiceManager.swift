import CSystemd
import Glibc

/// The socket to the service manager. Off systemd every call does nothing and says so.
///
/// Owns nothing: each message opens and closes a socket of its own, in libsystemd. The manager reads promptly, and the
/// messages are few, so they are sent from the event loop.
package struct ServiceManager: Sendable {
    /// Whether this process was started as a service that may speak to its manager.
    package let isPresent: Bool
    /// How often `watchdog` has to be sent at least, in microseconds; nil where the unit has no WatchdogSec=. Send it
    /// twice as often, sd_watchdog_enabled(3).
    package let watchdogUSec: UInt64?

    package init() {
        isPresent = getenv("NOTIFY_SOCKET") != nil
        var microseconds: UInt64 = 0
        watchdogUSec = sd_watchdog_enabled(0, &microseconds) > 0 ? microseconds : nil
    }

    /// - Returns: whether the manager has the message; false off systemd.
    @discardableResult
    package func notify(_ state: ServiceState) -> Bool { sd_notify(0, state.text) > 0 }

    /// Puts a descriptor into the unit's FD store: it comes back in `InheritedDescriptors` after a restart. The manager
    /// gets a duplicate; the caller keeps its own. Storing the same file again does nothing.
    ///
    /// - Returns: whether it was sent; false off systemd. A full store (FileDescriptorStoreMax=) refuses silently.
    @discardableResult
    package func store(_ descriptor: Int32, name: DescriptorName) -> Bool {
        sd_pid_notify_with_fds(0, 0, ServiceState.store(name).text, [descriptor], 1) > 0
    }

    @discardableResult
    package func removeStored(_ name: DescriptorName) -> Bool { notify(.removeStored(name)) }

    /// Waits until the manager has worked off everything sent before: after it, a crash loses no stored descriptor.
    ///
    /// - Returns: false off systemd, or when the time was over.
    package func barrier(microseconds: UInt64 = 5_000_000) -> Bool { sd_notify_barrier(0, microseconds) > 0 }
}
