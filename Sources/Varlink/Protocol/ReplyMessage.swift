import JSON

/// A reply as it came over the wire (UAPI.20, "Reply").
struct ReplyMessage: Sendable {
    /// An object. Absent, null and `{}` are the same.
    var parameters = JSONText.emptyObject
    var continues = false
    /// The fully qualified name of an error.
    var error: String?
}

extension ReplyMessage {
    init(parsing bytes: UnsafeBufferPointer<UInt8>) throws(MalformedMessage) {
        let text: JSONText
        do {
            text = try JSONText(parsing: bytes)
        } catch {
            throw MalformedMessage(description: error.description)
        }
        guard let members = text.members else { throw MalformedMessage(description: "expected an object") }
        self.init()
        for (name, value) in members {
            switch (name, value.kind) {
            case ("parameters", .object): parameters = value
            case ("parameters", .null), ("continues", .null), ("error", .null): break
            case ("continues", .boolean): continues = value.booleanValue == true
            case ("error", .string): error = value.stringValue
            case ("parameters", _): throw MalformedMessage(description: "member 'parameters': expected an object")
            case ("continues", _): throw MalformedMessage(description: "member 'continues': expected true or false")
            case ("error", _): throw MalformedMessage(description: "member 'error': expected a string")
            default: try MalformedMessage.refuseUnlessExtension(name, value.value)
            }
        }
        guard !(continues && error != nil) else {
            throw MalformedMessage(description: "expected no 'continues' in an error")
        }
    }
}
