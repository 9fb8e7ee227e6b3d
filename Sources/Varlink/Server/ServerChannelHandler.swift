import NIOCore

/// Connects a channel with its `ServerConnection`.
final class ServerChannelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: ServerConnection

    init(_ connection: ServerConnection) { self.connection = connection }

    func channelActive(context: ChannelHandlerContext) { connection.channelActive(context) }

    func channelInactive(context: ChannelHandlerContext) { connection.channelClosed() }

    func handlerRemoved(context: ChannelHandlerContext) { connection.channelClosed() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        connection.received(&bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) { connection.receivedAll() }

    /// The channel counts as writable while it holds no reply.
    func channelWritabilityChanged(context: ChannelHandlerContext) { connection.queueEmptied() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { connection.inputEnded() }
    }

    func read(context: ChannelHandlerContext) {
        if connection.admitsRead() { context.read() }
    }

    /// A reset by the client and the like: the channel closes itself, and `channelInactive` follows.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
