import TocsinLinux

/// The configuration file and what the command line says over it. Read at start and at every reload.
struct ConfigurationFile: Sendable {
    private let options: DaemonOptions

    /// Longest file; one that is longer is no configuration.
    private static let maximumBytes = 1 << 20

    init(_ options: DaemonOptions) { self.options = options }

    var path: String { options.configurationPath ?? DaemonOptions.defaultConfigurationPath }

    func load() throws(ConfigurationError) -> Configuration {
        var configuration = Configuration()
        if let text = try read() { configuration = try Configuration(yaml: text, file: path) }
        if let socket = options.socketPath { configuration.socketPath = socket }
        if !options.sources.isEmpty { configuration.sources = options.sources }
        if let reason = configuration.contradiction {
            // Whose sources they are: the file need not even exist.
            throw ConfigurationError(
                file: options.sources.isEmpty ? path : "command line", position: nil, reason: reason)
        }
        guard configuration.reservedConnections < configuration.maxConnections else {
            throw ConfigurationError(
                file: path, position: nil,
                reason:
                    "limits.reservedConnections: expected fewer than limits.connections (\(configuration.maxConnections)), found \(configuration.reservedConnections)"
            )
        }
        return configuration
    }

    /// What root's daemon does is decided by root: nobody else may write the file, or put another in its place.
    private func objection(to file: borrowing FileDescriptor) throws(SystemError) -> ConfigurationError? {
        guard UserDatabase.isRoot else { return nil }
        if let reason = try file.status().objection {
            return ConfigurationError(file: path, position: nil, reason: reason)
        }
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if let reason = try FileStatus.of(directory).objection {
            return ConfigurationError(file: directory, position: nil, reason: reason)
        }
        return nil
    }

    /// nil where there is none and none was named.
    private func read() throws(ConfigurationError) -> [UInt8]? {
        var refusal: ConfigurationError?
        do throws(SystemError) {
            let file = try FileDescriptor.open(path)
            refusal = try objection(to: file)
            // A daemon that runs goes on with what it has.
            let text = try file.readToEnd(limit: Self.maximumBytes + 1, hint: 16 << 10)
            if refusal == nil, text.count <= Self.maximumBytes { return text }
        } catch {
            if error.isGone, options.configurationPath == nil { return nil }
            // Not its description: that begins with the path, too.
            throw ConfigurationError(file: path, position: nil, reason: error.reason)
        }
        throw refusal ?? ConfigurationError(file: path, position: nil, reason: "longer than \(Self.maximumBytes) bytes")
    }
}

extension Configuration {
    /// What no single key can say: nil where all is well.
    var contradiction: String? {
        if sources.isEmpty { return "sources: expected at least one" }
        let watchers = sources.filter { $0 != .named(.heartbeat) && $0 != .named(.files) }
        if watchers.count > 1 {
            let names = watchers.map(\.name).joined(separator: " and ")
            return "sources: \(names) would each report every process start; name one of them"
        }
        if sources.contains(.auto), sources.contains(.named(.files)) { return "sources: auto includes files" }
        if let twice = sources.first(where: { choice in sources.count { $0 == choice } > 1 }) {
            return "sources: \(twice.name) is named twice"
        }
        return nil
    }
}
