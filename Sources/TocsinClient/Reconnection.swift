/// How a stream of events comes back after the daemon went away: at once it would be in the way of a daemon that is
/// just starting, so it waits, twice as long after every failure, up to a bound. It never gives up on its own.
///
/// Without random spread: all clients are on this machine, and the daemon accepts them one after the other anyway.
public struct Reconnection: Hashable, Sendable {
    /// Before the first attempt.
    public var initialDelay: Duration
    /// No wait is longer.
    public var maximumDelay: Duration
    /// Attempts in a row without an event until the stream ends with the error of the last; nil is no bound.
    public var maximumAttempts: Int?

    public init(
        initialDelay: Duration = .milliseconds(50), maximumDelay: Duration = .seconds(5), maximumAttempts: Int? = nil
    ) {
        self.initialDelay = initialDelay
        self.maximumDelay = maximumDelay
        self.maximumAttempts = maximumAttempts
    }

    /// The wait before an attempt, the first of which is 1; nil where it must not be made.
    func delay(beforeAttempt attempt: Int) -> Duration? {
        if let maximumAttempts, attempt > maximumAttempts { return nil }
        var delay = initialDelay
        for _ in 1..<max(1, attempt) where delay < maximumDelay { delay *= 2 }
        return min(delay, maximumDelay)
    }
}
