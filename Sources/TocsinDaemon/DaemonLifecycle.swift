import Logging
import NIOCore
import NIOPosix
import TocsinLinux
import TocsinSystemd

/// Runs the daemon until SIGTERM or SIGINT, on the program's first thread. Returns when every waiting read was
/// answered.
///
/// Swift concurrency stays out of the daemon: the first task of its pool has libdispatch look after that pool once a
/// second for as long as the process lives, and a daemon that has nothing to do is to sleep.
package func runDaemon(_ options: DaemonOptions) throws {
    // While this is the process's only thread: they are each thread's own.
    giveUpPrivileges()
    ProcessMemory.configureHeap()
    // Early: until it is held back, a reload that is asked for while the daemon starts would end it.
    let signals = Signals()
    // Before other threads read the environment.
    var inherited = InheritedDescriptors()
    let sockets = inherited.takeSockets()
    let manager = ServiceManager()
    let store = DescriptorStore(inherited, manager: manager)
    let file = ConfigurationFile(options)
    let configuration = try file.load()
    let journal = try JournalWriter(identifier: "tocsind", maximumBytes: configuration.journalQueueBytes)
    defer { journal.close() }
    let level = Logger.Level(configuration.logLevel)
    let logger = Logger(label: "tocsind") { JournalLogHandler(label: $0, writer: journal, logLevel: level) }

    let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    defer { try? threads.syncShutdownGracefully() }
    let loop = threads.next()
    let daemon = try loop.submit {
        NIOLoopBound(
            try Daemon(
                on: loop, configuration: configuration, journal: journal, manager: manager, store: store,
                logger: logger),
            eventLoop: loop)
    }.wait()
    let lifecycle = DaemonLifecycle(daemon: daemon, loop: loop, file: file, manager: manager, logger: logger)
    do {
        // A path on the command line is meant even where systemd hands over a socket.
        try lifecycle.start(sockets: options.socketPath == nil ? sockets : [])
        try lifecycle.reloadUntilEnd(signals)
    } catch {
        try? lifecycle.stop()
        throw error
    }
    try lifecycle.stop()
}

/// Reads the configuration as a start or a reload would, and does no more.
package func checkConfiguration(_ options: DaemonOptions) throws(ConfigurationError) {
    _ = try ConfigurationFile(options).load()
}

/// Begin, reloads and end of the daemon, in their order. Its thread waits while the event loop works.
private struct DaemonLifecycle {
    let daemon: NIOLoopBound<Daemon>
    let loop: any EventLoop
    let file: ConfigurationFile
    let manager: ServiceManager
    let logger: Logger

    func start(sockets: [Int32]) throws {
        try perform { try $0.startRules() }
        try perform { try $0.startSources() }
        try perform { $0.settleStore() }
        try perform { try $0.listen(inherited: sockets) }
        try perform { $0.announceReady() }
    }

    func reloadUntilEnd(_ signals: borrowing Signals) throws {
        while signals.next() == .reload {
            manager.notify(.reloading(monotonicUSec: TocsinLinux.Clock.monotonicUSec()))
            do {
                let configuration = try file.load()
                try perform { $0.reload(configuration) }
            } catch let error as ConfigurationError {
                logger.log(
                    level: .error, .configurationRefused, "Configuration refused, continuing with the old one",
                    metadata: ["reason": "\(error)"])
            }
            try perform { $0.announceReloaded() }
        }
    }

    func stop() throws {
        try perform { $0.stopSources() }
        try perform { $0.stopServing() }
    }

    /// Returns when the loop has done it.
    private func perform(_ work: @escaping @Sendable (Daemon) throws -> Void) throws {
        let daemon = daemon
        try loop.submit { try work(daemon.value) }.wait()
    }

    /// Returns when what the loop has begun is done.
    private func perform(_ work: @escaping @Sendable (Daemon) throws -> EventLoopFuture<Void>) throws {
        let (daemon, loop) = (daemon, loop)
        try loop.flatSubmit { loop.makeCompletedFuture { try work(daemon.value) }.flatMap { $0 } }.wait()
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
