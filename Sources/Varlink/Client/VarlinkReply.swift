import JSON

/// One reply of a service.
public struct VarlinkReply: Hashable, Sendable {
    /// The parameters, of the reply or of the error, as the service wrote them: an object.
    public let text: JSONText
    /// More replies to the same call follow.
    public let continues: Bool
    /// The fully qualified name of an error.
    public let error: String?

    /// The parameters taken apart, each time they are asked for.
    public var parameters: JSONObject { text.value.objectValue ?? JSONObject() }

    /// The parameters of a reply that is no error.
    public func get() throws(VarlinkError) -> JSONObject { try success().value.objectValue ?? JSONObject() }

    /// The same as they were written.
    public func success() throws(VarlinkError) -> JSONText {
        if let error { throw VarlinkError(name: error, parameters: parameters) }
        return text
    }
}

extension VarlinkReply {
    init(_ message: ReplyMessage) {
        text = message.parameters
        continues = message.continues
        error = message.error
    }
}
