import JSON

/// A call as it came over the wire (UAPI.20, "Call").
struct CallMessage: Sendable {
    var callee: Callee
    /// Absent, null and `{}` are the same.
    var parameters: JSONObject
    var mode: Mode

    /// At most one of the three flags can be set.
    enum Mode: Sendable, Hashable {
        /// One reply.
        case single
        /// No reply.
        case oneway
        /// Any number of replies.
        case more
        /// The connection is to be taken over by another protocol.
        case upgrade
    }
}

/// A message for which the protocol has no reply: the connection is closed.
public struct MalformedMessage: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
}

extension CallMessage {
    /// Arrays and objects of a message may nest this deep, parameters included.
    static let maximumDepth = 32

    init(parsing bytes: UnsafeBufferPointer<UInt8>, methods: MethodTable) throws(MalformedMessage) {
        var reader = try read(bytes)
        var callee: Callee?
        var parameters = JSONObject()
        var mode = Mode.single
        while let member = reader.nextMember() {
            switch member.name {
            case "method": callee = try Callee(member, methods)
            case "parameters":
                switch member.value {
                case .object(let object): parameters = object
                case .null: break
                default: throw MalformedMessage(description: "member 'parameters': expected an object")
                }
            case "oneway": try set(.oneway, by: member, &mode)
            case "more": try set(.more, by: member, &mode)
            case "upgrade": try set(.upgrade, by: member, &mode)
            default: try MalformedMessage.refuseUnlessExtension(member.name.value, member.value)
            }
        }
        guard let callee else { throw MalformedMessage(description: "expected a member 'method'") }
        self.init(callee: callee, parameters: parameters, mode: mode)
    }
}

extension Callee {
    fileprivate init(_ method: JSONObjectReader.Member, _ methods: MethodTable) throws(MalformedMessage) {
        guard let name = method.string else {
            throw MalformedMessage(description: "member 'method': expected a string")
        }
        self = name.withBytes { methods.index(of: $0) }.map(Callee.method) ?? .unknown(name.value)
    }
}

private func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(MalformedMessage) -> JSONObjectReader {
    do {
        return try JSONObjectReader(bytes, maximumDepth: CallMessage.maximumDepth)
    } catch {
        throw MalformedMessage(description: error.description)
    }
}

/// The flags are `?bool`: null is the same as absent.
private func set(
    _ new: CallMessage.Mode, by flag: JSONObjectReader.Member, _ mode: inout CallMessage.Mode
) throws(MalformedMessage) {
    switch flag.value {
    case .boolean(false), .null: return
    case .boolean(true): break
    default: throw MalformedMessage(description: "member '\(flag.name.value)': expected true or false")
    }
    guard mode == .single else {
        throw MalformedMessage(description: "expected at most one of 'oneway', 'more' and 'upgrade'")
    }
    mode = new
}

extension MalformedMessage {
    /// Vendors may add objects that are named in reverse-domain notation; whoever does not know them ignores them.
    static func refuseUnlessExtension(_ name: String, _ value: JSONValue) throws(MalformedMessage) {
        if name.utf8.contains(UInt8(ascii: ".")), case .object = value { return }
        throw MalformedMessage(description: "expected no member '\(name)'")
    }
}
