import JSON

/// The errors of `org.varlink.service`, which any method may return.
public enum ServiceError: Error, Hashable, Sendable {
    case interfaceNotFound(String)
    case methodNotFound(String)
    case methodNotImplemented(String)
    case invalidParameter(String)
    case permissionDenied
    case expectedMore
    case expectedUpgrade

    /// Fully qualified.
    public var name: String {
        switch self {
        case .interfaceNotFound: "org.varlink.service.InterfaceNotFound"
        case .methodNotFound: "org.varlink.service.MethodNotFound"
        case .methodNotImplemented: "org.varlink.service.MethodNotImplemented"
        case .invalidParameter: "org.varlink.service.InvalidParameter"
        case .permissionDenied: "org.varlink.service.PermissionDenied"
        case .expectedMore: "org.varlink.service.ExpectedMore"
        case .expectedUpgrade: "org.varlink.service.ExpectedUpgrade"
        }
    }

    func writeMembers(into writer: inout JSONWriter) {
        switch self {
        case .interfaceNotFound(let name): writer.member("interface", name)
        case .methodNotFound(let name), .methodNotImplemented(let name): writer.member("method", name)
        case .invalidParameter(let name): writer.member("parameter", name)
        case .permissionDenied, .expectedMore, .expectedUpgrade: break
        }
    }
}
