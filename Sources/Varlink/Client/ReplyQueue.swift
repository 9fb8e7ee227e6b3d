import NIOCore
import Synchronization

/// Replies between the event loop, which puts them in, and the task that takes them out.
final class ReplyQueue: Sendable {
    private struct State {
        var replies: CircularBuffer<VarlinkReply> = CircularBuffer(initialCapacity: 1)
        var waiting: CheckedContinuation<VarlinkReply?, any Error>?
        /// Nothing is put in any more; a failure is told once, after the replies.
        var end: Result<Void, any Error>?
        /// Replies taken since the event loop was last told.
        var taken = 0
        /// The event loop stopped reading.
        var isPaused = false
    }

    private let state = Mutex(State())
    /// With so many replies waiting, the event loop is to stop reading.
    private let limit: Int
    /// The event loop is told of every so many replies taken: at most half of what can be on its way, so that it never
    /// runs dry.
    private let batch: Int

    init(limit: Int, batch: Int) {
        self.limit = limit
        self.batch = batch
    }

    /// Whether more may be put in; if not, the taker says when.
    func put(_ reply: VarlinkReply) -> Bool {
        let (waiting, hasRoom) = state.withLock { state in
            if let waiting = state.waiting {
                state.waiting = nil
                state.taken += 1
                return (Optional(waiting), true)
            }
            if state.end == nil { state.replies.append(reply) }
            state.isPaused = state.replies.count >= limit
            return (nil, !state.isPaused)
        }
        waiting?.resume(returning: reply)
        return hasRoom
    }

    func end(_ result: Result<Void, any Error>) {
        let waiting = state.withLock { state in
            guard state.end == nil else { return nil as CheckedContinuation<VarlinkReply?, any Error>? }
            state.end = result
            guard let waiting = state.waiting else { return nil }
            state.waiting = nil
            state.end = .success(())
            return waiting
        }
        switch result {
        case .success: waiting?.resume(returning: nil)
        case .failure(let error): waiting?.resume(throwing: error)
        }
    }

    /// Whether the last reply was put in.
    var isEnded: Bool { state.withLock { $0.end != nil } }

    /// The next reply, and nil at the end.
    /// - Parameter took: Told how many replies were taken since it was told last.
    func next(took: (Int) -> Void) async throws -> VarlinkReply? {
        let reply: VarlinkReply? = try await withCheckedThrowingContinuation { continuation in
            let result: Result<VarlinkReply?, any Error>? = state.withLock { state in
                if let reply = state.replies.popFirst() {
                    state.taken += 1
                    return .success(reply)
                }
                if let end = state.end {
                    state.end = .success(())
                    return end.map { nil }
                }
                state.waiting = continuation
                return nil
            }
            if let result { continuation.resume(with: result) }
        }
        let count = state.withLock { state in
            guard state.taken >= batch else { return 0 }
            defer { state.taken = 0 }
            return state.taken
        }
        if count > 0 { took(count) }
        return reply
    }

    /// Whether the event loop stopped reading and may go on.
    func resumes() -> Bool {
        state.withLock { state in
            guard state.isPaused, state.replies.count * 2 <= limit else { return false }
            state.isPaused = false
            return true
        }
    }
}
