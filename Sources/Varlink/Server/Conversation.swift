import NIOCore

/// What a client has asked for, and what this turn replies to it.
///
/// One value for both: a reply looks for its place among the calls, is written, and lets others go on. Owns the replies
/// that the channel does not have yet; the connection writes them.
public struct Conversation: ~Copyable {
    var calls: CallStream
    /// Nil before the channel is active and after it is closed.
    var channel: ChannelHandlerContext?
    private let server: VarlinkServer
    /// Replies of this turn, in memory of the server's.
    private var output: ByteBuffer?
    /// Memory of replies before these, for others once it is written.
    private var filled: [ByteBuffer] = []
    /// Of replies before these: the channel has them, and was not told to write them.
    private(set) var unflushedBytes = 0
    let replyCheck: ReplyCheck?

    /// Replies fill memory of this size before they go on in other memory: none of them is moved to make room, and no
    /// larger memory is kept.
    private static let pieceBytes = 32 << 10

    init(_ server: VarlinkServer) {
        self.server = server
        let limits = server.configuration.limits
        calls = CallStream(
            maximumMessageBytes: limits.maximumMessageBytes, maximumUnanswered: limits.maximumPipelinedCalls,
            parser: server.parser)
        replyCheck = server.configuration.replyMismatch.map(ReplyCheck.init)
    }

    /// Of replies of this turn.
    var unwrittenBytes: Int { unflushedBytes + (output?.readableBytes ?? 0) }

    /// The next step of the calls; nil while so many bytes of replies wait to be written.
    mutating func next(atMost calls: Int, below bytes: Int) -> CallStream.Step? {
        unwrittenBytes < bytes ? self.calls.next(atMost: calls) : nil
    }

    // MARK: Replies

    /// Replies to a call with parameters that the closure writes as bytes, `bytes` at most: one JSON object, or
    /// nothing.
    ///
    /// For replies that were encoded before: they are copied once, to where they are written from.
    public mutating func reply(
        to call: CallID, continues: Bool = false, upTo bytes: Int, writing parameters: (inout ReplySpace) -> Void
    ) {
        add(to: call, continues: continues, room: bytes) { _, output in
            ReplyEncoding.appendReply(to: &output, continues: continues, upTo: bytes, parameters)
        }
    }

    /// Replies to a call with what others get, too.
    public mutating func reply(to call: CallID, with reply: SharedReply) {
        // Nothing of this turn is to be written before it, so that nobody needs to copy it.
        guard calls.place(of: call, continues: reply.continues) == .now, output == nil, let channel else {
            return add(to: call, continues: reply.continues) { $1.writeImmutableBuffer(reply.bytes) }
        }
        check(call, reply.bytes, from: reply.bytes.readerIndex, continues: reply.continues)
        channel.write(NIOAny(reply.bytes), promise: nil)
        unflushedBytes += reply.bytes.readableBytes
        if !reply.continues { end(call) }
    }

    /// Adds a reply where it belongs, if anywhere.
    ///
    /// - Parameter room: bytes that `append` needs, where that is known.
    mutating func add(
        to call: CallID, continues: Bool, room: Int = 0, _ append: (VarlinkServer, inout ByteBuffer) -> Void
    ) {
        switch calls.place(of: call, continues: continues) {
        case .nowhere: return
        case .now:
            var replies = takeOutput(room: room)
            let start = replies.writerIndex
            append(server, &replies)
            check(call, replies, from: start, continues: continues)
            output = replies
        case .later:
            var reply = ByteBuffer()
            append(server, &reply)
            check(call, reply, from: 0, continues: continues)
            calls.hold(reply, for: call)
        }
        if !continues { end(call) }
    }

    /// No reply, or no further one, follows to a call: those that were held back by it are next.
    mutating func end(_ call: CallID) { Self.end(call, &calls, &output, server) }

    private static func end(
        _ call: CallID, _ calls: inout CallStream, _ output: inout ByteBuffer?, _ server: VarlinkServer
    ) {
        calls.answer(call) { held in
            if output == nil { output = server.takeBuffer() }
            output!.writeBuffer(&held)
        }
    }

    /// Takes out what was replied in this turn, to be put back with more. Where there is no room behind it, the channel
    /// gets it, unflushed.
    private mutating func takeOutput(room: Int) -> ByteBuffer {
        guard let replies = output.take() else { return server.takeBuffer() }
        guard let channel, replies.readableBytes + room > Self.pieceBytes else { return replies }
        channel.write(NIOAny(replies), promise: nil)
        unflushedBytes += replies.readableBytes
        filled.append(replies)
        return server.takeBuffer()
    }

    private func check(_ call: CallID, _ output: ByteBuffer, from start: Int, continues: Bool) {
        guard let replyCheck, let reply = output.viewBytes(at: start, length: output.writerIndex - start) else {
            return
        }
        replyCheck.replied(call, reply, continues: continues)
    }

    // MARK: The end of a turn

    /// Hands out what the channel does not have; then all of this turn is for it to write.
    mutating func takeReplies() -> ByteBuffer? {
        unflushedBytes = 0
        return output.take()
    }

    /// Gives back the memory of what was written.
    mutating func releaseMemory() {
        guard !filled.isEmpty else { return }
        for memory in filled { server.giveBack(memory) }
        filled = []
    }
}
