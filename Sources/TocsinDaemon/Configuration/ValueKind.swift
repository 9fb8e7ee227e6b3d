import TocsinEvents
import YAML

/// How one kind of value is written in the configuration file.
struct ValueKind<Value: Sendable>: Sendable {
    /// As errors put it, after "expected".
    let expected: String
    /// nil where the node is not such a value.
    let read: @Sendable (YAMLNode) -> Value?
    /// As the sample file writes it.
    let write: @Sendable (Value) -> String
    /// The part of a refused node that an error points at: of a list, the element.
    var culprit: @Sendable (YAMLNode) -> YAMLNode = { $0 }
}

extension ValueKind {
    static func list<Element>(_ element: ValueKind<Element>) -> ValueKind where Value == [Element] {
        ValueKind(
            expected: "a list, each element \(element.expected)",
            read: { node in
                guard let nodes = node.sequence else { return nil }
                let values = nodes.compactMap(element.read)
                return values.count == nodes.count ? values : nil
            },
            write: { "[" + $0.map(element.write).joined(separator: ", ") + "]" },
            culprit: { node in node.sequence?.first { element.read($0) == nil } ?? node })
    }

    /// One of the words that an enumeration has.
    static func word(_: Value.Type) -> ValueKind
    where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
        ValueKind(
            expected: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            read: { $0.text.flatMap(Value.init(rawValue:)) },
            write: \.rawValue)
    }
}

extension ValueKind<Int> {
    static func integer(in range: ClosedRange<Int>) -> ValueKind {
        ValueKind(
            expected: "an integer from \(range.lowerBound) to \(range.upperBound)",
            read: { node in
                guard let value = node.scalar?.integerValue, let value = Int(exactly: value) else { return nil }
                return range.contains(value) ? value : nil
            },
            write: \.description)
    }

    /// Bytes, with a unit of 1024: `512KiB`, `32MiB`, `1GiB`; as systemd has it, `K`, `M` and `G` do as well.
    static func size(in range: ClosedRange<Int>) -> ValueKind {
        ValueKind(
            expected: "a size from \(formatSize(range.lowerBound)) to \(formatSize(range.upperBound))",
            read: { node in
                guard let text = node.text, let bytes = parseSize(text) else { return nil }
                return range.contains(bytes) ? bytes : nil
            },
            write: formatSize)
    }

    private static let sizeUnits: [(name: String, short: String, bytes: Int)] = [
        ("GiB", "G", 1 << 30), ("MiB", "M", 1 << 20), ("KiB", "K", 1 << 10),
    ]

    @Sendable private static func parseSize(_ text: String) -> Int? {
        for unit in sizeUnits {
            for name in [unit.name, unit.short] where text.hasSuffix(name) {
                guard let count = digits(text.dropLast(name.count)) else { return nil }
                let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
                return overflow ? nil : bytes
            }
        }
        return digits(text[...])
    }

    @Sendable private static func formatSize(_ bytes: Int) -> String {
        for unit in sizeUnits where bytes >= unit.bytes && bytes.isMultiple(of: unit.bytes) {
            return "\(bytes / unit.bytes)\(unit.name)"
        }
        return "\(bytes)"
    }
}

extension ValueKind<Duration> {
    /// As systemd writes time spans, with one unit: `250ms`, `10s`, `5min`, `1h`.
    static func duration(in range: ClosedRange<Duration>) -> ValueKind {
        ValueKind(
            expected: "a time from \(format(range.lowerBound)) to \(format(range.upperBound))",
            read: { node in
                guard let text = node.text, let value = parse(text) else { return nil }
                return range.contains(value) ? value : nil
            },
            write: format)
    }

    private static let units: [(name: String, milliseconds: Int)] = [
        ("ms", 1), ("min", 60_000), ("s", 1000), ("h", 3_600_000),
    ]

    @Sendable private static func parse(_ text: String) -> Duration? {
        for unit in units where text.hasSuffix(unit.name) {
            guard let count = digits(text.dropLast(unit.name.count)) else { return nil }
            let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
            return overflow ? nil : .milliseconds(milliseconds)
        }
        return nil
    }

    @Sendable private static func format(_ duration: Duration) -> String {
        let milliseconds = Int(duration / .milliseconds(1))
        for unit in units.sorted(by: { $0.milliseconds > $1.milliseconds })
        where milliseconds >= unit.milliseconds && milliseconds.isMultiple(of: unit.milliseconds) {
            return "\(milliseconds / unit.milliseconds)\(unit.name)"
        }
        return "\(milliseconds)ms"
    }
}

extension ValueKind<UInt32> {
    static var userID: ValueKind {
        ValueKind(
            expected: "a numeric user id",
            read: { $0.scalar?.integerValue.flatMap(UInt32.init(exactly:)) },
            write: \.description)
    }

    /// In quotes, because YAML 1.1 and 1.2 differ over numbers with a leading zero.
    static var octalMode: ValueKind {
        ValueKind(
            expected: "an octal file mode in quotes, such as \"0660\"",
            read: { node in
                guard let text = node.scalar?.stringValue, (3...4).contains(text.utf8.count),
                    let mode = UInt32(text, radix: 8), mode <= 0o777
                else { return nil }
                return mode
            },
            write: { "\"0" + String($0, radix: 8) + "\"" })
    }
}

extension ValueKind<String> {
    static var absolutePath: ValueKind {
        ValueKind(
            expected: "an absolute path",
            read: { node in
                guard let text = node.scalar?.stringValue, text.hasPrefix("/"), !text.utf8.contains(0) else {
                    return nil
                }
                return text
            },
            write: { $0 })
    }

    static var name: ValueKind {
        ValueKind(
            expected: "a name",
            read: { node in
                guard let text = node.scalar?.stringValue, !text.isEmpty, !text.utf8.contains(0) else { return nil }
                return text
            },
            write: { $0 })
    }
}

extension ValueKind<Configuration.SourceChoice> {
    static var source: ValueKind {
        ValueKind(
            expected: "one of " + Configuration.SourceChoice.names.joined(separator: ", "),
            read: { $0.text.flatMap(Configuration.SourceChoice.init(name:)) },
            write: \.name)
    }
}

extension ValueKind<EventType> {
    /// A gap is never filtered.
    static var eventType: ValueKind {
        let types = EventType.known.filter { $0 != .gap }
        return ValueKind(
            expected: "one of " + types.map(\.rawValue).joined(separator: ", "),
            read: { node in types.first { $0.rawValue == node.text } },
            write: \.rawValue)
    }
}

extension ValueKind<Configuration.WatchedPath> {
    /// Absolute: a watch begins at a directory.
    static var watchedPath: ValueKind {
        ValueKind(
            expected: "default, or a glob of an absolute path such as /srv/keys/**",
            read: { node in
                guard let text = node.scalar?.stringValue else { return nil }
                if text == "default" { return .builtIn }
                guard text.hasPrefix("/"), let pattern = try? PathPattern(text) else { return nil }
                return .pattern(pattern)
            },
            write: { path in
                switch path {
                case .builtIn: "default"
                case .pattern(let pattern): "\"\(pattern.text)\""
                }
            })
    }
}

extension ValueKind<PathPattern> {
    static var pathPattern: ValueKind {
        ValueKind(
            expected: "a glob such as /usr/lib/**",
            read: { node in
                guard let text = node.scalar?.stringValue else { return nil }
                return try? PathPattern(text)
            },
            write: { "\"\($0.text)\"" })
    }
}

/// Only digits: the integer parser would take a sign.
private func digits(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        return nil
    }
    return Int(text)
}
