package import Sigma
package import TocsinEvents

/// Rules compiled for this machine's events, with all that does not depend on the event. Immutable, so it can be made
/// on any thread; a reload makes a new one.
package struct LoadedRules: Sendable {
    package let rules: RuleSet
    package let users: UserNames
    /// For each rule what its match adds to an event.
    let detections: [TocsinEvents.Detection]

    package init(_ collection: RuleCollection = RuleCollection(), users: UserNames = UserNames()) {
        rules = RuleSet(collection, streams: EventStream.logSources)
        self.users = users
        detections = rules.rules.map { rule in
            TocsinEvents.Detection(
                ruleID: rule.identifier, title: rule.metadata.title, severity: Severity(rule.metadata.level),
                tags: rule.metadata.tags)
        }
    }

    /// The types of events that a rule looks at.
    package var judgedTypes: Set<EventType> {
        Set(EventType.known.filter { type in EventStream(type).map { rules.isJudged[$0.rawValue] } ?? false })
    }
}

extension Severity {
    /// A rule without a level claims nothing.
    init(_ level: Level?) {
        self =
            switch level {
            case .informational, nil: .informational
            case .low: .low
            case .medium: .medium
            case .high: .high
            case .critical: .critical
            }
    }
}
