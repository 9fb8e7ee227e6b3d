import TocsinEvents

/// A glob that cannot be watched.
package struct WatchedPathsError: Error, Hashable, CustomStringConvertible {
    package var pattern: String
    package var reason: String

    package var description: String { "\(pattern): \(reason)" }
}

/// Which files are watched, and through which directories the way to them leads.
package struct WatchedPaths: Sendable, Hashable {
    private var patterns: [PathPattern] = []
    private var exclusions: [PathPattern] = []
    /// Match the directories on the way to watched files, one pattern for each component before a `**`.
    private var ways: [PathPattern] = []
    /// Match the directories behind a `**`, where a watched file may be at any depth.
    private var depths: [PathPattern] = []
    /// The literal beginning of each pattern, a directory.
    package private(set) var bases: [String] = []

    package static let limit = 512

    /// `resolve` turns a directory into the one that it is when all links are followed; nil where it does not exist.
    /// Events tell real paths, so a pattern that begins with a link is watched by both.
    package init(
        including included: [String], excluding excluded: [String] = [], resolve: (String) -> String? = { _ in nil }
    ) throws(WatchedPathsError) {
        guard included.count + excluded.count <= Self.limit else {
            throw WatchedPathsError(
                pattern: "\(included.count + excluded.count) patterns", reason: "at most \(Self.limit)")
        }
        for pattern in included {
            let split = Self.split(pattern)
            try add(pattern)
            if let real = Self.resolve(split.base, resolve), real != split.base {
                try add(Self.escape(real == "/" ? "" : real) + "/" + split.rest)
            }
        }
        for pattern in excluded { exclusions.append(try Self.parse(pattern)) }
    }

    /// Whether what happens to the file is to be told.
    package func contains(_ path: ByteString) -> Bool {
        let bytes = path.bytes.span
        return patterns.contains { $0.matches(bytes) } && !exclusions.contains { $0.matches(bytes) }
    }

    /// Whether a watched file may be in the directory or below.
    package func leads(_ directory: ByteString) -> Bool {
        isOnTheWay(directory) || depths.contains { $0.matches(directory.bytes.span) }
    }

    /// Whether a directory is expected there, so that a link or its absence would change what is watched.
    package func isOnTheWay(_ path: ByteString) -> Bool {
        ways.contains { $0.matches(path.bytes.span) }
    }

    // MARK: Private

    private mutating func add(_ pattern: String) throws(WatchedPathsError) {
        patterns.append(try Self.parse(pattern))
        var way = "/"
        ways.append(try Self.parse(way))
        for component in Self.components(pattern).dropLast() {
            if component.contains("**") { break }
            way += way == "/" ? component : "/" + component
            ways.append(try Self.parse(way))
        }
        if Self.components(pattern).contains(where: { $0.contains("**") }) {
            depths.append(try Self.parse(way == "/" ? "/**" : way + "/**"))
        }
        bases.append(Self.split(pattern).base)
    }

    private static func parse(_ pattern: String) throws(WatchedPathsError) -> PathPattern {
        guard pattern.utf8.first == UInt8(ascii: "/") else {
            throw WatchedPathsError(pattern: pattern, reason: "an absolute path was expected")
        }
        do throws(PathPatternError) {
            return try PathPattern(pattern)
        } catch { throw WatchedPathsError(pattern: pattern, reason: error.description) }
    }

    private static func components(_ pattern: String) -> [Substring] { pattern.split(separator: "/") }

    /// The directory before the first component with a special character, and the rest.
    private static func split(_ pattern: String) -> (base: String, rest: String) {
        let components = components(pattern)
        let literal = components.dropLast().prefix { !$0.utf8.contains(where: isSpecial) }
        return ("/" + literal.joined(separator: "/"), components.dropFirst(literal.count).joined(separator: "/"))
    }

    private static func isSpecial(_ byte: UInt8) -> Bool { "*?[\\".utf8.contains(byte) }

    private static func escape(_ path: String) -> String {
        String(path.flatMap { $0.utf8.contains(where: isSpecial) ? ["\\", $0] : [$0] })
    }

    /// The longest beginning that exists, resolved, and the rest as it is.
    private static func resolve(_ base: String, _ resolve: (String) -> String?) -> String? {
        var existing = components(base)
        var rest: [Substring] = []
        while !existing.isEmpty {
            if let real = resolve("/" + existing.joined(separator: "/")) {
                return (components(real) + rest).map { "/" + $0 }.joined()
            }
            rest.insert(existing.removeLast(), at: 0)
        }
        return nil
    }
}
