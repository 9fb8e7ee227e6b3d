import TocsinLinux

/// One record every interval: shows that the way to the subscriber works, and drives demonstrations.
///
/// Owns a timerfd and an epoll from `open` to `close`. Beats that pass while the thread is kept waiting become one,
/// and the others are counted as lost.
package final class HeartbeatSource: Source {
    package let name = SourceName.heartbeat
    /// It sees nothing, so it misses nothing.
    package let isResumed = true
    package let limitation = "beats missed while the daemon is busy are counted, not repeated"
    private let intervalNSec: UInt64
    private let stopping = StopSignal()
    private let counters = SourceCounters()
    private let armed = Slot<Armed>()

    private struct Armed: ~Copyable, Sendable {
        let timer: TimerFD
        let epoll: Epoll
    }

    /// `intervalMSec` is at least 1.
    package init(intervalMSec: UInt64) {
        intervalNSec = max(intervalMSec, 1) * 1_000_000
    }

    package func open() throws(SourceError) {
        do throws(SystemError) {
            try stopping.open()
            let armed = Armed(timer: try TimerFD(), epoll: try Epoll())
            try armed.epoll.add(armed.timer.descriptor, token: 0)
            try stopping.add(to: armed.epoll, token: 1)
            try armed.timer.start(afterNSec: intervalNSec, everyNSec: intervalNSec)
            self.armed.put(armed)
        } catch { throw SourceError(.heartbeat, error) }
    }

    package func run(_ receiver: any RecordReceiver) throws(SourceError) {
        guard let armed = armed.take() else { return }
        do throws(SystemError) {
            while !stopping.isRequested {
                _ = try armed.epoll.wait()
                let beats = try armed.timer.takeExpirations()
                guard beats > 0, !stopping.isRequested else { continue }
                counters.lost(beats - 1)
                counters.delivered(1)
                receiver.take([SensorRecord(now: .heartbeat)])
            }
        } catch { throw SourceError(.heartbeat, error) }
        self.armed.put(armed)
    }

    package func stop() { stopping.request() }
    package var statistics: SourceStatistics { counters.statistics }

    package func close() {
        armed.clear()
        stopping.close()
    }
}
