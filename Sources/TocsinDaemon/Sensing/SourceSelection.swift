import TocsinSensors

/// From the configuration's choices to sources that can be made: one runner for each choice.
enum SourceSelection {
    /// Best first.
    static let processSources: [SourceName] = [.ebpf, .fanotify, .proc]

    static func candidates(
        for choice: Configuration.SourceChoice, _ configuration: Configuration, reader: ProcessReader
    )
        -> [SourceRunner.Candidate]
    {
        switch choice {
        case .named(let name): [candidate(name, configuration, reader)]
        case .auto: processSources.map { candidate($0, configuration, reader) }
        }
    }

    private static func candidate(_ name: SourceName, _ configuration: Configuration, _ reader: ProcessReader)
        -> SourceRunner.Candidate
    {
        SourceRunner.Candidate(name: name) {
            switch name {
            case .fanotify, .ebpf: FanotifySource(reader: reader)
            case .proc: ProcSource(intervalMSec: Int(configuration.procInterval / .milliseconds(1)), reader: reader)
            case .heartbeat: HeartbeatSource(intervalMSec: UInt64(configuration.heartbeatInterval / .milliseconds(1)))
            }
        }
    }
}
