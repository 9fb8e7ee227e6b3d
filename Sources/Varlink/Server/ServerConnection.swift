import JSON
import NIOCore

/// A connection's number in its server; never used again.
public struct ConnectionID: Hashable, Sendable {
    public let number: UInt64
    /// Its place among the open connections: a small number, by which a table finds what is kept of it. Another gets it
    /// once this is closed.
    public let slot: Int
}

/// One client: performs what `CallStream` decides.
///
/// Owns the replies of a turn until they are written; some of them wait in the channel, unflushed. The channel owns the
/// descriptor, and is closed here. All of it happens on the server's event loop. No interface is called from within
/// `reply`: what a reply makes possible, such as the next call, happens at the end of the loop's turn. Replies are
/// written there, and by `close`: a write may end the connection before it returns.
public final class ServerConnection {
    public let id: ConnectionID
    public let peer: PeerCredentials

    private let server: VarlinkServer
    private let limits: ServerLimits
    private var conversation: Conversation
    private var context: ChannelHandlerContext? { conversation.channel }

    private enum State {
        case open
        /// The last replies are on their way; nothing else counts any more.
        case closing
        case closed
    }

    private var state = State.open
    /// Too much waits for the client, and a stream of replies that has seen it is to hear when that has changed.
    private var isCongested = false
    private var isProcessing = false
    /// Calls ran, and their interfaces were not told that these were all for now.
    private var hasCalled = false
    /// Calls were left alone because replies wait: goes on once they are written.
    private var isHeldBack = false
    /// Calls of this turn.
    private var callsDispatched = 0
    /// Counted; until all that was received has run.
    private var pipelineIsFull = false
    /// Between what the channel received and the end of that read, which ends the connection's turn.
    private var isReceiving = false
    /// Had its share of this turn; goes on in a later one.
    private var isDeferred = false
    /// The kernel has not taken all that was written: told as soon as it has.
    private var awaitsQueue = false
    private var wantsInput = true
    private var readIsWithheld = false
    /// In the server's list of connections with something to do at the end of the turn.
    var isScheduled = false

    /// A connection that has more to say or to do than fits one turn lets others have theirs.
    private static let callsPerTurn = 64
    private static let bytesPerTurn = 256 << 10
    /// Memory beyond the replies in it that may wait with them for the kernel.
    private static let spareBytes = 32 << 10
    /// What may come beyond a message and was not asked for: more than a socket of the usual size holds.
    private static let unaskedBytes = 1 << 20

    init(id: ConnectionID, peer: PeerCredentials, server: VarlinkServer) {
        self.id = id
        self.peer = peer
        self.server = server
        limits = server.configuration.limits
        conversation = Conversation(server)
    }

    // MARK: Replies

    /// False while replies wait for the client that the kernel did not take, or more are made than the limit: a stream
    /// pauses until it hears `connectionBecameWritable`.
    public var isWritable: Bool {
        state == .open && context != nil && !awaitsQueue && conversation.unwrittenBytes < limits.outputHighWaterMark
    }

    /// Bytes of replies that were written and that the kernel has not taken yet.
    private var waitingBytes: Int {
        // Usually there are none.
        guard let context, !context.channel.isWritable else { return 0 }
        // Fails for a channel that is closed.
        let buffered = try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)
        return max(0, (buffered ?? 0) - conversation.unflushedBytes)
    }

    /// False once the connection is closing: what is replied is dropped.
    public var isOpen: Bool { state == .open }

    /// Replies to a call with the members that the closure writes; it must not use the connection.
    ///
    /// Dropped when the call is answered already, is `oneway`, or when the reply `continues` and the client did not ask
    /// for `more`.
    public func reply(to call: CallID, continues: Bool = false, _ members: (inout JSONWriter) -> Void) {
        deliver(call, continues: continues) { server, output in
            ReplyEncoding.appendReply(to: &output, continues: continues, writer: &server.writer, members)
        }
    }

    /// Replies to several calls at once, which costs less than one after another. The closure must not use the
    /// connection.
    ///
    /// - Parameter continues: whether there are replies among them that do.
    public func reply(continues: Bool, _ replies: (inout Conversation) -> Void) {
        guard state == .open else { return }
        replies(&conversation)
        if continues, !isWritable { isCongested = true }
        if !isReceiving { server.schedule(self) }
    }

    /// Answers a call with an error by its fully qualified name.
    public func fail(_ call: CallID, _ error: String, _ members: (inout JSONWriter) -> Void = { _ in }) {
        deliver(call, continues: false) { server, output in
            ReplyEncoding.appendError(error, to: &output, writer: &server.writer, members)
        }
    }

    /// Answers a call with an error of `org.varlink.service`.
    public func fail(_ call: CallID, _ error: ServiceError) {
        server.counters.callsRefused += 1
        fail(call, error.name) { error.writeMembers(into: &$0) }
    }

    private func deliver(_ call: CallID, continues: Bool, _ append: (VarlinkServer, inout ByteBuffer) -> Void) {
        reply(continues: continues) { $0.add(to: call, continues: continues, append) }
    }

    func dispatched(_ id: CallID, _ route: Route) { conversation.replyCheck?.dispatched(id, route) }

    // MARK: Closing

    /// Closes the connection once what was replied is written; what was not answered is dropped.
    public func close() {
        guard state == .open else { return }
        state = .closing
        wantsInput = false
        server.connectionClosed(self)
        guard let context else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        // An empty write, too, ends only after those before it.
        context.writeAndFlush(NIOAny(conversation.takeReplies() ?? ByteBuffer()), promise: written)
        conversation.releaseMemory()
        reportQueue()
        // A client that does not read must not keep the connection.
        let deadline = context.eventLoop.scheduleTask(in: limits.closeTimeout) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
    }

    /// Closes the connection as it is.
    func abort() { context?.close(promise: nil) }

    /// The server ends: no further call is taken, and the connection closes with its last reply.
    func drain() {
        guard state == .open else { return }
        conversation.calls.drain()
        server.schedule(self)
    }

    // MARK: What the channel tells

    func channelActive(_ context: ChannelHandlerContext) {
        conversation.channel = context
        // The server may have ended between accept and here.
        if state != .open { context.close(promise: nil) }
    }

    func received(_ bytes: inout ByteBuffer) {
        guard state == .open else { return }
        // The socket is read only while nothing whole is left. But the channel empties it before it closes: after a
        // half-close of what the kernel has, after a write that failed for as long as the client goes on sending.
        guard conversation.calls.bufferedBytes <= limits.maximumMessageBytes + Self.unaskedBytes else {
            server.note(.messageTooLong, by: peer)
            return abort()
        }
        isReceiving = true
        conversation.calls.receive(&bytes)
        process()
    }

    func receivedAll() {
        guard isReceiving else { return }
        isReceiving = false
        endTurn()
    }

    func inputEnded() {
        guard state == .open else { return }
        conversation.calls.endInput()
        process()
    }

    /// Whether the channel may read; if not now, it is told later.
    func admitsRead() -> Bool {
        readIsWithheld = !wantsInput
        return wantsInput
    }

    /// Told once or twice: a channel that could not be registered never was active.
    func channelClosed() {
        guard state != .closed else { return }
        let wasOpen = state == .open
        state = .closed
        if wasOpen { server.connectionClosed(self) }
        conversation.channel = nil
        _ = conversation.takeReplies()
        server.connectionQueueChanged(self, bytes: 0)
        server.remove(self)
    }

    // MARK: The end of a turn

    /// Runs the calls that may run now, then writes all replies at once.
    ///
    /// Returns how many bytes that were.
    @discardableResult
    func endTurn() -> Int {
        guard state == .open else { return 0 }
        defer { callsDispatched = 0 }
        var written = 0
        while true {
            process()
            written += flush()
            // A write that fails closes the channel before it returns.
            guard state == .open, !isDeferred, isHeldBack || isCongested, isWritable else { return written }
            // Others come first: what is replied to this is followed by more in a later turn only.
            if written >= Self.bytesPerTurn { deferToLaterTurn() }
            if isCongested {
                isCongested = false
                server.connectionBecameWritable(self)
            }
        }
    }

    /// See `endTurn`.
    func laterTurn() -> Int {
        isDeferred = false
        return endTurn()
    }

    private func deferToLaterTurn() {
        guard !isDeferred else { return }
        isDeferred = true
        // Nobody looks at what would come until then.
        wantsInput = false
        server.scheduleLaterTurn(self)
    }

    /// Returns how many bytes were written, to the kernel or to wait for it.
    private func flush() -> Int {
        let written = conversation.unwrittenBytes
        guard written > 0, let context else { return 0 }
        if let replies = conversation.takeReplies() {
            if awaitsQueue || replies.storageCapacity - replies.readableBytes > Self.spareBytes {
                // What waits for the kernel holds the memory that it fills, and not all that was there for it.
                var copy = ByteBuffer()
                copy.writeImmutableBuffer(replies)
                context.writeAndFlush(NIOAny(copy), promise: nil)
            } else {
                context.writeAndFlush(NIOAny(replies), promise: nil)
            }
            server.giveBack(replies)
        } else {
            context.flush()
        }
        conversation.releaseMemory()
        reportQueue()
        return written
    }

    /// Tells what the kernel did not take, and again when it has.
    private func reportQueue() {
        let waiting = waitingBytes
        // Without replies that wait for one to an earlier call.
        server.connectionQueueChanged(self, bytes: waiting + conversation.unwrittenBytes)
        // What this turn has yet to write does not count: of that nothing is told before it is written.
        if waiting > 0 { awaitsQueue = true }
    }

    /// The kernel has taken all that was written. Told as well from within a write to a channel that has nothing left:
    /// then nothing is awaited, and the conversation, which writes, must not be looked at.
    func queueEmptied() {
        guard awaitsQueue, context?.channel.isWritable == true else { return }
        awaitsQueue = false
        reportQueue()
        server.schedule(self)
    }

    private func process() {
        // A handler may answer at once, and be asked again only from here.
        guard !isProcessing, !isDeferred, state == .open else { return }
        isProcessing = true
        defer { isProcessing = false }
        isHeldBack = false
        while state == .open {
            // Nothing is written here: that may close the connection, and a call must not come after its end.
            guard !awaitsQueue,
                let step = conversation.next(
                    atMost: Self.callsPerTurn - callsDispatched, below: limits.outputHighWaterMark)
            else {
                endCalls()
                isHeldBack = true
                wantsInput = false
                return
            }
            switch step {
            case .dispatch(let message, let ids):
                callsDispatched += ids.count
                hasCalled = true
                server.dispatch(message, ids, on: self)
                // The handler had its chance to run it; there is nothing to wait for.
                if message.mode == .oneway { conversation.end(ids.lowerBound) }
            case .enough:
                endCalls()
                deferToLaterTurn()
                return
            case .needsInput:
                // What is replied to them may let others run.
                if endCalls() { continue }
                wantsInput = true
                pipelineIsFull = false
                if readIsWithheld {
                    readIsWithheld = false
                    context?.read()
                }
                return
            case .blocked:
                if endCalls() { continue }
                wantsInput = false
                if !pipelineIsFull, conversation.calls.calls.count >= limits.maximumPipelinedCalls {
                    pipelineIsFull = true
                    server.counters.pipelinesFull += 1
                }
                return
            case .finished:
                endCalls()
                close()
            case .violation(let violation):
                endCalls()
                server.note(violation, by: peer)
                close()
            }
        }
    }

    /// Those calls have run that could: their interfaces may answer them together. Says whether there were any.
    @discardableResult
    private func endCalls() -> Bool {
        guard hasCalled else { return false }
        hasCalled = false
        server.callsEnded(on: self)
        return true
    }
}
