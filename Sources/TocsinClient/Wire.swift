internal import JSON
internal import TocsinEvents
import Varlink

/// One connection to the daemon: calls of `io.tocsin.Events` and its errors as `TocsinError`.
///
/// The connection ends with the last reference.
struct Wire: Sendable {
    private let client: VarlinkClient

    /// - Throws: `TocsinError`, `CancellationError`.
    init(socketPath: String) async throws {
        do {
            client = try await VarlinkClient.connect(to: socketPath)
        } catch let error as ClientError {
            throw TocsinError(error)
        }
    }

    enum Method: String {
        case open = "Open"
        case read = "Read"
        case subscribe = "Subscribe"
        case cancel = "Cancel"
        case getStatus = "GetStatus"

        var name: String { "io.tocsin.Events." + rawValue }
    }

    /// - Throws: `TocsinError`, `CancellationError`.
    func call(_ method: Method, _ parameters: JSONObject = [:]) async throws -> JSONText {
        try await reply(to: send(method, parameters))
    }

    /// Sent before this returns, in the order of the calls.
    func send(_ method: Method, _ parameters: JSONObject = [:]) -> PendingReply {
        client.send(method.name, parameters)
    }

    /// Sent before this returns, in the order of the calls.
    func send(_ call: VarlinkCall) -> PendingReply { client.send(call) }

    /// - Throws: `TocsinError`, `CancellationError`.
    nonisolated(nonsending) func reply(to call: PendingReply) async throws -> JSONText {
        do {
            return try await call.reply().success()
        } catch {
            throw Self.translated(error)
        }
    }

    func stream(_ method: Method, _ parameters: JSONObject) -> VarlinkReplies { client.stream(method.name, parameters) }

    func pipeline() -> VarlinkPipeline { client.pipeline() }

    func close() async { await client.close() }

    static func translated(_ error: any Error) -> any Error {
        switch error {
        case let error as VarlinkError: TocsinError(error)
        case let error as ClientError: TocsinError(error)
        case let error as MemberError: TocsinError.malformedReply(error.description)
        default: error
        }
    }
}

extension TocsinError {
    init(_ error: ClientError) {
        self =
            switch error {
            case .noSocket(let path): .noSocket(path: path)
            case .connectionRefused(let path): .notListening(path: path)
            case .permissionDenied(let path): .permissionDenied(path: path)
            case .notConnected(let path, let reason): .connectFailed(path: path, reason: reason)
            case .closed: .disconnected
            case .malformedReply, .replyTooLong: .malformedReply(error.description)
            }
    }

    init(_ error: VarlinkError) {
        let members = MemberReader(error.parameters)
        do throws(MemberError) {
            self =
                switch error.name {
                case "io.tocsin.Events.TimedOut": .timedOut
                case "io.tocsin.Events.Cancelled": .cancelled
                case "io.tocsin.Events.ShuttingDown": .shuttingDown(try members.required(cursor: "cursor"))
                case "io.tocsin.Events.BufferTooSmall":
                    .bufferTooSmall(required: try members.required(integer: "requiredBytes"))
                case "io.tocsin.Events.CursorExpired":
                    .cursorExpired(
                        oldest: try members.required(cursor: "oldestCursor"), lost: try members.integer("lost"))
                case "io.tocsin.Events.AlreadyOpen": .alreadyOpen
                case "io.tocsin.Events.NoSuchSession": .noSuchSession
                case "io.tocsin.Events.LimitExceeded":
                    .limitExceeded(
                        limit: try members.required(string: "limit"), value: try members.required(integer: "value"))
                case "org.varlink.service.InvalidParameter":
                    .invalidParameter(try members.required(string: "parameter"))
                case "org.varlink.service.InterfaceNotFound":
                    .notImplemented(method: try members.required(string: "interface"))
                case "org.varlink.service.MethodNotFound", "org.varlink.service.MethodNotImplemented":
                    .notImplemented(method: try members.required(string: "method"))
                default: .unknown(name: error.name)
                }
        } catch {
            self = .malformedReply(error.description)
        }
    }
}
