/// One node of a YAML document: a value and where it stands.
///
/// A plain value: it owns nothing of the parser. An alias is a copy of what its anchor names.
public struct YAMLNode: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping(YAMLMapping)
    }

    public let content: Content
    public let position: YAMLPosition

    public init(_ content: Content, at position: YAMLPosition) {
        self.content = content
        self.position = position
    }

    public var scalar: YAMLScalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
    public var sequence: [YAMLNode]? { if case .sequence(let nodes) = content { nodes } else { nil } }
    public var mapping: YAMLMapping? { if case .mapping(let mapping) = content { mapping } else { nil } }

    /// The text of a scalar as it was written, whatever it resolves to.
    public var text: String? { scalar?.text }

    public var isNull: Bool { scalar?.value == .null }

    /// What the node is, for messages such as "expected a list, found a mapping".
    public var kind: String {
        switch content {
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "null"
            case .boolean: "a boolean"
            case .integer: "an integer"
            case .float: "a number"
            case .string: "a string"
            }
        }
    }
}

/// A line and a column, both counted from 1; the column counts code points.
public struct YAMLPosition: Hashable, Sendable, CustomStringConvertible {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public var description: String { "\(line):\(column)" }
}

/// The pairs of a mapping in the order they were written. No key occurs twice.
public struct YAMLMapping: Hashable, Sendable {
    public struct Pair: Hashable, Sendable {
        /// The key's text; a key is always a scalar.
        public let key: String
        public let keyPosition: YAMLPosition
        public let value: YAMLNode
    }

    public let pairs: [Pair]

    public init(_ pairs: [Pair]) { self.pairs = pairs }

    /// Linear: mappings of rules and configurations are small.
    public subscript(_ key: String) -> YAMLNode? { pairs.first { $0.key == key }?.value }
}
