public import TocsinEvents
import Varlink

/// A client of the daemon tocsind.
///
///     let client = TocsinClient()
///     for try await event in client.events(Filter(types: [.exec])) {
///         print(event.process?.executable ?? "?")
///     }
///
/// A value without a connection of its own: every stream, session and question opens one and closes it.
public struct TocsinClient: Sendable {
    public static let defaultSocketPath = "/run/tocsin/tocsin.sock"

    public let socketPath: String
    public let reconnection: Reconnection
    private let clock: any Clock<Duration>

    /// - Parameter clock: Measures the waits between attempts to reconnect.
    public init(
        socketPath: String = Self.defaultSocketPath, reconnection: Reconnection = Reconnection(),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.socketPath = socketPath
        self.reconnection = reconnection
        self.clock = clock
    }

    /// Events as they happen, for as long as the loop runs.
    ///
    /// Underneath, up to `depth` reads pend in the daemon; further ones are sent half of `depth` at a time. A consumer
    /// slower than the events leaves them in the daemon's log, which is bounded: what it pushes out is reported as an
    /// event of type `gap`. When the daemon restarts, the stream reconnects and goes on behind the last event; if the
    /// log does not reach back so far, a gap says so. It ends by throwing only before the first connection, or for what
    /// no further attempt can mend, such as another version. Leaving the loop, or cancelling its task, closes the
    /// connection.
    ///
    /// Members of a group acknowledge an event by asking for the next: an event whose handling was interrupted is given
    /// to another member, so each is handled at least once. Leaving the loop does not acknowledge the last event.
    /// - Parameters:
    ///   - after: Where to resume; nil begins with what happens from now on.
    ///   - group: Readers of the same group, which compete for the events.
    ///   - depth: How many reads may pend, at least 1; the daemon's own bound holds, which is 64 unless configured otherwise.
    ///   - overflow: What happens when the log pushes out what this stream has not read.
    ///   - onRetry: Told before each wait for a further attempt to connect.
    public func events(
        _ filter: Filter = Filter(), after: Cursor? = nil, group: String? = nil, depth: Int = 64,
        overflow: Overflow? = nil, onRetry: (@Sendable (Retry) -> Void)? = nil
    ) -> EventStream {
        EventStream(
            completions: CompletionStream(
                client: self, request: OpenRequest(filter: filter, after: after, group: group, overflow: overflow),
                depth: depth, clock: clock, onRetry: onRetry))
    }

    /// A session whose reads the caller makes.
    /// - Throws: `TocsinError`, `CancellationError`.
    public func open(
        _ filter: Filter = Filter(), after: Cursor? = nil, group: String? = nil, overflow: Overflow? = nil
    ) async throws -> Session {
        try await open(OpenRequest(filter: filter, after: after, group: group, overflow: overflow))
    }

    /// The daemon's state; to root, with every session.
    /// - Throws: `TocsinError`, `CancellationError`.
    public func status() async throws -> Status {
        let reply = try await Wire(socketPath: socketPath).call(.getStatus)
        do {
            return try Status(json: reply.value)
        } catch {
            throw Wire.translated(error)
        }
    }

    /// Completes all pending reads of a session of this user with `cancelled`.
    /// - Returns: How many.
    /// - Throws: `TocsinError`, `CancellationError`.
    @discardableResult
    public func cancel(_ session: String) async throws -> Int {
        let reply = try await Wire(socketPath: socketPath).call(.cancel, ["session": .string(session)])
        do {
            return try MemberReader(reply).required(integer: "cancelled")
        } catch {
            throw Wire.translated(error)
        }
    }

    /// Does work on the thread that reads its connections, as a program does that has nothing else to do: an event is
    /// in its hands without one thread waking another.
    ///
    /// Connections that the work makes are on the same thread, so where it blocks they wait.
    public static func onEventLoop<Result>(_ work: () async throws -> Result) async rethrows -> Result {
        try await withTaskExecutorPreference(EventLoopExecutor(), operation: work)
    }

    func open(_ request: OpenRequest) async throws -> Session {
        try await Session(wire: Wire(socketPath: socketPath), request: request, clock: clock)
    }
}

/// A further attempt to connect is about to be made.
public struct Retry: Hashable, Sendable {
    /// 1 for the first after a loss.
    public var attempt: Int
    public var delay: Duration
    public var reason: TocsinError
}
