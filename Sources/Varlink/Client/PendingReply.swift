import JSON
import Synchronization

/// A call that was sent, and its one reply: arrived or not.
public final class PendingReply: Sendable {
    private enum State {
        case empty
        case waiting(UInt64, CheckedContinuation<VarlinkReply, any Error>)
        case arrived(Result<VarlinkReply, any Error>)
    }

    private let state = Mutex<(state: State, waits: UInt64)>((.empty, 0))

    /// Waits for the reply.
    ///
    /// One task waits at a time. Cancelling it ends the waiting and not the call: the reply is kept when it arrives,
    /// and can be asked for again.
    /// - Throws: `VarlinkError` if the service replied one, `ClientError` if no reply can come, `CancellationError`.
    nonisolated(nonsending) public func parameters() async throws -> JSONObject { try await reply().get() }

    /// Waits for the reply, error or not.
    ///
    /// Runs where the caller does: a reply that is awaited costs no more than waking its task.
    nonisolated(nonsending) public func reply() async throws -> VarlinkReply {
        if let arrived { return try arrived.get() }
        let wait = state.withLock { state in
            state.waits += 1
            return state.waits
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<VarlinkReply, any Error>? = state.withLock { state in
                    switch state.state {
                    case .arrived(let result): return result
                    case .waiting: return .failure(PendingReplyIsAwaited())
                    case .empty:
                        // Cancelled already: the handler found nobody to wake.
                        if Task.isCancelled { return .failure(CancellationError()) }
                        state.state = .waiting(wait, continuation)
                        return nil
                    }
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiting: CheckedContinuation<VarlinkReply, any Error>? = state.withLock { state in
                guard case .waiting(wait, let continuation) = state.state else { return nil }
                state.state = .empty
                return continuation
            }
            waiting?.resume(throwing: CancellationError())
        }
    }

    /// The reply, if it has come, or why none can come.
    public var arrived: Result<VarlinkReply, any Error>? {
        state.withLock { state in
            if case .arrived(let result) = state.state { result } else { nil }
        }
    }

    func arrive(_ result: Result<VarlinkReply, any Error>) {
        let waiting: CheckedContinuation<VarlinkReply, any Error>? = state.withLock { state in
            defer { state.state = .arrived(result) }
            guard case .waiting(_, let continuation) = state.state else { return nil }
            return continuation
        }
        waiting?.resume(with: result)
    }
}

/// Two tasks wait for the same reply.
struct PendingReplyIsAwaited: Error {}
