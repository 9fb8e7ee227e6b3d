import JSON

/// A call as it came over the wire (UAPI.20, "Call").
struct CallMessage: Sendable {
    /// `INTERFACE.METHOD`
    var method: String
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

    init(parsing bytes: UnsafeBufferPointer<UInt8>) throws(MalformedMessage) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes, maximumDepth: Self.maximumDepth)
        } catch {
            throw MalformedMessage(description: error.description)
        }
        guard case .object(let members) = value else {
            throw MalformedMessage(description: "expected an object")
        }
        var method: String?
        var parameters = JSONObject()
        var mode = Mode.single
        for (name, value) in members.members {
            switch (name, value) {
            case ("method", .string(let text)): method = text
            case ("method", _): throw MalformedMessage(description: "member 'method': expected a string")
            case ("parameters", .object(let object)): parameters = object
            case ("parameters", .null): break
            case ("parameters", _): throw MalformedMessage(description: "member 'parameters': expected an object")
            default:
                guard let flag = Mode(flag: name) else {
                    try MalformedMessage.refuseUnlessExtension(name, value)
                    continue
                }
                guard try isSet(name, value) else { continue }
                guard mode == .single else {
                    throw MalformedMessage(description: "expected at most one of 'oneway', 'more' and 'upgrade'")
                }
                mode = flag
            }
        }
        guard let method else { throw MalformedMessage(description: "expected a member 'method'") }
        self.init(method: method, parameters: parameters, mode: mode)
    }
}

extension CallMessage.Mode {
    fileprivate init?(flag: String) {
        switch flag {
        case "oneway": self = .oneway
        case "more": self = .more
        case "upgrade": self = .upgrade
        default: return nil
        }
    }
}

/// The flags are `?bool`: null is the same as absent.
private func isSet(_ name: String, _ value: JSONValue) throws(MalformedMessage) -> Bool {
    switch value {
    case .boolean(let flag): return flag
    case .null: return false
    default: throw MalformedMessage(description: "member '\(name)': expected true or false")
    }
}

extension MalformedMessage {
    /// Vendors may add objects that are named in reverse-domain notation; whoever does not know them ignores them.
    static func refuseUnlessExtension(_ name: String, _ value: JSONValue) throws(MalformedMessage) {
        if name.utf8.contains(UInt8(ascii: ".")), case .object = value { return }
        throw MalformedMessage(description: "expected no member '\(name)'")
    }
}
