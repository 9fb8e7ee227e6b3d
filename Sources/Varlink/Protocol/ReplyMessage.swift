import JSON

/// A reply as it came over the wire (UAPI.20, "Reply").
struct ReplyMessage: Sendable {
    /// Absent, null and `{}` are the same.
    var parameters: JSONObject
    var continues: Bool
    /// The fully qualified name of an error.
    var error: String?
}

extension ReplyMessage {
    init(parsing bytes: UnsafeBufferPointer<UInt8>) throws(MalformedMessage) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw MalformedMessage(description: error.description)
        }
        guard case .object(let members) = value else {
            throw MalformedMessage(description: "expected an object")
        }
        parameters = JSONObject()
        continues = false
        for (name, value) in members.members {
            switch (name, value) {
            case ("parameters", .object(let object)): parameters = object
            case ("parameters", .null), ("continues", .null), ("error", .null): break
            case ("continues", .boolean(let flag)): continues = flag
            case ("error", .string(let name)): error = name
            case ("parameters", _): throw MalformedMessage(description: "member 'parameters': expected an object")
            case ("continues", _): throw MalformedMessage(description: "member 'continues': expected true or false")
            case ("error", _): throw MalformedMessage(description: "member 'error': expected a string")
            default: try MalformedMessage.refuseUnlessExtension(name, value)
            }
        }
        guard !(continues && error != nil) else {
            throw MalformedMessage(description: "expected no 'continues' in an error")
        }
    }
}
