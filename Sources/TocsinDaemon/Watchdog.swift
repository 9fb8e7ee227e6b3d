import Logging
import NIOCore
import TocsinLinux
import TocsinSystemd

/// Feeds the service manager's watchdog from the event loop that serves the queue, and only while what waits for it is
/// being worked off: a loop that turns without making progress is left to be restarted.
final class Watchdog {
    private let manager: ServiceManager
    private let logger: Logger
    private var policy: WatchdogPolicy
    private let intake: IntakeProgress
    private var timer: RepeatedTask?
    private var isWithheld = false

    init(
        on eventLoop: any EventLoop, manager: ServiceManager, intervalUSec: UInt64, intake: IntakeProgress,
        logger: Logger
    ) {
        self.manager = manager
        self.logger = logger
        self.intake = intake
        policy = WatchdogPolicy(patience: intervalUSec * 1000)
        // Twice as often as asked, sd_watchdog_enabled(3).
        let interval = TimeAmount.microseconds(Int64(clamping: intervalUSec / 2))
        let watchdog = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in watchdog.value.tick() }
    }

    func stop() { timer?.cancel() }

    private func tick() {
        let now = TocsinLinux.Clock.monotonicUSec() * 1000
        policy.observe("queue", completed: intake.completed, hasWork: intake.hasWork, now: now)
        switch policy.verdict(now: now) {
        case .well:
            isWithheld = false
            manager.notify(.watchdog)
        case .stuck(let workers):
            guard !isWithheld else { return }
            isWithheld = true
            logger.log(
                level: .error, .watchdogWithheld, "No progress, leaving the watchdog unfed",
                metadata: ["workers": "\(workers.joined(separator: ", "))"])
        }
    }
}
