import Glibc
package import JSON
import NIOCore
import NIOPosix
import TocsinEvents
import Varlink

/// A real Varlink server of `io.tocsin.Events` on a real socket whose every answer the test gives.
package final class ScriptedDaemon: Sendable {
    package let socketPath: String
    /// Holds the socket, and goes with `stop`.
    package let directory: String

    private let loop: any EventLoop
    private let server: NIOLoopBound<VarlinkServer>
    private let calls: AsyncStream<ScriptedCall>
    private let closings: AsyncStream<Void>

    package enum Failure: Error {
        case ended
        case unexpected(method: String, insteadOf: String)
        case system(operation: String, errno: Int32)
    }

    /// - Parameter offersEvents: Without it the server answers, but does not know `io.tocsin.Events`.
    package static func start(offersEvents: Bool = true) async throws -> ScriptedDaemon {
        var template = Array("/tmp/tocsin-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.system(operation: "mkdtemp", errno: errno) }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(directory, 0o755)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (calls, callReceived) = AsyncStream.makeStream(of: ScriptedCall.self)
        let (closings, connectionClosed) = AsyncStream.makeStream(of: Void.self)
        let path = directory + "/socket"
        let server = try await loop.submit {
            let interface = try ScriptedInterface(loop: loop, called: callReceived, closed: connectionClosed)
            let server = try VarlinkServer(
                on: loop,
                information: ServiceInformation(vendor: "tocsin", product: "scripted", version: "0", url: ""),
                interfaces: offersEvents ? [interface] : [])
            return NIOLoopBound(server, eventLoop: loop)
        }.get()
        try await loop.flatSubmit {
            do {
                return try server.value.listen(at: path)
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
        return ScriptedDaemon(path, directory, loop, server, calls, closings)
    }

    private init(
        _ socketPath: String, _ directory: String, _ loop: any EventLoop, _ server: NIOLoopBound<VarlinkServer>,
        _ calls: AsyncStream<ScriptedCall>, _ closings: AsyncStream<Void>
    ) {
        self.socketPath = socketPath
        self.directory = directory
        self.loop = loop
        self.server = server
        self.calls = calls
        self.closings = closings
    }

    /// The next call of any connection, which must be of this method.
    package func next(_ method: String) async throws -> ScriptedCall {
        for await call in calls {
            guard call.method == method else {
                throw Failure.unexpected(method: call.method, insteadOf: method)
            }
            return call
        }
        throw Failure.ended
    }

    /// Returns when the next connection has ended.
    package func connectionCloses() async throws {
        for await _ in closings { return }
        throw Failure.ended
    }

    /// Answers `Open` as the daemon would, with a session at a cursor.
    @discardableResult
    package func open(at sequence: UInt64 = 0, maximumPendingReads: Int = 64) async throws -> ScriptedCall {
        let call = try await next("Open")
        call.reply([
            "session": .string("s-1"), "cursor": .string(Self.cursor(sequence)),
            "maxPendingReads": .integer(Int64(maximumPendingReads)), "maxBytes": .integer(65536),
        ])
        return call
    }

    package func stop() async throws {
        try await loop.flatSubmit { self.server.value.shutdown(within: .seconds(1)) }.get()
        rmdir(directory)
    }

    package static func cursor(_ sequence: UInt64) -> String {
        Cursor(instance: 0xA5, sequence: sequence).description
    }
}

/// A call that waits for the test's answer.
package struct ScriptedCall: Sendable {
    package let method: String
    package let parameters: JSONObject
    fileprivate let loop: any EventLoop
    fileprivate let call: NIOLoopBound<ServerCall>

    package func reply(_ parameters: JSONObject, continues: Bool = false) {
        loop.execute { call.value.reply(continues: continues) { $0.members(of: parameters) } }
    }

    /// An error of `io.tocsin.Events`, or by its full name.
    package func fail(_ error: String, _ parameters: JSONObject = [:]) {
        let name = error.contains(".") ? error : "io.tocsin.Events." + error
        loop.execute { call.value.fail(name) { $0.members(of: parameters) } }
    }

    package func closeConnection() {
        loop.execute { call.value.connection.close() }
    }

    /// Completes a `Read`.
    package func complete(with event: Event, queued: Int64 = 0, lost: Int64 = 0) throws {
        var writer = JSONWriter()
        writer.event(event)
        reply([
            "event": try JSONValue(parsing: writer.bytes), "queued": .integer(queued), "lost": .integer(lost),
        ])
    }
}

/// Hands every call to the test.
private final class ScriptedInterface: VarlinkInterface {
    let description: InterfaceDescription
    private let loop: any EventLoop
    private let called: AsyncStream<ScriptedCall>.Continuation
    private let closed: AsyncStream<Void>.Continuation

    init(
        loop: any EventLoop, called: AsyncStream<ScriptedCall>.Continuation, closed: AsyncStream<Void>.Continuation
    ) throws {
        description = try InterfaceDescription(parsing: InterfaceText.events)
        self.loop = loop
        self.called = called
        self.closed = closed
    }

    func options(of method: String) -> MethodOptions {
        switch method {
        case "Read": .pendsTogether
        case "Subscribe": .requiresMore
        default: []
        }
    }

    func call(_ call: ServerCall) {
        called.yield(
            ScriptedCall(
                method: call.method, parameters: call.parameters, loop: loop,
                call: NIOLoopBound(call, eventLoop: loop)))
    }

    func connectionClosed(_ connection: ServerConnection) { closed.yield() }
}

extension JSONWriter {
    fileprivate mutating func members(of object: JSONObject) {
        for (name, value) in object.members {
            self.name(dynamic: name)
            self.value(value)
        }
    }
}

extension Event {
    package static func heartbeat(_ sequence: UInt64) -> Event {
        Event(
            sequence: sequence, cursor: Cursor(instance: 0xA5, sequence: sequence), type: .heartbeat, realtimeUSec: 1,
            monotonicUSec: 2)
    }
}
