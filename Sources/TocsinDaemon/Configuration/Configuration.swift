import TocsinEvents
import TocsinSensors

/// What an administrator can decide. Plain values; `ConfigurationKey.all` says what each is called in the file, which
/// values it takes and what it means.
package struct Configuration: Sendable, Hashable {
    package var sources: [SourceChoice] = [.auto]
    package var ringBytes = 16 << 20
    package var heartbeatInterval: Duration = .seconds(1)
    package var procInterval: Duration = .milliseconds(200)

    package var watchedPaths: [WatchedPath] = [.builtIn]
    package var unwatchedPaths: [PathPattern] = []

    package var socketPath = "/run/tocsin/tocsin.sock"
    package var socketAccess = SocketAccessPolicy.group
    package var socketMode: UInt32 = 0o660
    package var socketGroup = "tocsin"

    package var logBytes = 32 << 20

    package var maxConnections = 1024
    package var maxConnectionsPerUser = 256
    package var reservedConnections = 8
    package var maxPendingReads = 64
    package var maxPendingReadsPerUser = 4096
    package var maxQueuedBytesPerUser = 32 << 20
    package var maxMessageBytes = 64 << 10
    package var maxGroups = 64

    package var journalEvents = JournalPolicy.detections
    package var repeatInterval: Duration = .seconds(60)
    package var journalQueueBytes = 4 << 20
    package var logLevel = LogLevel.info

    package var ruleDirectories = ["/etc/tocsin/rules"]

    package var excludedTypes: [EventType] = [.fork]
    package var excludedPaths: [PathPattern] = []
    package var excludedUIDs: [UInt32] = []

    package init() {}

    /// A source by name, or the best process source that works here.
    package enum SourceChoice: Sendable, Hashable {
        case auto
        case named(SourceName)
    }

    /// What the files source watches: a glob, or the files that decide what runs at boot, at login and as root.
    package enum WatchedPath: Sendable, Hashable {
        case builtIn
        case pattern(PathPattern)

        var patterns: [String] {
            switch self {
            case .builtIn: WatchedPaths.defaults.flatMap(\.patterns)
            case .pattern(let pattern): [pattern.text]
            }
        }
    }

    /// Which events the journal gets. A gap is always among them.
    package enum JournalPolicy: String, Sendable, CaseIterable {
        case none, detections, all
    }

    /// Which events a user who may connect sees; see `SocketAccess`.
    package enum SocketAccessPolicy: String, Sendable, CaseIterable {
        /// Whoever the socket's permissions let connect sees all.
        case group
        /// Everybody may connect; who is neither root nor in the group sees the events of its own processes.
        case ownEvents = "own-events"
    }

    package enum LogLevel: String, Sendable, CaseIterable {
        case debug, info, notice, warning, error
    }
}

extension Configuration.SourceChoice {
    /// nil where no source has this name.
    package init?(name: String) {
        if name == "auto" {
            self = .auto
        } else if let source = SourceName(rawValue: name) {
            self = .named(source)
        } else {
            return nil
        }
    }

    package var name: String {
        switch self {
        case .auto: "auto"
        case .named(let source): source.rawValue
        }
    }

    package static var names: [String] { ["auto"] + SourceName.allCases.map(\.rawValue) }
}

extension Configuration {
    /// Not excluded.
    var toldTypes: Set<EventType> { Set(EventType.known).subtracting(excludedTypes) }

    /// Takes over the settings of the keys that a reload applies.
    mutating func reload(from new: Configuration) {
        for key in ConfigurationKey.all where key.reloads { key.copy(new, &self) }
    }
}
