import Glibc
import JSON
import NIOCore
import NIOPosix

/// A Varlink service on one event loop (UAPI.20): accepts connections and hands calls to its interfaces.
///
/// Owns the listening channels and the connections; everything is called on the event loop. Whoever creates a server
/// ends it with `shutdown(within:)`.
public final class VarlinkServer {
    public let eventLoop: any EventLoop
    public let configuration: ServerConfiguration
    public internal(set) var counters = ServerCounters()

    private let interfaces: [any VarlinkInterface]
    private let interfaceNames: Set<String>
    let parser: CallParser
    /// By the indexes of the parser's methods.
    private let routes: [Route]

    private var listeners: [(channel: any Channel, socket: ListeningSocketPath?)] = []
    /// By their slots.
    private var connections: [ServerConnection?] = []
    private var freeSlots: [Int] = []
    private var census: ConnectionCensus
    private var lastConnection: UInt64 = 0

    private var scheduled: [ServerConnection] = []
    /// Connections that had their share of a turn and have more to do. The unit is a byte written.
    private lazy var laterTurns = LaterTurns<ServerConnection>(on: eventLoop, atMost: 1 << 20) {
        // A turn takes its time also where little is written.
        max($0.laterTurn(), 16 << 10)
    }
    private var ended: EventLoopPromise<Void>?

    /// Encodes replies; empty between them.
    var writer = JSONWriter()
    /// Memory for replies, shared by all connections: an idle one holds none.
    private var buffers: [ByteBuffer] = []
    private static let pooledBuffers = 16
    private static let pooledBufferBytes = 32 * 1024

    /// - Parameter eventLoop: The loop that this is called on, and the interfaces live on.
    /// - Throws: `InterfaceError` only if the library's own description of `org.varlink.service` were broken.
    public init(
        on eventLoop: any EventLoop, information: ServiceInformation, interfaces: [any VarlinkInterface],
        configuration: ServerConfiguration = ServerConfiguration()
    ) throws {
        eventLoop.preconditionInEventLoop()
        self.eventLoop = eventLoop
        self.configuration = configuration
        census = ConnectionCensus(configuration.limits)
        let service = try ServiceInterface(information: information, interfaces: interfaces.map(\.description))
        self.interfaces = [service] + interfaces
        routes = self.interfaces.flatMap { interface in
            interface.description.methods.map { Route($0, of: interface) }
        }
        parser = CallParser(MethodTable(routes.map { ($0.name, $0.options) }))
        interfaceNames = Set(self.interfaces.map(\.description.name))
    }

    public var connectionCount: Int { census.count }

    // MARK: Listening

    /// Listens at a path, which is removed when the server ends.
    ///
    /// The socket that a dead process left there is replaced; one that somebody listens on is not.
    /// - Parameters:
    ///   - mode: Permissions of the socket; who may write may connect.
    ///   - group: The group that owns the socket; nil leaves it to the process.
    public func listen(at path: String, mode: UInt32 = 0o666, group: UInt32? = nil) throws -> EventLoopFuture<Void> {
        let socket = try ListeningSocket(path: path, mode: mode, group: group)
        let created = socket.path
        return adopt(listening: socket.release(), created: created)
    }

    /// Takes over a descriptor that listens already, as from socket activation; its path stays.
    public func listen(on descriptor: CInt) -> EventLoopFuture<Void> { adopt(listening: descriptor, created: nil) }

    private func adopt(listening descriptor: CInt, created path: ListeningSocketPath?) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        let server = NIOLoopBound(self, eventLoop: eventLoop)
        let limits = configuration.limits
        return ServerBootstrap(group: eventLoop)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Out of descriptors: what waits in the backlog is accepted after a pause.
                    let pause = AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { error in
                        server.value.acceptFailed(error.errnoCode)
                        return limits.acceptPause
                    }
                    try channel.pipeline.syncOperations.addHandler(pause)
                }
            }
            // Small at first: most clients send little. One read a turn, so that no client keeps the loop.
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1024, maximum: 65536)
            )
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            // A channel tells when it holds something that the kernel did not take, and when it holds nothing.
            .childChannelOption(
                .writeBufferWaterMark, value: ChannelOptions.Types.WriteBufferWaterMark(low: 1, high: 1)
            )
            .childChannelInitializer { channel in server.value.accepted(channel) }
            .withBoundSocket(descriptor)
            .map { channel in
                // NIO has called listen(2) with 128: a connect(2) beyond would block, or fail with EAGAIN.
                _ = Glibc.listen(descriptor, SOMAXCONN)
                server.value.listeners.append((channel, path))
            }
            .flatMapErrorThrowing { error in
                path?.unlink()
                throw error
            }
    }

    private func acceptFailed(_ errno: Int32?) {
        counters.acceptFailures += 1
        configuration.notice(.acceptFailed(errno))
    }

    // MARK: Connections

    private struct Refused: Error {}

    private func accepted(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let connection = try admit(try PeerCredentials.ofPeer(channel))
            try channel.pipeline.syncOperations.addHandler(ServerChannelHandler(connection))
        }
    }

    /// A connection that is refused is closed without a word: there is no call yet that could be answered.
    private func admit(_ peer: PeerCredentials) throws -> ServerConnection {
        guard ended == nil else { throw Refused() }
        guard configuration.admits(peer) else {
            counters.connectionsDenied += 1
            configuration.notice(.connectionDenied(peer))
            throw Refused()
        }
        switch census.admit(uid: peer.uid) {
        case .overLimit:
            counters.connectionsOverLimit += 1
            configuration.notice(.connectionOverLimit(peer))
            throw Refused()
        case .overUserLimit:
            counters.connectionsOverUserLimit += 1
            configuration.notice(.connectionOverUserLimit(peer))
            throw Refused()
        case nil: break
        }
        counters.connectionsAccepted += 1
        lastConnection += 1
        let slot = freeSlots.popLast() ?? connections.count
        if slot == connections.count { connections.append(nil) }
        let connection = ServerConnection(
            id: ConnectionID(number: lastConnection, slot: slot), peer: peer, server: self)
        connections[slot] = connection
        for interface in interfaces { interface.connectionOpened(connection) }
        return connection
    }

    func connectionClosed(_ connection: ServerConnection) {
        for interface in interfaces { interface.connectionClosed(connection) }
    }

    func callsEnded(on connection: ServerConnection) {
        for interface in interfaces { interface.callsEnded(on: connection) }
    }

    func connectionBecameWritable(_ connection: ServerConnection) {
        for interface in interfaces { interface.connectionBecameWritable(connection) }
    }

    func connectionQueueChanged(_ connection: ServerConnection, bytes: Int) {
        for interface in interfaces { interface.connectionQueueChanged(connection, bytes: bytes) }
    }

    func remove(_ connection: ServerConnection) {
        guard connections[connection.id.slot] === connection else { return }
        connections[connection.id.slot] = nil
        freeSlots.append(connection.id.slot)
        census.left(uid: connection.peer.uid)
        endIfDrained()
    }

    func note(_ violation: ProtocolViolation, by peer: PeerCredentials) {
        switch violation {
        case .messageTooLong: counters.messagesTooLong += 1
        case .malformed: counters.messagesMalformed += 1
        }
        configuration.notice(.violation(violation, peer))
    }

    // MARK: Calls

    /// - Parameter ids: of calls that say the same.
    func dispatch(_ message: CallMessage, _ ids: Range<CallID>, on connection: ServerConnection) {
        do throws(ServiceError) {
            let route = try route(of: message)
            for id in ids { connection.dispatched(id, route) }
            if let mismatch = route.mismatch(of: message.parameters) { throw .invalidParameter(mismatch.parameter) }
            guard message.mode == .more || !route.options.contains(.requiresMore) else { throw .expectedMore }
            if route.options.contains(.takesRuns) {
                call(route, message, ids, on: connection)
            } else {
                for id in ids { call(route, message, id..<id.advanced(by: 1), on: connection) }
            }
        } catch {
            for id in ids { connection.fail(id, error) }
        }
    }

    private func route(of message: CallMessage) throws(ServiceError) -> Route {
        switch message.callee {
        case .method(let index):
            let route = routes[index]
            guard message.mode != .upgrade, !route.options.contains(.notImplemented) else {
                throw .methodNotImplemented(route.name)
            }
            return route
        case .unknown(let name): throw unknown(name)
        }
    }

    private func call(_ route: Route, _ message: CallMessage, _ ids: Range<CallID>, on connection: ServerConnection) {
        route.interface.call(
            ServerCall(
                connection: connection, ids: ids, method: route.method.name, parameters: message.parameters,
                wantsMore: message.mode == .more, isOneway: message.mode == .oneway))
    }

    private func unknown(_ method: String) -> ServiceError {
        let dot = method.utf8.lastIndex(of: UInt8(ascii: "."))
        let interface = dot.map { String(method[..<$0]) } ?? ""
        return interfaceNames.contains(interface) ? .methodNotFound(method) : .interfaceNotFound(interface)
    }

    // MARK: Turns

    /// Has a connection act at the end of this turn of the loop, when all that happens in it has happened.
    func schedule(_ connection: ServerConnection) {
        guard !connection.isScheduled else { return }
        connection.isScheduled = true
        scheduled.append(connection)
        guard scheduled.count == 1 else { return }
        eventLoop.assumeIsolated().execute { self.endTurn() }
    }

    /// Has a connection act in a turn after this, once the loop has looked after all others.
    func scheduleLaterTurn(_ connection: ServerConnection) { laterTurns.append(connection) }

    private func endTurn() {
        // Connections may be added while they are gone through, but one that is in the list is not added again.
        var index = 0
        while index < scheduled.count {
            let connection = scheduled[index]
            index += 1
            connection.isScheduled = false
            connection.endTurn()
        }
        scheduled.removeAll(keepingCapacity: true)
    }

    func takeBuffer() -> ByteBuffer {
        guard var buffer = buffers.popLast() else { return ByteBufferAllocator().buffer(capacity: 4096) }
        // New memory, should a slow client still wait for what is in it.
        buffer.clear()
        return buffer
    }

    func giveBack(_ buffer: ByteBuffer) {
        guard buffers.count < Self.pooledBuffers, buffer.storageCapacity <= Self.pooledBufferBytes else { return }
        buffers.append(buffer)
    }

    // MARK: Shutdown

    /// Stops listening, has the interfaces answer what pends, and closes each connection with its last reply.
    ///
    /// - Parameter timeout: After it, what is left is closed as it is.
    public func shutdown(within timeout: TimeAmount) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let ended { return ended.futureResult }
        let ended = eventLoop.makePromise(of: Void.self)
        self.ended = ended
        for listener in listeners {
            listener.socket?.unlink()
            listener.channel.close(promise: nil)
        }
        listeners.removeAll()
        for interface in interfaces { interface.serverIsShuttingDown() }
        for connection in connections { connection?.drain() }
        let deadline = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            for connection in self.connections { connection?.abort() }
        }
        ended.futureResult.whenComplete { _ in deadline.cancel() }
        endIfDrained()
        return ended.futureResult
    }

    private func endIfDrained() {
        if census.count == 0 { ended?.succeed(()) }
    }
}
