import YAML

/// Rules as they come from files, before they are put together.
///
/// A document that is not understood wholly is refused, with its place and the reason; the others load.
public struct RuleCollection: Sendable {
    public private(set) var rules: [Rule] = []
    public private(set) var filters: [Filter] = []
    public private(set) var refusals: [Refusal] = []

    public init() {}

    /// Reads the documents of one file.
    ///
    /// - Parameter file: its name in messages and in `Rule.file`.
    public mutating func add(_ text: some Collection<UInt8>, file: String) {
        let documents: [YAMLNode]
        do {
            documents = try parseYAML(text)
        } catch {
            refuse(.syntax, error.reason, file: file, at: error.position, rule: nil)
            return
        }
        var global: Int?
        for node in documents where !node.isNull {
            let name = node.mapping?["id"]?.text ?? node.mapping?["title"]?.text
            if let global {
                refuse(
                    .unsupported, "the file uses “action” in line \(global), which changes the documents behind it",
                    file: file, at: node.position, rule: name)
                continue
            }
            if let action = node.mapping?["action"] { global = action.position.line }
            do {
                switch try DocumentParser.parse(node, file: file) {
                case .rule(let rule): rules.append(rule)
                case .filter(let filter): filters.append(filter)
                }
            } catch {
                refuse(error.kind, error.reason, file: file, at: error.position, rule: name)
            }
        }
    }

    public mutating func add(_ text: String, file: String) { add(text.utf8, file: file) }

    /// Reports a file that could not be read.
    public mutating func refuse(file: String, reason: String) {
        refuse(.file, reason, file: file, at: YAMLPosition(line: 1, column: 1), rule: nil)
    }

    private mutating func refuse(
        _ kind: Refusal.Kind, _ reason: String, file: String, at position: YAMLPosition, rule: String?
    ) {
        refusals.append(
            Refusal(
                file: file, line: position.line, column: position.column, kind: kind, reason: reason, rule: rule))
    }
}
