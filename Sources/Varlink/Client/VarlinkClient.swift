import Glibc
import JSON
import NIOCore
import NIOPosix
import Synchronization

/// One connection to a Varlink service; any task may call it.
///
/// Calls are sent in the order in which they are made, without waiting for each other's replies, and replies come in
/// the order of the calls: a call that the service lets pend delays the replies to those behind it. Let go of the
/// client, or call `close`, to end the connection.
public final class VarlinkClient: Sendable {
    public struct Limits: Hashable, Sendable {
        /// The longest reply in bytes; a longer one ends the connection. 16 MiB is what systemd's clients take.
        public var maximumReplyBytes = 16 * 1024 * 1024
        /// Replies of a stream that wait to be taken before the socket is not read any more.
        public var maximumQueuedReplies = 64
        /// How long a service may take to accept a connection.
        public var connectTimeout = Duration.seconds(10)

        public init() {}
    }

    let channel: any Channel
    private let connection: NIOLoopBound<ClientConnection>
    private let limits: Limits
    /// Calls that were made elsewhere and are on their way to the event loop.
    private let callsUnderway = Atomic(0)

    private init(_ channel: any Channel, _ connection: NIOLoopBound<ClientConnection>, _ limits: Limits) {
        self.channel = channel
        self.connection = connection
        self.limits = limits
    }

    deinit { channel.close(promise: nil) }

    /// Connects to the socket at a path.
    /// - Parameter group: By default the event loop that this task runs on (see `EventLoopExecutor`), else any.
    /// - Throws: `ClientError`
    public static func connect(
        to path: String, limits: Limits = Limits(), on group: (any EventLoopGroup)? = nil
    ) async throws -> VarlinkClient {
        // To the kernel, an address without a path is one of another kind.
        guard !path.isEmpty else { throw ClientError.notConnected(path: path, reason: ClientError.pathLength) }
        let bootstrap = ClientBootstrap(
            group: group ?? MultiThreadedEventLoopGroup.currentEventLoop ?? MultiThreadedEventLoopGroup.singleton
        )
        // What was read is with who waits for it before more is read: of a burst the first is not held back until its
        // end, and what is made of one piece stays below what malloc gives back to the kernel each time it is free.
        .channelOption(.maxMessagesPerRead, value: 1)
        .channelOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 16384, initial: 16384, maximum: 32768))
        let deadline = ContinuousClock.now + limits.connectTimeout
        var pause = Duration.milliseconds(1)
        while true {
            do {
                return try await bootstrap.connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connection = ClientConnection(maximumReplyBytes: limits.maximumReplyBytes)
                        try channel.pipeline.syncOperations.addHandler(connection)
                        return VarlinkClient(channel, NIOLoopBound(connection, eventLoop: channel.eventLoop), limits)
                    }
                }
            } catch let error as IOError where error.errnoCode == EAGAIN && ContinuousClock.now < deadline {
                // The service's backlog is full. A connect(2) that may block would wait; nothing tells one that may not
                // when to try again.
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .milliseconds(100))
            } catch {
                throw ClientError(connectingTo: path, error)
            }
        }
    }

    // MARK: Calls

    /// Calls a method, by its fully qualified name, and waits for the reply.
    ///
    /// Cancelling the task ends the waiting and not the call: the reply is dropped when it comes.
    /// - Throws: `VarlinkError` if the service replies one, `ClientError`, `CancellationError`.
    public func call(_ method: String, _ parameters: JSONObject = [:]) async throws -> JSONObject {
        try await send(method, parameters).parameters()
    }

    /// Sends a call at once; its reply can be waited for later.
    public func send(_ method: String, _ parameters: JSONObject = [:]) -> PendingReply {
        send(VarlinkCall(method, parameters))
    }

    /// Sends a call at once; its reply can be waited for later.
    public func send(_ call: VarlinkCall) -> PendingReply {
        let reply = PendingReply()
        send(call.bytes, .single(reply))
        return reply
    }

    /// Sends a call that has no reply. Nobody learns whether it failed.
    public func callOneway(_ method: String, _ parameters: JSONObject = [:]) {
        send(VarlinkCall(method, parameters, "oneway").bytes, nil)
    }

    /// Calls a method with `more`: its replies, until one does not continue.
    ///
    /// Replies that nobody takes wait, up to the limit, then in the socket and with the service; when that has closed,
    /// all that the socket held. The protocol knows no way to end such a call but to close the connection: so does
    /// leaving the loop early, and cancelling its task.
    public func stream(_ method: String, _ parameters: JSONObject = [:]) -> VarlinkReplies {
        let queue = ReplyQueue(limit: limits.maximumQueuedReplies)
        send(VarlinkCall(method, parameters, "more").bytes, .stream(queue))
        return VarlinkReplies(client: self, queue: queue)
    }

    /// Calls of one task that sends them as it sees fit, any number before it takes the first reply.
    public func pipeline() -> VarlinkPipeline { VarlinkPipeline(self) }

    /// Ends the connection: what waits for a reply fails with `ClientError.closed`.
    public func close() async {
        let connection = self.connection
        channel.eventLoop.execute { connection.value.close() }
        try? await channel.closeFuture.get()
    }

    // MARK: Internals

    func send(_ call: [UInt8], _ receiver: ClientConnection.Receiver?, times: Int = 1) {
        let connection = self.connection
        // At once on the loop, but not before a call that was made earlier.
        if channel.eventLoop.inEventLoop, callsUnderway.load(ordering: .acquiring) == 0 {
            return connection.value.send(call, receiver, times: times)
        }
        callsUnderway.add(1, ordering: .acquiringAndReleasing)
        channel.eventLoop.execute {
            self.callsUnderway.subtract(1, ordering: .acquiringAndReleasing)
            connection.value.send(call, receiver, times: times)
        }
    }

    func closeSoon() {
        let connection = self.connection
        channel.eventLoop.execute { connection.value.close() }
    }

    /// The taker of a queue took some replies.
    fileprivate func tookReplies(from queue: ReplyQueue) {
        guard queue.resumes() else { return }
        let connection = self.connection
        channel.eventLoop.execute { connection.value.resumeReading() }
    }
}

/// A call as it is sent: who makes the same again and again encodes it once.
public struct VarlinkCall: Sendable {
    let bytes: [UInt8]

    /// - Parameter method: Fully qualified.
    public init(_ method: String, _ parameters: JSONObject = [:]) { self.init(method, parameters, nil) }

    fileprivate init(_ method: String, _ parameters: JSONObject, _ flag: StaticString?) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("method", method)
        // Absent means empty.
        if !parameters.isEmpty {
            writer.name("parameters")
            writer.value(.object(parameters))
        }
        if let flag { writer.member(flag, true) }
        writer.endObject()
        bytes = writer.bytes + [0]
    }
}

/// The replies to a `stream`, for one task.
public struct VarlinkReplies: AsyncSequence, Sendable {
    public typealias Element = VarlinkReply

    fileprivate let client: VarlinkClient
    fileprivate let queue: ReplyQueue

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    public struct Iterator: AsyncIteratorProtocol {
        private let lifetime: Lifetime

        fileprivate init(_ replies: VarlinkReplies) { lifetime = Lifetime(replies) }

        /// - Throws: `ClientError` when the connection ends, `CancellationError`.
        public mutating func next() async throws -> VarlinkReply? {
            let replies = lifetime.replies
            return try await withTaskCancellationHandler {
                try Task.checkCancellation()
                return try await replies.queue.next { replies.client.tookReplies(from: replies.queue) }
            } onCancel: {
                replies.queue.end(.failure(CancellationError()))
                replies.client.closeSoon()
            }
        }
    }

    /// Ends with the iterator: replies that nobody takes must not stand in the way of others.
    fileprivate final class Lifetime: Sendable {
        let replies: VarlinkReplies

        init(_ replies: VarlinkReplies) { self.replies = replies }

        deinit { if !replies.queue.isEnded { replies.client.closeSoon() } }
    }
}
