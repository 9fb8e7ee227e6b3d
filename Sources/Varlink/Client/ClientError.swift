import Glibc
import JSON
import NIOCore

/// An error that the service replied; see its interface for the name and the parameters.
public struct VarlinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Fully qualified.
    public let name: String
    public let parameters: JSONObject

    public init(name: String, parameters: JSONObject = [:]) {
        self.name = name
        self.parameters = parameters
    }

    public var description: String {
        if parameters.isEmpty { return name }
        var writer = JSONWriter()
        writer.value(.object(parameters))
        return "\(name) \(String(decoding: writer.bytes, as: UTF8.self))"
    }
}

/// Why a client got no reply.
public enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no socket at the path: is the service running?
    case noSocket(path: String)
    /// There is a socket, but nobody listens.
    case connectionRefused(path: String)
    case permissionDenied(path: String)
    /// Any other failure to connect.
    case notConnected(path: String, reason: String)
    /// The connection ended before the reply.
    case closed
    /// The service broke the protocol; the connection was closed.
    case malformedReply(String)
    /// The service sent more than a reply may have; the connection was closed.
    case replyTooLong(maximum: Int)

    public var description: String {
        switch self {
        case .noSocket(let path): "no socket at \(path)"
        case .connectionRefused(let path): "nobody listens at \(path)"
        case .permissionDenied(let path): "no permission to connect to \(path)"
        case .notConnected(let path, let reason): "cannot connect to \(path): \(reason)"
        case .closed: "the connection was closed before the reply"
        case .malformedReply(let reason): "malformed reply: \(reason)"
        case .replyTooLong(let maximum): "a reply of more than \(maximum) bytes"
        }
    }

    init(connectingTo path: String, _ error: any Error) {
        switch (error as? IOError)?.errnoCode {
        case ENOENT: self = .noSocket(path: path)
        case ECONNREFUSED where Self.isSomethingElse(path):
            self = .notConnected(path: path, reason: "it is not a socket")
        case ECONNREFUSED: self = .connectionRefused(path: path)
        case EACCES, EPERM: self = .permissionDenied(path: path)
        case let code?: self = .notConnected(path: path, reason: String(cString: strerror(code)))
        case nil: self = .notConnected(path: path, reason: Self.reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? SocketAddressError, error == .unixDomainSocketPathTooLong { return pathLength }
        return "\(error)"
    }

    static let pathLength = "the path of a socket has 1 to 107 bytes"

    /// connect(2) refuses what is no socket with the same error as a socket without a listener.
    private static func isSomethingElse(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFSOCK
    }
}
