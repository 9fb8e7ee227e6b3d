public import JSON

extension Filter {
    /// The interface's `Filter`: what does not restrict is left out.
    public var json: JSONValue {
        var object = JSONObject()
        object["types"] = types.map { .array($0.map { .string($0.rawValue) }) }
        object["paths"] = paths.map { .array($0.map { .string($0) }) }
        object["excludePaths"] = excludePaths.map { .array($0.map { .string($0) }) }
        object["uids"] = uids.map { .array($0.map { .integer(Int64($0)) }) }
        object["minimumSeverity"] = minimumSeverity.map { .string($0.name) }
        return .object(object)
    }

    /// Whether it lets everything pass.
    public var isEmpty: Bool { self == Filter() }

    /// The interface's `Filter`. Throws `MemberError` where a member has the wrong type.
    public init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        self.init(
            types: try members.strings("types")?.map(EventType.init(rawValue:)),
            paths: try members.strings("paths"),
            excludePaths: try members.strings("excludePaths"),
            uids: try members.integers("uids"),
            minimumSeverity: try members.severity("minimumSeverity"))
    }
}
