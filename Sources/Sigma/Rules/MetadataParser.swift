import YAML

/// Reads what rules, correlations and filters say about themselves.
struct MetadataParser {
    private let mapping: YAMLMapping
    private let position: YAMLPosition

    static func parse(_ mapping: YAMLMapping, at position: YAMLPosition) throws(RuleError) -> RuleMetadata {
        let parser = MetadataParser(mapping: mapping, position: position)
        guard let title = try parser.string("title", atMost: 256) else {
            throw RuleError(.metadata, "a title is missing", at: position)
        }
        var metadata = RuleMetadata(title: title)
        metadata.id = try parser.string("id", atMost: 256)
        metadata.name = try parser.string("name", atMost: 256)
        metadata.status = try parser.choice("status")
        metadata.level = try parser.choice("level")
        metadata.description = try parser.string("description", atMost: 65_535, mayBeEmpty: true)
        metadata.license = try parser.string("license", atMost: 256)
        metadata.author = try parser.string("author", atMost: 4_096, mayBeEmpty: true)
        metadata.date = try parser.date("date")
        metadata.modified = try parser.date("modified")
        metadata.references = try parser.strings("references")
        metadata.tags = try parser.strings("tags")
        metadata.fields = try parser.strings("fields")
        metadata.falsePositives = try parser.strings("falsepositives", orSingle: true)
        metadata.scope = try parser.strings("scope")
        metadata.related = try parser.related()
        if let taxonomy = try parser.string("taxonomy", atMost: 256), taxonomy != "sigma" {
            throw RuleError(
                .unsupported, "taxonomy \(quoted(taxonomy)) is not known, only sigma", at: parser.place("taxonomy"))
        }
        if metadata.status == .unsupported {
            throw RuleError(.unsupported, "the rule's own status is unsupported", at: parser.place("status"))
        }
        return metadata
    }

    static func logsource(_ mapping: YAMLMapping, at position: YAMLPosition) throws(RuleError) -> LogSource {
        guard let node = mapping["logsource"] else { throw RuleError(.logsource, "logsource is missing", at: position) }
        guard let attributes = node.mapping else {
            throw RuleError(.logsource, "logsource: expected a mapping, found \(node.kind)", at: node.position)
        }
        let parser = MetadataParser(mapping: attributes, position: node.position)
        let source = LogSource(
            category: try parser.string("category", atMost: 256, kind: .logsource),
            product: try parser.string("product", atMost: 256, kind: .logsource),
            service: try parser.string("service", atMost: 256, kind: .logsource))
        guard source != LogSource() else {
            throw RuleError(.logsource, "logsource names neither category, product nor service", at: node.position)
        }
        return source
    }

    private func place(_ key: String) -> YAMLPosition { mapping[key]?.position ?? position }

    /// nil where the key is absent or null. Numbers and dates are taken as the text they are.
    private func string(
        _ key: String, atMost limit: Int, mayBeEmpty: Bool = false, kind: Refusal.Kind = .metadata
    ) throws(RuleError) -> String? {
        guard let node = mapping[key], !node.isNull else { return nil }
        guard let text = node.text else {
            throw RuleError(kind, "\(key): expected a string, found \(node.kind)", at: node.position)
        }
        guard mayBeEmpty || !text.isEmpty else { throw RuleError(kind, "\(key) is empty", at: node.position) }
        guard text.unicodeScalars.count <= limit else {
            throw RuleError(kind, "\(key) is longer than \(limit) characters", at: node.position)
        }
        return text
    }

    private func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) throws(RuleError) -> Choice? {
        guard let text = try string(key, atMost: 256) else { return nil }
        // pySigma ignores the case here, and rules rely on it.
        if let choice = Choice(rawValue: text.lowercased()) { return choice }
        let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw RuleError(.metadata, "\(key): \(quoted(text)) is none of \(known)", at: place(key))
    }

    private func date(_ key: String) throws(RuleError) -> String? {
        guard let text = try string(key, atMost: 256) else { return nil }
        // Old rules write slashes, some of them without leading zeros.
        let separator: Character = text.contains("/") ? "/" : "-"
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        let digits = parts.map { $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? $0.utf8.count : 0 }
        guard parts.count == 3, digits[0] == 4, (1...2).contains(digits[1]), (1...2).contains(digits[2]),
            separator == "/" || digits == [4, 2, 2], (1...12).contains(Int(parts[1]) ?? 0),
            (1...31).contains(Int(parts[2]) ?? 0)
        else { throw RuleError(.metadata, "\(key): \(quoted(text)) is not a date as YYYY-MM-DD", at: place(key)) }
        return text
    }

    private func strings(_ key: String, orSingle: Bool = false) throws(RuleError) -> [String] {
        guard let node = mapping[key], !node.isNull else { return [] }
        if orSingle, let text = node.text { return [text] }
        guard let nodes = node.sequence else {
            throw RuleError(.metadata, "\(key): expected a list, found \(node.kind)", at: node.position)
        }
        var texts: [String] = []
        for node in nodes {
            guard let text = node.text else {
                throw RuleError(.metadata, "\(key): expected strings, found \(node.kind)", at: node.position)
            }
            texts.append(text)
        }
        return texts
    }

    private func related() throws(RuleError) -> [RuleMetadata.Related] {
        guard let node = mapping["related"], !node.isNull else { return [] }
        var related: [RuleMetadata.Related] = []
        for element in node.sequence ?? [node] {
            guard let id = element.mapping?["id"]?.text, let type = element.mapping?["type"]?.text else {
                throw RuleError(.metadata, "related: expected a list of id and type", at: element.position)
            }
            related.append(RuleMetadata.Related(id: id, type: type))
        }
        return related
    }
}
