import TocsinEvents

/// What the administrator wants nobody to be told of. A gap is never excluded.
struct EventExclusion {
    private let types: Set<EventType>
    private let paths: [PathPattern]
    private let uids: Set<UInt32>

    init(_ configuration: Configuration) {
        types = Set(configuration.excludedTypes)
        paths = configuration.excludedPaths
        uids = Set(configuration.excludedUIDs)
    }

    func excludes(_ event: borrowing Event) -> Bool {
        guard event.type != .gap else { return false }
        if types.contains(event.type) { return true }
        if let uid = event.process?.uid, uids.contains(uid) { return true }
        guard !paths.isEmpty, let path = event.path else { return false }
        return paths.contains { $0.matches(path.bytes.span) }
    }
}
