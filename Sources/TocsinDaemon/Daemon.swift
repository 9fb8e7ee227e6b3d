import Logging
import NIOCore
import TocsinDelivery
import TocsinEvents
import TocsinLinux
import TocsinSensors
import TocsinSystemd
import Varlink

/// Everything that lives on the event loop, put together: sources, pipeline, service, server, watchdog.
///
/// Owns the parts and the order in which they begin and end. Everything here is called on the event loop.
final class Daemon {
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let manager: ServiceManager
    private let journal: JournalWriter
    private var configuration: Configuration
    private let bootID: String
    private let store: DescriptorStore
    private let beginning: PreservedLog.Beginning

    private let access: SocketAccess
    private let service: EventService
    private var pipeline: EventPipeline
    /// Of the pipeline.
    private let due: DueTimer
    private let server: VarlinkServer
    private let refusals: RefusalLog
    private let intakeProgress = IntakeProgress()
    /// What nobody waits for needs nobody to wake up for it.
    private var interest: Interest { didSet { urgent.change(to: interest.types) } }
    private let urgent: UrgentTypes
    private let heap: RestingHeap
    private var watch: [SourceWatch] = []
    private var rules: RuleService?
    private var watchdog: Watchdog?
    private var state = DaemonStatus.State.running

    init(
        on eventLoop: any EventLoop, configuration: Configuration, journal: JournalWriter, manager: ServiceManager,
        store: DescriptorStore, logger: Logger
    ) throws {
        self.eventLoop = eventLoop
        self.logger = logger
        self.manager = manager
        self.journal = journal
        self.configuration = configuration
        self.store = store
        interest = Interest(configuration)
        urgent = try UrgentTypes(interest.types)
        bootID = try Proc.bootID()
        guard let boot = BootID(bootID) else { throw StartError("the kernel's boot id is no UUID: \(bootID)") }

        let preserved = try PreservedLog(logBytes: configuration.logBytes, boot: boot, store: store)
        beginning = preserved.beginning
        access = SocketAccess(configuration)
        heap = RestingHeap(on: eventLoop)
        service = try EventService(
            on: eventLoop, delivery: Delivery(log: preserved.log, limits: configuration.deliveryLimits),
            access: access, heap: heap)
        pipeline = EventPipeline(
            service: service, journal: EventJournal(writer: journal, logger: logger, configuration),
            reader: try ProcessReader(), exclusion: EventExclusion(configuration))
        due = DueTimer(on: eventLoop)
        var serverConfiguration = ServerConfiguration()
        serverConfiguration.limits = configuration.serverLimits
        serverConfiguration.limits.maximumConnections = Self.connections(configuration, logger)
        let refusals = RefusalLog(on: eventLoop, logger: logger)
        self.refusals = refusals
        serverConfiguration.notice = { refusals.record($0) }
        server = try VarlinkServer(
            on: eventLoop,
            information: ServiceInformation(
                vendor: "tocsin", product: "tocsin", version: Version.current, url: "https://tocsin.io"),
            interfaces: [service], configuration: serverConfiguration)
        service.status = { [unowned self] in status(for: $0) }
        service.catchUp = { [unowned self] in catchUp() }
        service.awaitedTypesChanged = { [unowned self] in interest.sessions = $0 }
    }

    /// The soft limit of descriptors is 1,024 for programs that use select(2); this one takes what it is allowed.
    private static func connections(_ configuration: Configuration, _ logger: Logger) -> Int {
        do {
            let limit = try DescriptorLimit.raise()
            let connections = configuration.connections(within: Int(clamping: limit))
            if connections < configuration.maxConnections {
                logger.warning(
                    "Too few descriptors, allowing fewer connections than configured",
                    metadata: ["descriptors": "\(limit)", "connections": "\(connections)"])
            }
            return connections
        } catch {
            logger.warning("Cannot raise the limit of descriptors, continuing", metadata: ["reason": "\(error)"])
            return configuration.maxConnections
        }
    }

    // MARK: Begin

    /// Loads the rules and watches their directories; done when the first set is in force.
    func startRules() throws -> EventLoopFuture<Void> {
        let rules = try RuleService(on: eventLoop, configuration.ruleDirectories, logger: logger) { [unowned self] in
            pipeline.replaceRules($0)
            setTimer()
            interest.rules = $0.judgedTypes
        }
        self.rules = rules
        return rules.loaded
    }

    /// Starts the sources; done when each of them watches. Fails where one cannot.
    func startSources() throws -> EventLoopFuture<Void> {
        reportBeginning()
        let daemon = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        let progress = intakeProgress
        for slot in try SourceSelection(configuration, reader: ProcessReader(), urgent: urgent, store: store).slots {
            let armed = eventLoop.makePromise(of: Void.self)
            let index = watch.count
            let runner = SourceRunner(
                candidates: slot.candidates,
                prepare: { name, isResumed in
                    eventLoop.performAndWait { daemon.value.sourceOpened(name, isResumed, index) }
                },
                receiver: { name in
                    let intake = RecordIntake(on: eventLoop, progress: progress) { read in
                        // Who descends from whom and runs what: other sources may know, of what happened before.
                        daemon.value.catchUp(allBut: index)
                        daemon.value.take(from: name, read)
                    }
                    eventLoop.execute { daemon.value.watch[index].intake = intake }
                    return intake
                },
                report: { report in eventLoop.execute { daemon.value.sourceReported(report, index) } })
            watch.append(SourceWatch(runner: runner, armed: armed, isRequired: slot.isRequired))
            watch[index].thread = try SourceThread(runner, name: slot.name, endsOn: eventLoop)
        }
        return EventLoopFuture.andAllSucceed(watch.map(\.armed.futureResult), on: eventLoop)
    }

    /// Listens where systemd or the configuration says.
    func listen(inherited sockets: [Int32]) throws -> EventLoopFuture<Void> {
        guard sockets.isEmpty else {
            for socket in sockets { reportMismatch(ofSocket: socket) }
            return EventLoopFuture.andAllSucceed(sockets.map(server.listen(on:)), on: eventLoop)
        }
        // Without privilege the socket stays the user's own.
        return try server.listen(
            at: configuration.socketPath, mode: access.socketMode(configuration.socketMode),
            group: UserDatabase.isRoot ? access.group : nil)
    }

    /// The socket unit decides who may connect to it; what follows from that is this daemon's to say.
    private func reportMismatch(ofSocket socket: Int32) {
        guard let path = try? SocketName.path(of: socket), let mode = try? FileStatus.of(path).mode,
            let objection = access.objection(toSocketMode: mode)
        else { return }
        logger.warning(
            "The socket does not fit the configuration, set SocketMode= in tocsin.socket",
            metadata: ["reason": "\(objection)", "path": "\(path)"])
    }

    /// What clients may rely on across the end of this daemon.
    private func reportBeginning() {
        switch beginning {
        case .new where !manager.isPresent:
            logger.notice(
                "No service manager keeps the event log: when the daemon ends, events and cursors end with it")
        case .new: break
        case .resumed:
            logger.log(
                level: .notice, .resumed, "Resumed the event log",
                metadata: ["nextSequence": "\(service.nextSequence)"])
        case .anew(let reason):
            logger.log(
                level: .warning, .resumeRefused, "Cannot resume, starting anew", metadata: ["reason": "\(reason)"])
            pipeline.takeGap(.restart)
        }
    }

    /// After this, a crash loses nothing that the service manager was given to keep.
    func settleStore() {
        let unclaimed = store.dropUnclaimed()
        if !unclaimed.isEmpty {
            logger.info("Dropped kept descriptors that nothing uses", metadata: ["names": "\(unclaimed)"])
        }
        if manager.isPresent, !manager.barrier() {
            logger.warning("The service manager does not confirm what it keeps, continuing")
        }
    }

    /// From here on the service manager, and whoever waits for the unit, may rely on this daemon.
    func announceReady() {
        logger.log(level: .notice, .ready, "Ready", metadata: ["sources": "\(sourceNames)"])
        manager.notify(.ready(status: statusLine))
        // What only the start has needed.
        ProcessMemory.trimHeap()
        ProcessMemory.dropCode()
        guard let interval = manager.watchdogUSec else { return }
        watchdog = Watchdog(
            on: eventLoop, manager: manager, intervalUSec: interval, intake: intakeProgress, logger: logger)
    }

    /// What `read` hands out goes its way.
    private func take(from source: SourceName, _ read: ((consuming SensorRecord) -> Void) -> Void) {
        pipeline.take(from: source, read)
        setTimer()
    }

    /// Wakes the loop only where something waits for its time.
    private func setTimer() {
        due.set(pipeline.dueUSec) { [weak self] in
            self?.pipeline.decide(at: TocsinLinux.Clock.monotonicUSec())
            self?.setTimer()
        }
    }

    /// Logs what has happened and nobody was woken for.
    private func catchUp(allBut exception: Int? = nil) {
        for index in watch.indices where index != exception { watch[index].intake?.catchUp() }
    }

    /// Before the source's first record.
    private func sourceOpened(_ name: SourceName, _ isResumed: Bool, _ index: Int) {
        if !isResumed {
            // It counts anew.
            for origin in SourceOrigin.all(of: name) { service.forgetPosition(ofSource: origin) }
            // A source that failed while it ran had its gap already.
            if beginning == .resumed, !watch[index].wasOpened { pipeline.takeGap(.restart) }
        }
        watch[index].wasOpened = true
        pipeline.begin(name)
    }

    private func sourceReported(_ report: SourceRunner.Report, _ index: Int) {
        switch report {
        case .armed(let name, let limitation, let refused):
            for error in refused {
                logger.info(
                    "Source does not work here, continuing with another", metadata: ["reason": "\(error)"])
            }
            logger.log(
                level: .notice, .sourceSelected, "Watching",
                metadata: ["source": "\(name.rawValue)", "limitation": "\(limitation)"])
            watch[index].armed.succeed()
        case .failed(let error):
            logger.log(
                level: .error, .sourceFailed, "Source failed, continuing", metadata: ["reason": "\(error)"])
            pipeline.end(error.source)
            watch[index].intake = nil
            // What happens until it watches again is missing, and nobody can count it.
            pipeline.take(
                SensorRecord(
                    realtimeUSec: TocsinLinux.Clock.realtimeUSec(), monotonicUSec: TocsinLinux.Clock.monotonicUSec(),
                    body: .gap(count: nil)))
            setTimer()
        case .waiting(let pause, let reasons):
            let reasons = reasons.map(\.description).joined(separator: "; ")
            guard watch[index].isRequired || watch[index].wasOpened else { return doWithout(index, reasons) }
            logger.log(
                level: .error, .sourceFailed, "No source works, trying again later",
                metadata: ["reason": "\(reasons)", "pause": "\(pause)"])
            watch[index].armed.fail(StartError("no source works: \(reasons)"))
        }
        if state == .running { manager.notify(.status(statusLine)) }
    }

    /// A source that is only taken where it works, and works not.
    private func doWithout(_ index: Int, _ reasons: String) {
        logger.notice("Source does not work here, continuing without", metadata: ["reason": "\(reasons)"])
        watch[index].runner.stop()
        watch[index].armed.succeed()
    }

    // MARK: Change

    /// Takes over what a reload can change; names what needs a restart. Done when the rules were read again.
    func reload(_ new: Configuration) -> EventLoopFuture<Void> {
        let old = configuration
        let waiting = ConfigurationKey.all.filter { !$0.reloads && $0.text(old) != $0.text(new) }.map(\.name)
        configuration.reload(from: new)
        pipeline.reconfigure(configuration)
        setTimer()
        interest.reconfigure(configuration)
        var metadata: Logger.Metadata = [:]
        if !waiting.isEmpty { metadata["needRestart"] = "\(waiting.joined(separator: ", "))" }
        logger.log(level: .notice, .configurationReloaded, "Configuration reloaded", metadata: metadata)
        return rules?.reload(configuration.ruleDirectories) ?? eventLoop.makeSucceededVoidFuture()
    }

    func announceReloaded() { manager.notify(.ready(status: statusLine)) }

    // MARK: End

    /// Ends the sources; what they have seen is logged when the future is done.
    func stopSources() -> EventLoopFuture<Void> {
        state = .stopping
        logger.log(level: .notice, .stopping, "Stopping")
        manager.notify(.stopping(status: "Answering what waits"))
        for source in watch { source.runner.stop() }
        return EventLoopFuture.andAllComplete(watch.compactMap { $0.thread?.ended }, on: eventLoop)
    }

    /// Answers every pending read and closes every connection, by force after a while.
    func stopServing() -> EventLoopFuture<Void> {
        watchdog?.stop()
        refusals.stop()
        let rulesEnded = rules?.stop() ?? eventLoop.makeSucceededVoidFuture()
        return server.shutdown(within: .seconds(5)).flatMap { rulesEnded }.assumeIsolated().map { [self] in
            // Their threads have ended, and are joined.
            watch = []
            rules = nil
        }.nonisolated()
    }

    // MARK: Status

    private var sourceStatuses: [SourceRunner.Status] { watch.flatMap(\.runner.statuses) }

    private var sourceNames: String {
        sourceStatuses.filter { $0.state == .running }.map(\.name.rawValue).joined(separator: ", ")
    }

    /// For `systemctl status`.
    private var statusLine: String { "Watching with \(sourceNames.isEmpty ? "nothing" : sourceNames)" }

    private func status(for view: SocketAccess.View) -> DaemonStatus {
        let delivery = service.deliveryStatus(for: view)
        let counters = server.counters
        return DaemonStatus(
            view: view, bootID: bootID, state: state, sources: sourceStatuses, delivery: delivery,
            pipeline: pipeline.statistics,
            lostJournal: journal.lost, server: counters, rules: pipeline.ruleCount,
            refusals: pipeline.refusals)
    }
}

/// One of the configured sources, as long as the daemon runs.
private struct SourceWatch {
    let runner: SourceRunner
    /// Fulfilled by the first report.
    let armed: EventLoopPromise<Void>
    let isRequired: Bool
    var wasOpened = false
    /// Of what runs.
    var intake: RecordIntake?
    var thread: SourceThread?
}
