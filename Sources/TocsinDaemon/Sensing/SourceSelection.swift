import TocsinLinux
import TocsinSensors

/// One place for a source: the best of the candidates that works here holds it.
struct SourceSlot {
    let name: String
    /// Best first.
    let candidates: [SourceRunner.Candidate]
    /// Whether the daemon must not start without it.
    let isRequired: Bool
}

/// From the configuration's choices to places for sources.
struct SourceSelection {
    private let configuration: Configuration
    private let reader: ProcessReader
    private let watchedPaths: WatchedPaths
    private let store: any DescriptorKeeping
    private let urgent: UrgentTypes

    /// Best first.
    static let processSources: [SourceName] = [.ebpf, .fanotify, .proc]

    init(
        _ configuration: Configuration, reader: ProcessReader, urgent: UrgentTypes, store: any DescriptorKeeping
    ) throws {
        self.configuration = configuration
        self.urgent = urgent
        self.store = store
        self.reader = reader
        watchedPaths = try WatchedPaths(
            including: configuration.watchedPaths.flatMap(\.patterns),
            excluding: configuration.unwatchedPaths.map(\.text), resolve: Self.realPath)
    }

    var slots: [SourceSlot] {
        configuration.sources.flatMap { choice in
            switch choice {
            case .named(let name):
                [SourceSlot(name: name.rawValue, candidates: [candidate(name)], isRequired: true)]
            case .auto:
                [
                    SourceSlot(name: "process", candidates: Self.processSources.map(candidate), isRequired: true),
                    // Needs privilege, and nothing stands in for it.
                    SourceSlot(name: "files", candidates: [candidate(.files)], isRequired: false),
                ]
            }
        }
    }

    private func candidate(_ name: SourceName) -> SourceRunner.Candidate {
        SourceRunner.Candidate(name: name) {
            switch name {
            case .ebpf: EBPFSource(ringSize: configuration.ringBytes, urgent: urgent, store: store)
            case .fanotify: FanotifySource(reader: reader, store: store)
            case .proc: ProcSource(intervalMSec: Int(configuration.procInterval / .milliseconds(1)), reader: reader)
            case .files: FilesSource(watchedPaths, reader: reader, store: store)
            case .heartbeat: HeartbeatSource(intervalMSec: UInt64(configuration.heartbeatInterval / .milliseconds(1)))
            }
        }
    }

    /// The directory's path without links; nil where it does not exist.
    private static func realPath(_ path: String) -> String? {
        guard let directory = try? FileDescriptor.openDirectory(path), let real = try? directory.path() else {
            return nil
        }
        return String(decoding: real, as: UTF8.self)
    }
}
