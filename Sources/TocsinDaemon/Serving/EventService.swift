import JSON
import NIOCore
import TocsinDelivery
import TocsinEvents
import Varlink

/// Serves `io.tocsin.Events`: calls become inputs of the delivery, and what the delivery decides becomes replies and
/// timers.
///
/// Lives on the event loop. Owns the delivery (and with it the event log), and the timers of reads; the server owns the
/// connections. Decides nothing itself.
final class EventService: VarlinkInterface {
    let description: InterfaceDescription
    /// What `GetStatus` tells; set by the daemon, which knows all parts.
    var status: ((SocketAccess.View) -> DaemonStatus)?
    /// Logs what has happened and nobody waited for; set by the daemon.
    var catchUp: (() -> Void)?
    /// Hears which types of events sessions wait for, when that has changed; set by the daemon.
    var awaitedTypesChanged: ((Set<EventType>) -> Void)?

    private var delivery: Delivery

    private let eventLoop: any EventLoop
    private let access: SocketAccess
    private let heap: RestingHeap
    /// By their slots.
    private var connections: [ServerConnection?] = []
    private var timers: [TimerKey: Scheduled<Void>] = [:]
    /// What inputs asked for and is not done.
    private var actions = DeliveryActions()
    /// Empty: memory for actions while others are performed.
    private var spareActions = DeliveryActions()
    private var isPerforming = false
    /// Streams whose scan of the log had its turn. Each examines thousands of events in one: so a few in a tick. One
    /// that is gone takes nobody's turn, so that those whom clients begin and cancel do not pile up before others.
    private lazy var scans = LaterTurns<StreamID>(on: eventLoop, atMost: 4) { [weak self] stream in
        guard let self else { return 0 }
        guard delivery.resume(stream, &actions) else { return 0 }
        perform()
        return 1
    }

    private struct TimerKey: Hashable {
        let connection: TocsinDelivery.ConnectionID
        let call: TocsinDelivery.CallID
    }

    init(
        on eventLoop: any EventLoop, delivery: consuming Delivery, access: SocketAccess, heap: RestingHeap
    ) throws {
        description = try InterfaceDescription(parsing: InterfaceText.events)
        self.eventLoop = eventLoop
        self.delivery = delivery
        self.access = access
        self.heap = heap
    }

    // MARK: Events

    /// Logs an event and completes who waits for it.
    /// - Parameters:
    ///   - event: of which `nextCursor` was the cursor.
    ///   - passage: what was left out of its encoding.
    /// - Returns: the cursor of the next.
    func publish(
        _ event: borrowing Event, json: Span<UInt8>, passage: borrowing Passage = Passage(), origin: EventOrigin? = nil
    ) -> Cursor {
        let next = delivery.append(event, json: json, passage: passage, origin: origin, &actions)
        perform()
        heap.eventLogged()
        return next
    }

    var nextSequence: UInt64 { delivery.log.nextSequence }
    /// See `EventLog.position(ofSource:)`.
    func position(ofSource source: Int) -> UInt64 { delivery.log.position(ofSource: source) }
    func forgetPosition(ofSource source: Int) { delivery.forgetPosition(ofSource: source) }
    /// Of the next event.
    var nextCursor: Cursor { delivery.log.nextCursor }
    func deliveryStatus(for view: SocketAccess.View) -> DeliveryStatus { DeliveryStatus(delivery, for: view) }

    // MARK: Calls

    func options(of method: String) -> MethodOptions {
        switch method {
        case "Read": [.pendsTogether, .takesRuns]
        case "Subscribe": .requiresMore
        default: []
        }
    }

    func call(_ call: ServerCall) {
        let connection = TocsinDelivery.ConnectionID(call.connection)
        // What nobody was woken for has its number before: whoever begins with the next event is not told of it.
        if call.method == "GetStatus" || !delivery.hasSession(connection) {
            // What calls before it led to is done before another event.
            perform()
            catchUp?()
        }
        do throws(DeliveryError) {
            try dispatch(call, connection)
        } catch {
            for id in call.ids { fail(call.connection, id, error) }
        }
    }

    /// Reads that came together are completed together.
    func callsEnded(on connection: ServerConnection) {
        perform()
        tellAwaitedTypes()
    }

    private func tellAwaitedTypes() {
        if let types = delivery.takeAwaitedTypes() { awaitedTypesChanged?(types) }
    }

    private func dispatch(_ call: ServerCall, _ connection: TocsinDelivery.ConnectionID) throws(DeliveryError) {
        let id = TocsinDelivery.CallID(call.id.rawValue)
        let parameters = call.parameters
        switch call.method {
        case "Read":
            // Nobody would get the event.
            guard !call.isOneway else { return }
            delivery.read(connection, id, count: call.ids.count, try ReadRequest(parameters), &actions)
        case "Open":
            let opened = try delivery.open(connection, try OpenRequest(parameters))
            let limits = delivery.limits
            let maxBytes = delivery.log.maximumEventBytes
            call.reply {
                $0.member("session", opened.session)
                $0.member("cursor", opened.cursor.description)
                $0.member("maxPendingReads", limits.pendingReads)
                $0.member("maxBytes", maxBytes)
            }
        case "Subscribe":
            let request = try OpenRequest(parameters)
            try delivery.subscribe(
                connection, id, filter: request.filter, after: request.after, overflow: request.overflow, &actions)
        case "Cancel":
            let session = parameters["session"]?.stringValue ?? ""
            let count = try delivery.cancel(session: session, by: connection, &actions)
            call.reply { $0.member("cancelled", count) }
        case "GetStatus":
            let status = status?(access.view(of: call.connection.peer))
            call.reply { status?.write(into: &$0) }
        default:
            call.fail(.methodNotImplemented(call.method))
        }
    }

    // MARK: Connections

    func connectionOpened(_ connection: ServerConnection) {
        let id = TocsinDelivery.ConnectionID(connection)
        while id.slot >= connections.count { connections.append(nil) }
        connections[id.slot] = connection
        let peer = connection.peer
        delivery.connectionOpened(
            id,
            peer: Peer(uid: peer.uid, pid: peer.pid, seesOwnEventsOnly: access.view(of: peer) == .ownEvents(peer.uid)))
    }

    func connectionClosed(_ connection: ServerConnection) {
        let id = TocsinDelivery.ConnectionID(connection)
        connections[id.slot] = nil
        delivery.connectionClosed(id, &actions)
        perform()
        tellAwaitedTypes()
        heap.connectionEnded()
    }

    func connectionBecameWritable(_ connection: ServerConnection) {
        let id = TocsinDelivery.ConnectionID(connection)
        delivery.writabilityChanged(id, isWritable: true, &actions)
        perform()
    }

    func connectionQueueChanged(_ connection: ServerConnection, bytes: Int) {
        delivery.queueChanged(TocsinDelivery.ConnectionID(connection), bytes: bytes, &actions)
        perform()
    }

    func serverIsShuttingDown() {
        delivery.drain(&actions)
        perform()
    }

    // MARK: Actions

    /// Does what the latest inputs asked for. An action's own consequence (a connection that closes, a socket that is
    /// full) is an input of its own, whose actions come behind those that are left.
    private func perform() {
        guard !isPerforming, !actions.isEmpty else { return }
        isPerforming = true
        defer { isPerforming = false }
        var batch = DeliveryActions()
        swap(&batch, &spareActions)
        while !actions.isEmpty {
            swap(&batch, &actions)
            batch.forEach(
                completions: { completions in
                    for full in delivery.reply(with: completions, of: batch, to: connections) {
                        delivery.writabilityChanged(full, isWritable: false, &actions)
                    }
                }, other: perform)
            batch.removeAll()
        }
        swap(&batch, &spareActions)
    }

    private func perform(_ action: DeliveryAction) {
        switch action {
        case .ready(let connection, let call, let cursor):
            client(connection)?.reply(to: Varlink.CallID(rawValue: call.rawValue), continues: true) {
                $0.member("ready", true)
                $0.member("cursor", cursor.description)
            }
        case .fail(let connection, let call, let error):
            guard let connection = client(connection) else { return }
            fail(connection, Varlink.CallID(rawValue: call.rawValue), error)
        case .startTimer(let connection, let call, let milliseconds):
            let timer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
                self.timerFired(connection, call)
            }
            timers[TimerKey(connection: connection, call: call)] = timer
        case .cancelTimer(let connection, let call):
            timers.removeValue(forKey: TimerKey(connection: connection, call: call))?.cancel()
        case .disconnect(let connection):
            client(connection)?.close()
        case .resumeLater(let stream):
            scans.append(stream)
        }
    }

    /// Nil once it is closed.
    private func client(_ id: TocsinDelivery.ConnectionID) -> ServerConnection? { connections[id] }

    private func timerFired(_ connection: TocsinDelivery.ConnectionID, _ call: TocsinDelivery.CallID) {
        timers.removeValue(forKey: TimerKey(connection: connection, call: call))
        delivery.timerFired(connection, call, &actions)
        perform()
    }
}

extension [ServerConnection?] {
    /// Nil once it is closed.
    subscript(id: TocsinDelivery.ConnectionID) -> ServerConnection? {
        guard id.slot < count, let client = self[id.slot] else { return nil }
        return client.id.number == id.number ? client : nil
    }
}

extension TocsinDelivery.ConnectionID {
    init(_ connection: ServerConnection) { self.init(connection.id.number, slot: connection.id.slot) }
}
