import JSON

/// One reply of a service.
public struct VarlinkReply: Hashable, Sendable {
    /// Of the reply, or of the error.
    public let parameters: JSONObject
    /// More replies to the same call follow.
    public let continues: Bool
    /// The fully qualified name of an error.
    public let error: String?

    /// The parameters of a reply that is no error.
    public func get() throws(VarlinkError) -> JSONObject {
        if let error { throw VarlinkError(name: error, parameters: parameters) }
        return parameters
    }
}

extension VarlinkReply {
    init(_ message: ReplyMessage) {
        parameters = message.parameters
        continues = message.continues
        error = message.error
    }
}
