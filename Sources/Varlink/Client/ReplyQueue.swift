import NIOCore
import Synchronization

/// Replies between the event loop, which puts them in, and the task that takes them out.
final class ReplyQueue: Sendable {
    private struct State {
        var replies: CircularBuffer<VarlinkReply> = CircularBuffer(initialCapacity: 1)
        /// Told that there is something to take.
        var waiting: CheckedContinuation<Void, Never>?
        /// Nothing is put in any more; a failure is told once, after the replies.
        var end: Result<Void, any Error>?
        /// Replies taken since the event loop was last told.
        var taken = 0
        /// The event loop stopped reading.
        var isPaused = false

        var isReady: Bool { !replies.isEmpty || end != nil }

        mutating func takeWaiting() -> CheckedContinuation<Void, Never>? {
            defer { waiting = nil }
            return waiting
        }

        mutating func takeEnd() throws {
            guard let end else { return }
            self.end = .success(())
            try end.get()
        }
    }

    private let state = Mutex(State())
    /// With so many replies waiting, the event loop is to stop reading.
    private let limit: Int
    /// The event loop is told of every so many replies taken: half of what can wait, so that it never runs dry.
    private var batch: Int { max(1, limit / 2) }

    init(limit: Int) { self.limit = limit }

    // MARK: On the event loop

    /// Whether more may be put in; if not, the taker says when.
    func put(_ reply: VarlinkReply) -> Bool {
        let (waiting, hasRoom) = state.withLock { state in
            if state.end == nil { state.replies.append(reply) }
            state.isPaused = state.replies.count >= limit
            return (state.takeWaiting(), !state.isPaused)
        }
        waiting?.resume()
        return hasRoom
    }

    func end(_ result: Result<Void, any Error>) {
        let waiting = state.withLock { state in
            if state.end == nil { state.end = result }
            return state.takeWaiting()
        }
        waiting?.resume()
    }

    // MARK: In the task

    /// Whether the last reply was put in.
    var isEnded: Bool { state.withLock { $0.end != nil } }

    /// Waits until something has come, or nothing can.
    nonisolated(nonsending) func waitForReplies() async {
        if state.withLock({ $0.isReady }) { return }
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if !state.isReady { state.waiting = continuation }
                return state.isReady
            }
            if isReady { continuation.resume() }
        }
    }

    /// The next reply, and nil at the end.
    /// - Parameter tookSome: There may be room for others.
    nonisolated(nonsending) func next(tookSome: () -> Void) async throws -> VarlinkReply? {
        await waitForReplies()
        let (reply, isBatch) = try state.withLock { state in
            guard let reply = state.replies.popFirst() else {
                try state.takeEnd()
                return (nil as VarlinkReply?, false)
            }
            state.taken += 1
            guard state.taken >= batch else { return (reply, false) }
            state.taken = 0
            return (reply, true)
        }
        if isBatch { tookSome() }
        return reply
    }

    /// Exchanges the replies that have come for an empty buffer, whose memory is used for those to come.
    func takeArrived(into empty: inout CircularBuffer<VarlinkReply>) {
        state.withLock { swap(&$0.replies, &empty) }
    }

    /// Where no reply is left: throws why, if that was not told, and else returns at the end.
    func takeEnd() throws { try state.withLock { try $0.takeEnd() } }

    /// Whether the event loop stopped reading and may go on.
    func resumes() -> Bool {
        state.withLock { state in
            guard state.isPaused, state.replies.count * 2 <= limit else { return false }
            state.isPaused = false
            return true
        }
    }
}
