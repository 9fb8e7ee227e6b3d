/// What the command line decides, over the configuration file.
package struct DaemonOptions: Sendable {
    package static let defaultConfigurationPath = "/etc/tocsin/tocsin.yaml"

    /// nil for the default path, which need not exist.
    package var configurationPath: String?
    /// nil for the configuration's.
    package var socketPath: String?
    /// Empty for the configuration's.
    package var sources: [Configuration.SourceChoice]

    package init(
        configurationPath: String? = nil, socketPath: String? = nil, sources: [Configuration.SourceChoice] = []
    ) {
        self.configurationPath = configurationPath
        self.socketPath = socketPath
        self.sources = sources
    }
}

/// Why the daemon does not start, or ends.
package struct StartError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
