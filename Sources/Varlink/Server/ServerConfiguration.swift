import NIOCore

/// What a client can make a server hold, each with a bound.
public struct ServerLimits: Hashable, Sendable {
    /// The longest request in bytes; a longer one closes its connection.
    public var maximumMessageBytes = 128 * 1024
    /// Calls of one connection that pend together; while there are as many, its socket is not read.
    public var maximumPipelinedCalls = 64
    /// Connections in all; more are closed at once.
    public var maximumConnections = 4096
    /// Of these, so many are for root alone.
    public var connectionsReservedForRoot = 0
    /// Connections of one user; more are closed at once.
    public var maximumConnectionsPerUser = 1024
    /// Bytes of replies that are made for a connection before the kernel has taken those before. With so many, and
    /// while any wait that it did not take, a connection counts as not writable: no further call of it is dispatched,
    /// and streams pause. So this, and a reply, is what a client's further calls and streams cost when it never reads.
    /// The calls that pend already are another matter: each is answered when its interface answers it, however much
    /// waits, and calls that pend together are all dispatched before the first is answered. The bound and a small reply
    /// fit 32 KiB.
    public var outputHighWaterMark = 28 * 1024
    /// How long a connection that the server ends may take to accept its last replies.
    public var closeTimeout = TimeAmount.seconds(5)
    /// How long to accept no connection after the process ran out of file descriptors.
    public var acceptPause = TimeAmount.milliseconds(100)

    public init() {}
}

/// How often a server refused something.
public struct ServerCounters: Hashable, Sendable {
    public internal(set) var connectionsAccepted: UInt64 = 0
    /// Beyond `maximumConnections`, or what of it is not reserved.
    public internal(set) var connectionsOverLimit: UInt64 = 0
    /// Beyond `maximumConnectionsPerUser`.
    public internal(set) var connectionsOverUserLimit: UInt64 = 0
    /// Refused by the access hook.
    public internal(set) var connectionsDenied: UInt64 = 0
    /// `accept(2)` failed, for example for want of file descriptors.
    public internal(set) var acceptFailures: UInt64 = 0
    public internal(set) var messagesTooLong: UInt64 = 0
    public internal(set) var messagesMalformed: UInt64 = 0
    /// A connection had `maximumPipelinedCalls` pending and sent a further one: its socket was not read for a while.
    public internal(set) var pipelinesFull: UInt64 = 0
    /// Calls that ended with an error of `org.varlink.service`.
    public internal(set) var callsRefused: UInt64 = 0

    public init() {}
}

/// What an operator may want to know of, as it happens.
public enum ServerNotice: Sendable {
    case connectionOverLimit(PeerCredentials)
    case connectionOverUserLimit(PeerCredentials)
    case connectionDenied(PeerCredentials)
    /// The connection was closed.
    case violation(ProtocolViolation, PeerCredentials)
    /// With `errno` where the kernel gave one.
    case acceptFailed(Int32?)
}

public struct ServerConfiguration {
    public var limits = ServerLimits()
    /// Decides at accept who may connect.
    public var admits: (PeerCredentials) -> Bool = { _ in true }
    /// Called on the event loop.
    public var notice: (ServerNotice) -> Void = { _ in }
    /// When set, every reply is compared with what its interface declares, and this is told of each that differs.
    ///
    /// It costs a parse per reply: for tests.
    public var replyMismatch: ((_ method: String, ParameterMismatch) -> Void)?

    public init() {}
}

/// What `GetInfo` tells of a service.
public struct ServiceInformation: Hashable, Sendable {
    public var vendor: String
    public var product: String
    public var version: String
    public var url: String

    public init(vendor: String, product: String, version: String, url: String) {
        self.vendor = vendor
        self.product = product
        self.version = version
        self.url = url
    }
}
