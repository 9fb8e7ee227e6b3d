import TocsinEvents

/// What the administrator wants nobody to be told of. A gap is never excluded.
struct EventExclusion {
    /// Bit n: the type with code n.
    private let types: UInt64
    private let paths: [PathPattern]
    private let uids: Set<UInt32>

    init(_ configuration: Configuration) {
        types = configuration.excludedTypes.compactMap(\.code).reduce(0) { $0 | 1 << UInt64($1) }
        paths = configuration.excludedPaths
        uids = Set(configuration.excludedUIDs)
    }

    /// Every event of the type.
    func excludes(_ type: EventType) -> Bool {
        guard type != .gap, let code = type.code else { return false }
        return types >> UInt64(code) & 1 == 1
    }

    func excludes(_ event: borrowing Event) -> Bool {
        guard event.type != .gap else { return false }
        if excludes(event.type) { return true }
        if let uid = event.process?.uid, uids.contains(uid) { return true }
        guard !paths.isEmpty, let path = event.path else { return false }
        return paths.contains { $0.matches(path.bytes.span) }
    }
}
