internal import JSON
public import TocsinEvents
import Varlink

extension TocsinClient {
    /// Events by one `Subscribe` call rather than by pending reads: the daemon sends each without being asked again.
    ///
    /// One connection, for as long as the loop runs. It does not reconnect: it ends by throwing, and `after` with the
    /// cursor of the last event resumes. A slow consumer is reported as a gap, as with `events`.
    public func subscribe(
        _ filter: Filter = Filter(), after: Cursor? = nil, overflow: Overflow? = nil
    ) -> Subscription {
        Subscription(
            socketPath: socketPath, request: OpenRequest(filter: filter, after: after, group: nil, overflow: overflow))
    }
}

/// The replies of one `Subscribe` call; see `TocsinClient.subscribe`. Each iteration makes a call of its own.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = Completion

    fileprivate let socketPath: String
    fileprivate let request: OpenRequest

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: self) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let subscription: Subscription
        /// nil before the first event is asked for.
        private var replies: VarlinkReplies.Iterator?
        private var isFinished = false

        fileprivate init(subscription: Subscription) { self.subscription = subscription }

        /// nil once the task is cancelled.
        /// - Throws: `TocsinError`
        public mutating func next() async throws -> Completion? {
            guard !isFinished else { return nil }
            do {
                while let reply = try await nextReply() {
                    // The first says only that the subscription stands.
                    if reply["event"] != nil { return try Completion(json: reply) }
                }
                throw TocsinError.disconnected
            } catch {
                isFinished = true
                replies = nil
                if error is CancellationError { return nil }
                throw Wire.translated(error)
            }
        }

        private mutating func nextReply() async throws -> JSONText? {
            if replies == nil {
                let wire = try await Wire(socketPath: subscription.socketPath)
                replies = wire.stream(.subscribe, subscription.request.parameters).makeAsyncIterator()
            }
            return try await replies?.next()?.success()
        }
    }
}
