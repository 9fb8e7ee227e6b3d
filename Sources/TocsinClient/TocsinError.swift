public import TocsinEvents

/// Why the daemon could not be asked, or what it answered instead of an event.
public enum TocsinError: Error, Hashable, Sendable {
    // MARK: The way to the daemon
    /// Nothing at the socket's path.
    case noSocket(path: String)
    /// A socket, but nobody listens.
    case notListening(path: String)
    case permissionDenied(path: String)
    /// Another failure to connect, with the system's reason.
    case connectFailed(path: String, reason: String)
    /// The connection ended, or was closed on this side.
    case disconnected

    // MARK: Another version, or something else
    /// Who answers does not implement this method of `io.tocsin.Events`.
    case notImplemented(method: String)
    /// An answer that the interface does not allow.
    case malformedReply(String)

    // MARK: Errors of the interface
    /// No event within the timeout.
    case timedOut
    /// By `cancel(_:)`.
    case cancelled
    /// The daemon ends; resume after this cursor.
    case shuttingDown(Cursor)
    /// The next event has this many bytes; it stays the next.
    case bufferTooSmall(required: Int)
    /// The events after the cursor are not in the log any more; how many is not always known.
    case cursorExpired(oldest: Cursor, lost: UInt64?)
    case alreadyOpen
    /// No session of that name belongs to this user.
    case noSuchSession
    case limitExceeded(limit: String, value: Int)
    /// A parameter, such as a glob, that the daemon does not understand.
    case invalidParameter(String)
    /// An error of a newer interface.
    case unknown(name: String)
}

extension TocsinError: CustomStringConvertible {
    /// What is wrong, in one line without a full stop.
    public var description: String {
        switch self {
        case .noSocket(let path): "no socket at \(path)"
        case .notListening(let path): "nobody listens on \(path)"
        case .permissionDenied(let path): "no permission to use \(path)"
        case .connectFailed(let path, let reason): "cannot connect to \(path): \(reason)"
        case .disconnected: "the connection to the daemon ended"
        case .notImplemented(let method): "the service does not know \(method)"
        case .malformedReply(let reason): "the service's reply cannot be understood: \(reason)"
        case .timedOut: "no event in time"
        case .cancelled: "cancelled"
        case .shuttingDown: "the daemon is shutting down"
        case .bufferTooSmall(let required): "the next event has \(required) bytes"
        case .cursorExpired(_, let lost?): "the cursor has expired: \(lost) events after it are lost"
        case .cursorExpired(_, nil): "the cursor has expired"
        case .alreadyOpen: "the connection has a session already"
        case .noSuchSession: "no such session of this user"
        case .limitExceeded(let limit, let value): "the limit \(limit) = \(value) is reached"
        case .invalidParameter(let name): "the daemon does not understand the parameter \(name)"
        case .unknown(let name): "the service answered \(name)"
        }
    }

    /// What the reader of the error can do; nil where nothing general can be said.
    public var wayOut: String? {
        switch self {
        case .noSocket, .notListening:
            "Is the service running? See 'systemctl status tocsin', or start one with 'make run'."
        case .permissionDenied:
            "The socket belongs to root and the group tocsin: 'sudo usermod -aG tocsin $USER', then log in again."
        case .notImplemented, .malformedReply, .unknown:
            "Are client and daemon of the same version? Compare 'tocsin --version' with 'tocsin status'."
        case .bufferTooSmall(let required): "Ask for at least \(required) bytes, or allow truncation."
        case .cursorExpired(let oldest, _): "Resume after \(oldest), the oldest that is left."
        case .shuttingDown(let cursor): "Resume after \(cursor)."
        case .limitExceeded: "Close what is not used any more, or raise the limit in tocsin.yaml."
        case .connectFailed, .disconnected, .timedOut, .cancelled, .alreadyOpen, .noSuchSession, .invalidParameter: nil
        }
    }
}
