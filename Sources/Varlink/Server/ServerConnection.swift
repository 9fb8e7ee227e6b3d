import JSON
import NIOCore

/// A connection's number in its server; never used again.
public struct ConnectionID: Hashable, Sendable {
    public let number: UInt64
    /// Its place among the open connections: a small number, by which a table finds what is kept of it. Another gets it once
    /// this is closed.
    public let slot: Int
}

/// One client: performs what `CallStream` decides.
///
/// Owns the replies of a turn until they are written; those that are shared wait in the channel, unflushed. The channel
/// owns the descriptor, and is closed here. All of it happens on the server's event loop. No interface is called from
/// within `reply`: what a reply makes possible, such as the next call, happens at the end of the loop's turn. Replies
/// are written there, and by `close`: a write may end the connection before it returns.
public final class ServerConnection {
    public let id: ConnectionID
    public let peer: PeerCredentials

    private let server: VarlinkServer
    private let limits: ServerLimits
    private var stream: CallStream
    /// Nil before the channel is active and after it is closed.
    private var context: ChannelHandlerContext?

    private enum State {
        case open
        /// The last replies are on their way; nothing else counts any more.
        case closing
        case closed
    }

    private var state = State.open
    private let replyCheck: ReplyCheck?
    /// Replies of this turn. Nil also while one of them is written into it.
    private var output: ByteBuffer?
    /// Of replies of this turn that come before these: the channel has them, and was not told to write them.
    private var unflushedBytes = 0
    /// Too much waits for the client, and a stream of replies that has seen it is to hear when that has changed.
    private var isCongested = false
    private var isProcessing = false
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
    private static let bytesPerTurn = 192 << 10
    /// Memory beyond the replies in it that may wait with them for the kernel.
    private static let spareBytes = 32 << 10
    /// What may come beyond a message and was not asked for: more than a socket of the usual size holds.
    private static let unaskedBytes = 1 << 20

    init(id: ConnectionID, peer: PeerCredentials, server: VarlinkServer) {
        self.id = id
        self.peer = peer
        self.server = server
        limits = server.configuration.limits
        replyCheck = server.configuration.replyMismatch.map(ReplyCheck.init)
        stream = CallStream(
            maximumMessageBytes: limits.maximumMessageBytes, maximumUnanswered: limits.maximumPipelinedCalls,
            parser: server.parser)
    }

    // MARK: Replies

    /// False while replies wait for the client that the kernel did not take, or more are made than the limit: a stream
    /// pauses until it hears `connectionBecameWritable`.
    public var isWritable: Bool {
        state == .open && context != nil && !awaitsQueue && unwrittenBytes < limits.outputHighWaterMark
    }

    /// Of replies of this turn.
    private var unwrittenBytes: Int { unflushedBytes + (output?.readableBytes ?? 0) }

    /// Bytes of replies that were written and that the kernel has not taken yet.
    private var waitingBytes: Int {
        // Usually there are none.
        guard let context, !context.channel.isWritable else { return 0 }
        // Fails for a channel that is closed.
        let buffered = try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)
        return max(0, (buffered ?? 0) - unflushedBytes)
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

    /// Replies to a call with parameters that the closure writes as bytes, `bytes` at most: one JSON object, or nothing.
    ///
    /// For replies that were encoded before: they are copied once, to where they are written from.
    public func reply(
        to call: CallID, continues: Bool = false, upTo bytes: Int, writing parameters: (inout ReplySpace) -> Void
    ) {
        deliver(call, continues: continues) { _, output in
            ReplyEncoding.appendReply(to: &output, continues: continues, upTo: bytes, parameters)
        }
    }

    /// Replies to a call with what others get, too.
    public func reply(to call: CallID, with reply: SharedReply) {
        guard state == .open, stream.place(of: call, continues: reply.continues) == .now, output == nil, let context
        else {
            return deliver(call, continues: reply.continues) { $1.writeImmutableBuffer(reply.bytes) }
        }
        check(call, reply.bytes, from: reply.bytes.readerIndex, continues: reply.continues)
        // Nothing of this turn is to be written before it, so that nobody needs to copy it.
        context.write(NIOAny(reply.bytes), promise: nil)
        unflushedBytes += reply.bytes.readableBytes
        replied(to: call, continues: reply.continues)
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
        guard state == .open else { return }
        switch stream.place(of: call, continues: continues) {
        case .nowhere: return
        case .now:
            var output = takeOutput()
            let start = output.writerIndex
            append(server, &output)
            check(call, output, from: start, continues: continues)
            self.output = output
        case .later:
            var reply = ByteBuffer()
            append(server, &reply)
            check(call, reply, from: 0, continues: continues)
            stream.hold(reply, for: call)
        }
        replied(to: call, continues: continues)
    }

    private func replied(to call: CallID, continues: Bool) {
        if !continues { end(call) }
        if continues, !isWritable { isCongested = true }
        if !isReceiving { server.schedule(self) }
    }

    /// Takes out what was replied in this turn, to be put back with more.
    private func takeOutput() -> ByteBuffer { output.take() ?? server.takeBuffer() }

    private func check(_ call: CallID, _ output: ByteBuffer, from start: Int, continues: Bool) {
        guard let replyCheck, let reply = output.viewBytes(at: start, length: output.writerIndex - start) else {
            return
        }
        replyCheck.replied(call, reply, continues: continues)
    }

    func dispatched(_ id: CallID, _ route: Route) { replyCheck?.dispatched(id, route) }

    private func end(_ call: CallID) {
        stream.answer(call) { held in
            var output = takeOutput()
            output.writeBuffer(&held)
            self.output = output
        }
    }

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
        context.writeAndFlush(NIOAny(output.take() ?? ByteBuffer()), promise: written)
        unflushedBytes = 0
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
        stream.drain()
        server.schedule(self)
    }

    // MARK: What the channel tells

    func channelActive(_ context: ChannelHandlerContext) {
        self.context = context
        // The server may have ended between accept and here.
        if state != .open { context.close(promise: nil) }
    }

    func received(_ bytes: inout ByteBuffer) {
        guard state == .open else { return }
        // The socket is read only while nothing whole is left. But the channel empties it before it closes: after a
        // half-close of what the kernel has, after a write that failed for as long as the client goes on sending.
        guard stream.bufferedBytes <= limits.maximumMessageBytes + Self.unaskedBytes else {
            server.note(.messageTooLong, by: peer)
            return abort()
        }
        isReceiving = true
        stream.receive(&bytes)
        process()
    }

    func receivedAll() {
        guard isReceiving else { return }
        isReceiving = false
        endTurn()
    }

    func inputEnded() {
        guard state == .open else { return }
        stream.endInput()
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
        context = nil
        output = nil
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
        let written = unwrittenBytes
        guard written > 0, let context else { return 0 }
        unflushedBytes = 0
        if let replies = output.take() {
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
        reportQueue()
        return written
    }

    /// Tells what the kernel did not take, and again when it has.
    private func reportQueue() {
        let waiting = waitingBytes
        // Without replies that wait for one to an earlier call.
        server.connectionQueueChanged(self, bytes: waiting + unwrittenBytes)
        // What this turn has yet to write does not count: of that nothing is told before it is written.
        if waiting > 0 { awaitsQueue = true }
    }

    /// The kernel has taken all that was written.
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
            guard isWritable || context == nil else {
                isHeldBack = true
                wantsInput = false
                return
            }
            switch stream.next(mayDispatch: callsDispatched < Self.callsPerTurn) {
            case .dispatch(let message, let id):
                callsDispatched += 1
                server.dispatch(message, id, on: self)
                // The handler had its chance to run it; there is nothing to wait for.
                if message.mode == .oneway { end(id) }
            case .enough:
                deferToLaterTurn()
                return
            case .needsInput:
                wantsInput = true
                pipelineIsFull = false
                if readIsWithheld {
                    readIsWithheld = false
                    context?.read()
                }
                return
            case .blocked:
                wantsInput = false
                if !pipelineIsFull, stream.calls.count >= limits.maximumPipelinedCalls {
                    pipelineIsFull = true
                    server.counters.pipelinesFull += 1
                }
                return
            case .finished:
                close()
            case .violation(let violation):
                server.note(violation, by: peer)
                close()
            }
        }
    }
}
