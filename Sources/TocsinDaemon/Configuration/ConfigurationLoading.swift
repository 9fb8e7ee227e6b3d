import YAML

/// What is wrong with a configuration file, and where.
package struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    package let file: String
    /// nil where the file as a whole is meant.
    package let position: YAMLPosition?
    package let reason: String

    package init(file: String, position: YAMLPosition?, reason: String) {
        self.file = file
        self.position = position
        self.reason = reason
    }

    /// `FILE:LINE:COLUMN: REASON`, as compilers write it.
    package var description: String {
        guard let position else { return "\(file): \(reason)" }
        return "\(file):\(position): \(reason)"
    }
}

extension Configuration {
    /// Reads a configuration file's text. What the file does not mention keeps its default; anything that is not
    /// understood is an error, so that a misspelt key is never silently ignored.
    package init(yaml text: [UInt8], file: String) throws(ConfigurationError) {
        self.init()
        let documents: [YAMLNode]
        do {
            documents = try parseYAML(text)
        } catch {
            throw ConfigurationError(file: file, position: error.position, reason: error.reason)
        }
        guard let root = documents.first, !root.isNull else { return }
        guard documents.count == 1 else {
            throw ConfigurationError(file: file, position: documents[1].position, reason: "expected one document")
        }
        try apply(root, section: "", file: file)
    }

    private mutating func apply(_ node: YAMLNode, section: String, file: String) throws(ConfigurationError) {
        guard let mapping = node.mapping else {
            let what = section.isEmpty ? "the configuration" : "'\(section)'"
            throw ConfigurationError(
                file: file, position: node.position, reason: "\(what): expected a mapping of keys, found \(node.kind)")
        }
        for pair in mapping.pairs {
            let name = section.isEmpty ? pair.key : "\(section).\(pair.key)"
            if let key = ConfigurationKey.named(name) {
                if let culprit = key.apply(pair.value, &self) {
                    let found = culprit.text.map { "'\($0)'" } ?? culprit.kind
                    throw ConfigurationError(
                        file: file, position: culprit.position,
                        reason: "\(name): expected \(key.expected), found \(found)")
                }
            } else if ConfigurationKey.sections.contains(name) {
                // An empty section, as when all its keys are commented out, changes nothing.
                if !pair.value.isNull { try apply(pair.value, section: name, file: file) }
            } else {
                throw ConfigurationError(
                    file: file, position: pair.keyPosition,
                    reason: "unknown key '\(name)', expected one of \(Self.keys(in: section))")
            }
        }
    }

    private static func keys(in section: String) -> String {
        let names =
            section.isEmpty
            ? ConfigurationKey.all.map { $0.name.prefix { $0 != "." } }
            : ConfigurationKey.all.map(\.name).filter { $0.hasPrefix(section + ".") }.map {
                $0.dropFirst(section.count + 1)
            }
        var seen: Set<Substring> = []
        return names.filter { seen.insert($0).inserted }.joined(separator: ", ")
    }
}
