import Sigma

/// `rules check`, `rules list` and `rules show`: what became of rules, in lines of text for people.
///
/// Rule files are somebody else's text: no line holds a control character of theirs.
public struct RuleReport {
    private let rules: RuleSet

    public init(_ rules: RuleSet) { self.rules = rules }

    /// 0 where nothing was refused, else 1.
    public var exitStatus: Int32 { rules.refusals.isEmpty ? 0 : 1 }

    // MARK: check

    /// Each refusal with its place, then how many there are of each kind, and what was set aside.
    public var checkLines: [String] {
        var lines = rules.refusals.map { printable($0.description) }
        for filter in rules.idleFilters {
            lines.append(
                printable("\(filter.file):\(filter.line): filter “\(filter.metadata.title)” applies to no rule"))
        }
        lines.append(
            "\(rules.rules.count) loaded, \(rules.refusals.count) refused, "
                + "\(rules.notApplicable.count) not applicable")
        lines += counted(rules.refusals.map { "refused: \($0.kind.rawValue)" })
        lines += counted(
            rules.notApplicable.map { rule in
                if case .detection(let detection) = rule.body {
                    "not applicable: \(detection.logsource)"
                } else {
                    "not applicable: correlation of rules that are not"
                }
            })
        return lines
    }

    private func counted(_ texts: [String]) -> [String] {
        Dictionary(grouping: texts, by: { $0 }).map { ($0.key, $0.value.count) }
            .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
            .map { text, count in "\(padded(String(count), 7, right: true)) \(printable(text))" }
    }

    // MARK: list

    /// A line for each loaded rule: level, id, title; by level, then title.
    public var listLines: [String] {
        rules.rules.sorted {
            let (left, right) = ($0.metadata, $1.metadata)
            return left.level == right.level
                ? left.title < right.title : (left.level ?? .informational) > (right.level ?? .informational)
        }.map { rule in
            let level = padded(rule.metadata.level?.rawValue ?? "-", 13)
            return printable("\(level) \(padded(rule.identifier, 36)) \(rule.metadata.title)")
        }
    }

    // MARK: show

    /// What a rule says about itself; nil where no loaded rule has this id or name.
    public func showLines(_ name: String) -> [String]? {
        let all = rules.rules + rules.notApplicable
        return all.first { $0.metadata.id == name || $0.metadata.name == name }.map(lines(of:))
    }

    public func lines(of rule: Rule) -> [String] {
        let metadata = rule.metadata
        var lines: [String] = []
        func add(_ label: String, _ text: String?) {
            guard let text, !text.isEmpty else { return }
            for (index, line) in text.split(separator: "\n").enumerated() {
                lines.append(padded(index == 0 ? label : "", 17) + printable(String(line)))
            }
        }
        add("Title:", metadata.title)
        add("Id:", metadata.id)
        add("Name:", metadata.name)
        add("Status:", metadata.status?.rawValue)
        add("Level:", metadata.level?.rawValue)
        add("Author:", metadata.author)
        add("Date:", [metadata.date, metadata.modified].compactMap { $0 }.joined(separator: ", modified "))
        add("License:", metadata.license)
        add("File:", "\(rule.file):\(rule.line)")
        switch rule.body {
        case .detection(let detection):
            add("Log source:", detection.logsource.description)
            add("Condition:", detection.conditions.joined(separator: "\n"))
        case .correlation(let correlation):
            add("Correlation:", correlation.kind.rawValue)
            add("Rules:", correlation.rules.joined(separator: "\n"))
            add("Group by:", correlation.groupBy.joined(separator: ", "))
            add("Time span:", "\(correlation.timespan / 1_000_000) s")
        }
        add("Tags:", metadata.tags.joined(separator: ", "))
        add("Fields:", metadata.fields.joined(separator: ", "))
        add("False positives:", metadata.falsePositives.joined(separator: "\n"))
        add("References:", metadata.references.joined(separator: "\n"))
        add("Description:", metadata.description)
        return lines
    }
}

private func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
    return right ? space + text : text + space
}

/// Control characters, which could drive a terminal, become spaces.
func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
}
