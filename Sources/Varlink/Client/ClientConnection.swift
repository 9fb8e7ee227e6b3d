import JSON
import NIOCore

/// The client's side of one connection, on its event loop: matches replies with the calls that wait for them, in order.
///
/// The channel owns the descriptor and is closed here.
final class ClientConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Who waits for the replies of a call.
    enum Receiver {
        case single(PendingReply)
        /// One reply of each of many calls that are outstanding.
        case pipeline(ReplyQueue)
        /// Many replies of one call.
        case stream(ReplyQueue)
    }

    /// Calls that were sent one after another, and have one receiver.
    private struct Calls {
        let receiver: Receiver
        /// Of which the last reply has not come.
        var count: Int
    }

    private let maximumReplyBytes: Int
    private var framer: MessageFramer
    private var outstanding: CircularBuffer<Calls> = CircularBuffer(initialCapacity: 4)
    private var context: ChannelHandlerContext?
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    /// A queue is full: what follows waits in the socket.
    private var isPaused = false
    private var readIsWithheld = false
    /// Nothing more comes: what has come is put into the queues, whatever room they have.
    private var isEnding = false
    /// Why the connection ended; nothing is sent any more.
    private var end: ClientError?

    init(maximumReplyBytes: Int) {
        self.maximumReplyBytes = maximumReplyBytes
        framer = MessageFramer(maximumMessageBytes: maximumReplyBytes)
    }

    // MARK: Calls

    /// Sends an encoded call; `receiver` is nil for one that has no reply.
    func send(_ call: [UInt8], _ receiver: Receiver?, times: Int) {
        if let end {
            if let receiver { fail(receiver, end) }
            return
        }
        guard times > 0 else { return }
        if let receiver { outstanding.append(Calls(receiver: receiver, count: times)) }
        for _ in 0..<times { output.writeBytes(call) }
        scheduleFlush()
    }

    /// The connection is not needed any more.
    func close() { finish(.closed) }

    /// The taker of a queue made room.
    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        receive()
        guard !isPaused, readIsWithheld else { return }
        readIsWithheld = false
        context?.read()
    }

    /// All calls of one turn are written at once.
    private func scheduleFlush() {
        guard !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard let context, output.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        output.clear()
    }

    // MARK: Replies

    private func receive() {
        do {
            while !isPaused || isEnding, end == nil,
                let reply = try framer.next({ bytes in
                    Result { () throws(MalformedMessage) in try ReplyMessage(parsing: bytes) }
                })
            {
                try receive(VarlinkReply(reply.get()))
            }
            framer.releaseMemory()
        } catch let error as MalformedMessage {
            finish(.malformedReply(error.description))
        } catch {
            finish(.replyTooLong(maximum: maximumReplyBytes))
        }
    }

    private func receive(_ reply: VarlinkReply) throws(MalformedMessage) {
        guard let receiver = outstanding.first?.receiver else {
            throw MalformedMessage(description: "expected no reply without a call")
        }
        if !reply.continues { passOldestCall() }
        switch receiver {
        case .stream(let queue):
            if !queue.put(reply) { isPaused = true }
            if !reply.continues { queue.end(.success(())) }
        case .single where reply.continues, .pipeline where reply.continues:
            throw MalformedMessage(description: "expected no 'continues' without 'more'")
        case .single(let pending): pending.arrive(.success(reply))
        case .pipeline(let queue): if !queue.put(reply) { isPaused = true }
        }
    }

    private func passOldestCall() {
        outstanding[outstanding.startIndex].count -= 1
        if outstanding[outstanding.startIndex].count == 0 { outstanding.removeFirst() }
    }

    private func finish(_ error: ClientError) {
        guard end == nil else { return }
        end = error
        for calls in outstanding { fail(calls.receiver, error) }
        outstanding.removeAll()
        flush()
        context?.close(promise: nil)
    }

    private func fail(_ receiver: Receiver, _ error: ClientError) {
        switch receiver {
        case .single(let pending): pending.arrive(.failure(error))
        case .pipeline(let queue), .stream(let queue): queue.end(.failure(error))
        }
    }

    // MARK: What the channel tells

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        framer.append(&bytes)
        receive()
    }

    func read(context: ChannelHandlerContext) {
        readIsWithheld = isPaused
        if !isPaused { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // The service's last words may still wait for room in a queue.
        isEnding = true
        receive()
        finish(.closed)
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
