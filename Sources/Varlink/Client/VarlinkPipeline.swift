import NIOCore

/// Calls of one task, and their replies in the order of the calls.
///
/// What has arrived is taken from the event loop all at once: in a burst, a reply costs no lock and no waking of its
/// own. Keeps the connection; other calls may be made on it.
public final class VarlinkPipeline {
    private let client: VarlinkClient
    // It never holds more replies than calls were made, so it need not pause the socket.
    private let queue = ReplyQueue(limit: .max)
    /// Taken from the queue, and not by the task.
    private var arrived: CircularBuffer<VarlinkReply> = CircularBuffer()

    init(_ client: VarlinkClient) { self.client = client }

    /// Sends a call at once, any number of times.
    public func send(_ call: VarlinkCall, times: Int = 1) { client.send(call.bytes, .pipeline(queue), times: times) }

    /// The next reply, if it has come.
    public var upcoming: VarlinkReply? {
        if arrived.isEmpty { queue.takeArrived(into: &arrived) }
        return arrived.first
    }

    /// Takes the reply that has come.
    public func removeUpcoming() { arrived.removeFirst() }

    /// Waits for the next reply, error or not: for as long as no call is outstanding, too.
    ///
    /// Cancelling the task closes the connection.
    /// - Throws: `ClientError` when the connection ends, `CancellationError`.
    nonisolated(nonsending) public func next() async throws -> VarlinkReply {
        if arrived.isEmpty {
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await queue.waitForReplies()
            } onCancel: { [client, queue] in
                queue.end(.failure(CancellationError()))
                client.closeSoon()
            }
            queue.takeArrived(into: &arrived)
        }
        if let reply = arrived.popFirst() { return reply }
        try queue.takeEnd()
        throw ClientError.closed
    }
}
