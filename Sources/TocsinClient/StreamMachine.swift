internal import TocsinEvents

/// Decides what a stream of events does next: connect, send a read, await a reply, hand an event over.
///
/// Pure: it owns no connection and no clock, so every way in which a connection can be lost is a unit test. The stream
/// asks for the next step, performs it and tells how it went.
///
/// Reads are kept outstanding up to `depth`; what they brought and the consumer has not taken counts among them, so a
/// slow consumer holds at most that many events, and the rest stays in the daemon's log. Further reads are sent half of
/// `depth` at a time, in one write; those that acknowledge, at once.
struct StreamMachine {
    enum Step: Hashable {
        /// Wait where it is a further attempt, connect and open a session: tell `opened` or `failed`.
        case open(after: Cursor?, Retry?)
        /// Send so many more reads, the first of which acknowledges.
        case read(Int, acknowledge: Cursor?)
        /// Wait for the reply to the oldest read: tell `completed` or `failed`.
        case awaitReply
        case deliver(Element)
        case end(TocsinError)
    }

    enum Element: Hashable {
        case completion(Completion)
        /// Events behind a cursor that has expired.
        case gap(Gap, Cursor)
    }

    private enum State {
        /// `failure` is why there is no connection any more; nil at the start.
        case closed(failure: TocsinError?)
        /// Further reads are due where few enough are outstanding.
        case reading(outstanding: Int, limit: Int, isDue: Bool)
        case ended(TocsinError)
    }

    private let depth: Int
    private let isGroup: Bool
    private let reconnection: Reconnection

    private var state = State.closed(failure: nil)
    /// Where the next session resumes: everything up to here has been received.
    private var position: Cursor?
    private var ready: Element?
    /// What the consumer has taken and may still be working on.
    private var inHand: Cursor?
    /// Done, and to be acknowledged with the next read.
    private var done: Cursor?
    /// Whether a session was ever opened. Before that, a failure is the caller's to know.
    private var wasOpen = false
    private var failedAttempts = 0

    init(after: Cursor?, isGroup: Bool, depth: Int, reconnection: Reconnection) {
        position = after
        self.isGroup = isGroup
        self.depth = max(1, depth)
        self.reconnection = reconnection
    }

    // MARK: Inputs

    /// The consumer asks for the next element, and so says that it is done with the one before.
    mutating func consumerAsks() {
        if isGroup, let inHand { done = inHand }
        inHand = nil
    }

    mutating func opened(at cursor: Cursor, maximumPendingReads: Int) {
        wasOpen = true
        position = cursor
        state = .reading(outstanding: 0, limit: max(1, min(depth, maximumPendingReads)), isDue: true)
    }

    /// The oldest read brought an event.
    mutating func completed(_ completion: Completion) {
        guard case .reading(var outstanding, let limit, let isDue) = state else { return }
        outstanding -= 1
        let half = max(1, limit / 2)
        state = .reading(outstanding: outstanding, limit: limit, isDue: isDue || outstanding <= limit - half)
        // Not before an event arrived: a daemon that accepts and dies at once must not be asked without pause.
        failedAttempts = 0
        position = completion.cursor
        ready = .completion(completion)
    }

    /// Opening failed, or the oldest read completed with an error. The connection is of no use any more.
    mutating func failed(_ error: TocsinError) {
        // Given to a session that is gone, and the daemon takes acknowledgements from the one it gave to.
        done = nil
        if isGroup { inHand = nil }
        switch error {
        case .cursorExpired(let oldest, let lost):
            ready = .gap(Self.gap(from: position, to: oldest, lost: lost), oldest)
            position = oldest
            state = .closed(failure: nil)
        case .shuttingDown(let cursor):
            position = cursor
            close(error)
        case .noSocket, .notListening, .permissionDenied, .connectFailed, .disconnected, .limitExceeded:
            close(error)
        default:
            state = .ended(error)
        }
    }

    // MARK: The next step

    mutating func next() -> Step {
        if let element = ready {
            ready = nil
            if case .completion(let completion) = element { inHand = completion.cursor }
            return .deliver(element)
        }
        switch state {
        case .closed(nil):
            return .open(after: position, nil)
        case .closed(let failure?):
            guard let delay = reconnection.delay(beforeAttempt: failedAttempts) else {
                state = .ended(failure)
                return .end(failure)
            }
            return .open(after: position, Retry(attempt: failedAttempts, delay: delay, reason: failure))
        case .reading(let outstanding, let limit, let isDue) where outstanding < limit && (isDue || done != nil):
            let count = isDue ? limit - outstanding : 1
            state = .reading(outstanding: outstanding + count, limit: limit, isDue: false)
            defer { done = nil }
            return .read(count, acknowledge: done)
        case .reading:
            return .awaitReply
        case .ended(let error):
            return .end(error)
        }
    }

    // MARK: Private

    private mutating func close(_ error: TocsinError) {
        guard wasOpen else {
            state = .ended(error)
            return
        }
        failedAttempts += 1
        state = .closed(failure: error)
    }

    private static func gap(from position: Cursor?, to oldest: Cursor, lost: UInt64?) -> Gap {
        // Numbers of another life of the log say nothing about this one.
        guard let position, position.instance == oldest.instance, position.sequence < oldest.sequence else {
            return Gap(origin: .restart, count: lost)
        }
        return Gap(origin: .session, first: position.sequence + 1, last: oldest.sequence, count: lost)
    }
}
