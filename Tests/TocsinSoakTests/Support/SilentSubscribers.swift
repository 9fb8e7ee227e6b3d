import TestSupport

/// Connections that subscribe to everything and do not read. They end when they are let go of.
struct SilentSubscribers {
    let sockets: [TestSocket]

    init(_ count: Int, at socketPath: String) throws {
        sockets = try (0..<count).map { _ in try TestSocket(connectingTo: socketPath) }
        for socket in sockets { try socket.send(#"{"method":"io.tocsin.Events.Subscribe","more":true}"#) }
    }
}
