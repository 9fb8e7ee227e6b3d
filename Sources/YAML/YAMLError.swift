/// Why a text is not accepted as YAML, and where.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    public let position: YAMLPosition
    /// What was found and what was expected; one line.
    public let reason: String

    public init(_ reason: String, at position: YAMLPosition) {
        self.reason = reason
        self.position = position
    }

    /// `LINE:COLUMN: REASON`, as compilers write it.
    public var description: String { "\(position): \(reason)" }
}

/// What a text may cost. A file that asks for more is refused.
public struct YAMLLimits: Sendable {
    public var bytes = 4 << 20
    /// How deep lists and mappings may nest.
    public var depth = 64
    /// Scalars, lists, mappings and keys in all documents together. An alias counts as much as what it stands for, so a
    /// few nested aliases cannot stand for billions of nodes.
    public var nodes = 200_000

    public init() {}
}
