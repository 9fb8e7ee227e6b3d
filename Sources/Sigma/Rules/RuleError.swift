import YAML

/// Why a document is refused.
struct RuleError: Error, Hashable {
    let kind: Refusal.Kind
    let reason: String
    let position: YAMLPosition

    init(_ kind: Refusal.Kind, _ reason: String, at position: YAMLPosition) {
        self.kind = kind
        self.reason = reason
        self.position = position
    }
}

/// A document that was not loaded, and why.
public struct Refusal: Hashable, Sendable, CustomStringConvertible {
    /// What the reason is about; groups refusals in summaries.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The file cannot be read.
        case file
        /// Not YAML, or not the shape of a rule.
        case syntax
        case metadata
        case logsource
        case detection
        case modifier
        case regex
        case condition
        case correlation
        case filter
        /// A feature that cannot be evaluated exactly here.
        case unsupported
        /// The id or name of another rule.
        case duplicate
    }

    public let file: String
    public let line: Int
    public let column: Int
    public let kind: Kind
    public let reason: String
    /// The rule's id or title, as far as it could be read.
    public let rule: String?

    public init(file: String, line: Int, column: Int, kind: Kind, reason: String, rule: String?) {
        self.file = file
        self.line = line
        self.column = column
        self.kind = kind
        self.reason = reason
        self.rule = rule
    }

    /// `FILE:LINE:COLUMN: KIND: REASON`, as compilers write it.
    public var description: String { "\(file):\(line):\(column): \(kind.rawValue): \(reason)" }
}

/// A name of a rule author in a message: quoted, short, without control characters.
func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    var shown = String(
        String.UnicodeScalarView(scalars.prefix(60).map { $0.value < 0x20 || $0 == "\u{7F}" ? " " : $0 }))
    if scalars.count > 60 { shown += "…" }
    return "“\(shown)”"
}
