package import Sigma
package import TocsinEvents

/// The log sources of Sigma that this machine's events belong to.
package enum EventStream: Int, CaseIterable, Sendable {
    case processCreation, fileEvent, fileDelete

    /// nil for an event that no rule can be about.
    package init?(_ type: EventType) {
        switch type {
        case .exec: self = .processCreation
        // Sysmon's FileCreate is told when a file is created or overwritten; a rename does either.
        case .create, .modify, .rename: self = .fileEvent
        case .delete: self = .fileDelete
        default: return nil
        }
    }

    package var logSource: LogSource {
        let category =
            switch self {
            case .processCreation: "process_creation"
            case .fileEvent: "file_event"
            case .fileDelete: "file_delete"
            }
        return LogSource(category: category, product: "linux")
    }

    /// For a rule set: the position is the raw value.
    package static var logSources: [LogSource] { allCases.map(\.logSource) }
}
