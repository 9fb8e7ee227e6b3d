/// What a session sees, as a client states it. nil does not restrict; a gap is never filtered.
public struct Filter: Hashable, Sendable {
    public var types: [EventType]?
    /// Globs: `*` and `?` stay within one path component, `**` crosses them.
    public var paths: [String]?
    public var excludePaths: [String]?
    public var uids: [UInt32]?
    public var minimumSeverity: Severity?

    public init(
        types: [EventType]? = nil, paths: [String]? = nil, excludePaths: [String]? = nil, uids: [UInt32]? = nil,
        minimumSeverity: Severity? = nil
    ) {
        self.types = types
        self.paths = paths
        self.excludePaths = excludePaths
        self.uids = uids
        self.minimumSeverity = minimumSeverity
    }
}

/// What happens to a session that falls behind the event log.
public enum Overflow: String, Hashable, Sendable, CaseIterable {
    case dropOldest, disconnect
}
