/// A filter made ready for evaluation: sets of bits and parsed patterns.
///
/// A gap passes every filter: who filters must still learn that something is missing.
package struct CompiledFilter: ~Copyable, Sendable {
    /// Bit n: the type with code n passes. Bit 63 stands for types this version does not know.
    private let types: UInt64
    private let minimumSeverity: UInt8
    private let uids: [UInt32]?
    private let restrictedToUID: UInt32?
    private let paths: [PathPattern]?
    private let excludePaths: [PathPattern]

    private static let gap = EventType.gap.code ?? 0

    /// - Parameter restrictedToUID: what the daemon imposes, whatever the client asks for: only events of this user,
    ///   and
    ///   as if no rule had matched.
    package init(_ filter: Filter = Filter(), restrictedToUID: UInt32? = nil, limits: FilterLimits = FilterLimits())
        throws(FilterError)
    {
        let types = try Self.bits(filter.types, limits)
        if let uids = filter.uids { try limits.check(uids.count, of: .uids) }
        let paths = try filter.paths.map { (globs) throws(FilterError) in try Self.patterns(globs, .paths, limits) }
        let excludePaths = try Self.patterns(filter.excludePaths ?? [], .excludePaths, limits)
        self.types = types
        uids = filter.uids.map { Array(Set($0)).sorted() }
        self.restrictedToUID = restrictedToUID
        minimumSeverity = filter.minimumSeverity?.rawValue ?? 0
        self.paths = paths
        self.excludePaths = excludePaths
    }

    private static func bits(_ types: [EventType]?, _ limits: FilterLimits) throws(FilterError) -> UInt64 {
        guard let types else { return .max }
        try limits.check(types.count, of: .types)
        var bits: UInt64 = 0
        for (index, type) in types.enumerated() {
            guard let code = type.code else {
                throw .invalid(member: "types[\(index)]", reason: "no event has the type \"\(type.rawValue)\"")
            }
            bits |= 1 << UInt64(code)
        }
        return bits
    }

    private static func patterns(_ globs: [String], _ member: FilterError.Member, _ limits: FilterLimits)
        throws(FilterError) -> [PathPattern]
    {
        try limits.check(globs.count, of: member)
        var patterns: [PathPattern] = []
        for (index, glob) in globs.enumerated() {
            guard glob.utf8.count <= limits.patternBytes else {
                throw .tooMany(member: .patternBytes, limit: limits.patternBytes)
            }
            do throws(PathPatternError) {
                patterns.append(try PathPattern(glob))
            } catch {
                throw .invalid(member: "\(member.rawValue)[\(index)]", reason: error.description)
            }
        }
        return patterns
    }

    /// The types of which an event passes that no rule has matched, where its user and paths do.
    package var unjudgedTypes: Set<EventType> {
        guard minimumSeverity == 0 else { return [] }
        return Set(EventType.known.filter { type in type.code.map { types >> UInt64($0) & 1 == 1 } ?? false })
    }

    /// Whether the paths matter: where they do not, `passes(_:)` is the whole answer.
    package var looksAtPaths: Bool { paths != nil || !excludePaths.isEmpty }

    /// The part of the answer that needs no path.
    @inline(__always)
    package func passes(_ facts: EventFacts) -> Bool {
        // What is known to be another's loss is not this user's.
        if facts.typeCode == Self.gap {
            return restrictedToUID == nil || facts.uid ?? restrictedToUID == restrictedToUID
        }
        let severity = restrictedToUID == nil ? facts.severity : 0
        guard types >> UInt64(min(facts.typeCode, 63)) & 1 == 1, severity >= minimumSeverity else { return false }
        if let restrictedToUID, facts.uid != restrictedToUID { return false }
        guard let uids else { return true }
        guard let uid = facts.uid else { return false }
        return uids.contains(uid)
    }

    /// - Parameters:
    ///   - path: the file's, or the executable's of a process event; empty where there is none.
    ///   - oldPath: where a renamed file was before; empty where there is none.
    package func matches(_ facts: EventFacts, path: Span<UInt8>, oldPath: Span<UInt8>) -> Bool {
        guard passes(facts) else { return false }
        guard looksAtPaths, facts.typeCode != Self.gap else { return true }
        if let paths, !Self.any(paths, match: path), !Self.any(paths, match: oldPath) { return false }
        guard !excludePaths.isEmpty, !path.isEmpty else { return true }
        // A rename out of an excluded place into another is seen: both names must be excluded.
        return !(Self.any(excludePaths, match: path) && (oldPath.isEmpty || Self.any(excludePaths, match: oldPath)))
    }

    private static func any(_ patterns: [PathPattern], match path: Span<UInt8>) -> Bool {
        guard !path.isEmpty else { return false }
        // Looked at where they lie: to take one out would count the references in it.
        let patterns = patterns.span
        for index in patterns.indices where patterns[index].matches(path) { return true }
        return false
    }
}

/// What a client may put into a filter.
package struct FilterLimits: Hashable, Sendable {
    /// Entries of each list.
    package var entries = 32
    package var patternBytes = 1024

    package init() {}

    fileprivate func check(_ count: Int, of member: FilterError.Member) throws(FilterError) {
        guard count <= entries else { throw .tooMany(member: member, limit: entries) }
    }
}

/// Why a filter is refused.
package enum FilterError: Error, Hashable {
    /// `member` as in `paths[2]`.
    case invalid(member: String, reason: String)
    case tooMany(member: Member, limit: Int)

    package enum Member: String, Sendable, Hashable {
        case types, paths, excludePaths, uids, patternBytes
    }
}
