import JSON

/// An interface that a server offers: its description, and what runs its methods. Lives on the server's event loop.
///
/// The server has compared a call with the description before it hands it over: parameters have the declared types, and
/// none is missing or undeclared.
public protocol VarlinkInterface: AnyObject {
    var description: InterfaceDescription { get }

    /// Asked once for every method when the interface is registered.
    func options(of method: String) -> MethodOptions

    /// Runs a method: replies to the call, now or later.
    ///
    /// A `oneway` call is over when this returns.
    func call(_ call: ServerCall)

    /// All calls of a connection have run that could: told before anything else happens, so that they may be answered
    /// together.
    func callsEnded(on connection: ServerConnection)

    /// A client has connected; told before any of its calls.
    func connectionOpened(_ connection: ServerConnection)

    /// The connection is gone, and with it every call that was not answered; told exactly once.
    func connectionClosed(_ connection: ServerConnection)

    /// A connection that was not writable takes replies again.
    func connectionBecameWritable(_ connection: ServerConnection)

    /// Replies were written, and so many bytes of them wait for the client now, because the kernel does not take them.
    /// Told also after `connectionClosed`, until nothing waits any more.
    func connectionQueueChanged(_ connection: ServerConnection, bytes: Int)

    /// The server ends: answer what pends. Connections close with their last reply.
    func serverIsShuttingDown()
}

extension VarlinkInterface {
    public func options(of method: String) -> MethodOptions { [] }
    public func callsEnded(on connection: ServerConnection) {}
    public func connectionOpened(_ connection: ServerConnection) {}
    public func connectionClosed(_ connection: ServerConnection) {}
    public func connectionBecameWritable(_ connection: ServerConnection) {}
    public func connectionQueueChanged(_ connection: ServerConnection, bytes: Int) {}
    public func serverIsShuttingDown() {}
}

/// How calls of a method are dispatched.
public struct MethodOptions: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Pipelined calls are dispatched while earlier ones of the same method are unanswered.
    public static let pendsTogether = MethodOptions(rawValue: 1 << 0)
    /// Pipelined calls that say the same may come as one `ServerCall` with several `ids`.
    public static let takesRuns = MethodOptions(rawValue: 1 << 1)
    /// Without `more` the method is refused with `ExpectedMore`.
    public static let requiresMore = MethodOptions(rawValue: 1 << 2)
    /// Declared by the interface, but refused with `MethodNotImplemented`.
    public static let notImplemented = MethodOptions(rawValue: 1 << 3)
}

/// A call to be answered with `reply` or `fail`, here or through `ServerConnection` with its `id`.
public struct ServerCall {
    public let connection: ServerConnection
    /// One, or of a method that `takesRuns` several: each is to be answered.
    public let ids: Range<CallID>
    public var id: CallID { ids.lowerBound }
    /// Without the interface's name.
    public let method: String
    public let parameters: JSONObject
    /// The client takes more than one reply: all but the last say that it `continues`.
    public let wantsMore: Bool
    /// The client wants no reply: what is replied is dropped.
    public let isOneway: Bool

    /// Replies with the members that the closure writes.
    public func reply(continues: Bool = false, _ members: (inout JSONWriter) -> Void = { _ in }) {
        connection.reply(to: id, continues: continues, members)
    }

    /// Answers with an error by its fully qualified name.
    public func fail(_ error: String, _ members: (inout JSONWriter) -> Void = { _ in }) {
        connection.fail(id, error, members)
    }

    /// Answers with an error of `org.varlink.service`.
    public func fail(_ error: ServiceError) { connection.fail(id, error) }
}
