import ArgumentParser
import TocsinDaemon
import TocsinEvents

@main
struct Tocsind: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsind",
        abstract: "Watches process starts and tells every program that asked.",
        discussion: """
            Serves io.tocsin.Events (Varlink) on a Unix socket. Runs in the foreground; SIGTERM and SIGINT end it after \
            every waiting read was answered, SIGHUP reads the configuration again. Under systemd it announces its \
            readiness and writes to the journal, elsewhere to standard error.
            """,
        version: Version.current)

    @Option(
        help: ArgumentHelp(
            "Configuration file (default: \(DaemonOptions.defaultConfigurationPath), if it exists).", valueName: "file")
    )
    var config: String?

    @Option(help: ArgumentHelp("Socket to listen on, instead of the configuration's or systemd's.", valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "Where events come from, instead of the configuration's: \(Configuration.SourceChoice.names.joined(separator: ", ")). May be repeated.",
            valueName: "name"),
        transform: Self.source)
    var source: [Configuration.SourceChoice] = []

    @Flag(help: "Say what is wrong with the configuration, and end: status 0 where nothing is, else 78.")
    var checkConfig = false

    func run() throws {
        do {
            let options = DaemonOptions(configurationPath: config, socketPath: socket, sources: source)
            if checkConfig { return try checkConfiguration(options) }
            try runDaemon(options)
        } catch let error as ConfigurationError {
            complain("\(error)")
            throw ExitCode.badConfiguration
        } catch {
            complain("\(error)")
            throw ExitCode.failure
        }
    }

    private static func source(_ name: String) throws -> Configuration.SourceChoice {
        guard let choice = Configuration.SourceChoice(name: name) else {
            throw ValidationError("expected one of \(Configuration.SourceChoice.names.joined(separator: ", "))")
        }
        return choice
    }
}

extension ExitCode {
    /// EX_CONFIG of sysexits(3): the same configuration fails again, so the unit is not restarted for it.
    fileprivate static let badConfiguration = ExitCode(78)
}
