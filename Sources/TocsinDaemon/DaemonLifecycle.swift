import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import TocsinLinux
import TocsinSystemd
import UnixSignals

/// Runs the daemon until SIGTERM or SIGINT. Returns when every waiting read was answered.
package func runDaemon(_ options: DaemonOptions) async throws {
    // Before other threads read the environment.
    var inherited = InheritedDescriptors()
    let sockets = inherited.takeSockets()
    let manager = ServiceManager()
    let store = DescriptorStore(inherited, manager: manager)
    // Early: until it is trapped, a reload that is asked for while the daemon starts would end it.
    let hangUps = await UnixSignalsSequence(trapping: .sighup)
    let file = ConfigurationFile(options)
    let configuration = try file.load()
    let journal = try JournalWriter(identifier: "tocsind", maximumBytes: configuration.journalQueueBytes)
    let level = Logger.Level(configuration.logLevel)
    let logger = Logger(label: "tocsind") { JournalLogHandler(label: $0, writer: journal, logLevel: level) }

    let lifecycle = DaemonLifecycle(
        file: file, configuration: configuration,
        // A path on the command line is meant even where systemd hands over a socket.
        sockets: options.socketPath == nil ? sockets : [], hangUps: hangUps, manager: manager, store: store,
        journal: journal, logger: logger)
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: [.init(service: lifecycle, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
    defer { journal.close() }
    try await group.run()
}

/// Reads the configuration as a start or a reload would, and does no more.
package func checkConfiguration(_ options: DaemonOptions) throws(ConfigurationError) {
    _ = try ConfigurationFile(options).load()
}

/// Begin, reloads and end of the daemon, in their order. Owns the event loop's thread.
private struct DaemonLifecycle: Service {
    let file: ConfigurationFile
    let configuration: Configuration
    let sockets: [Int32]
    /// Those that came since the program began are not lost: the configuration is read again for them.
    let hangUps: UnixSignalsSequence
    let manager: ServiceManager
    let store: DescriptorStore
    let journal: JournalWriter
    let logger: Logger

    func run() async throws {
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = threads.next()
        do {
            let (configuration, sockets, manager, store) = (configuration, sockets, manager, store)
            let (journal, logger) = (journal, logger)
            let daemon = try await loop.submit {
                NIOLoopBound(
                    try Daemon(
                        on: loop, configuration: configuration, journal: journal, manager: manager, store: store,
                        logger: logger),
                    eventLoop: loop)
            }.get()
            do {
                try await loop.flatSubmit {
                    loop.makeCompletedFuture { try daemon.value.startRules() }.flatMap { $0 }
                }
                .get()
                try await loop.flatSubmit {
                    loop.makeCompletedFuture { try daemon.value.startSources() }.flatMap { $0 }
                }
                .get()
                try await loop.submit { daemon.value.settleStore() }.get()
                try await loop.flatSubmit {
                    loop.makeCompletedFuture { try daemon.value.listen(inherited: sockets) }.flatMap { $0 }
                }.get()
                try await loop.submit { daemon.value.announceReady() }.get()
                try await reloadUntilShutdown(hangUps, daemon, loop, manager)
            } catch {
                try? await stop(daemon, loop)
                throw error
            }
            try await stop(daemon, loop)
        } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    private func stop(_ daemon: NIOLoopBound<Daemon>, _ loop: any EventLoop) async throws {
        try await loop.flatSubmit { daemon.value.stopSources() }.get()
        try await loop.flatSubmit { daemon.value.stopServing() }.get()
    }

    private func reloadUntilShutdown(
        _ hangUps: UnixSignalsSequence, _ daemon: NIOLoopBound<Daemon>, _ loop: any EventLoop, _ manager: ServiceManager
    ) async throws {
        for await _ in hangUps.cancelOnGracefulShutdown() {
            manager.notify(.reloading(monotonicUSec: TocsinLinux.Clock.monotonicUSec()))
            do {
                let configuration = try file.load()
                try await loop.flatSubmit { daemon.value.reload(configuration) }.get()
            } catch let error as ConfigurationError {
                logger.log(
                    level: .error, .configurationRefused, "Configuration refused, continuing with the old one",
                    metadata: ["reason": "\(error)"])
            }
            try await loop.submit { daemon.value.announceReloaded() }.get()
        }
    }
}

extension Logger.Level {
    fileprivate init(_ level: Configuration.LogLevel) {
        self =
            switch level {
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
    }
}
