import Glibc

/// The kernel's clocks. They cannot fail for the constants used here (`clock_gettime(2)`).
package enum Clock {
    /// Wall clock, microseconds since 1970.
    package static func realtimeUSec() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 1000 }

    /// Microseconds, suspended time excluded.
    package static func monotonicUSec() -> UInt64 { monotonicNSec() / 1000 }

    package static func monotonicNSec() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

    /// Nanoseconds since boot, suspended time included: the clock of process start times.
    package static func boottimeNSec() -> UInt64 { nanoseconds(CLOCK_BOOTTIME) }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
