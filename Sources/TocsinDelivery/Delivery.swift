package import TocsinEvents

/// Brings numbered events to those who wait for them: the event log, sessions, pending reads, groups.
///
/// A state machine without clock and I/O. It owns the log and everything that clients are owed; it must not own a
/// descriptor, a thread or a reply half written. Inputs append what is to be done to a list that the caller reuses;
/// the caller does all of it, in order, before the next event. Everything runs on one event loop.
///
/// Every read is completed, failed or removed with its connection: exactly one of these, exactly once.
package struct Delivery: ~Copyable {
    package internal(set) var log: EventLog
    package let limits: DeliveryLimits
    package internal(set) var statistics = DeliveryStatistics()
    package internal(set) var isDraining = false

    struct Connection {
        let peer: Peer
        /// Slot of its session.
        var session: Int?
        /// Told to go, because its session fell behind.
        var isDisconnected = false
    }

    var connections = ConnectionTable<Connection>()
    var sessions = Slots<Session>()
    var streams = Slots<Stream>()
    var sessionNumbers: [UInt64: Int] = [:]
    var groups: [GroupKey: Int] = [:]
    var loads = UserLoads()
    var awaited = AwaitedTypes()
    /// Sessions, reads, streams and abandoned groups are numbered from one counter. It begins where no earlier process
    /// of this log can have come to, so that a session's name from before a restart means no session of now.
    private var counter: UInt64

    package init(log: consuming EventLog, limits: DeliveryLimits = DeliveryLimits()) {
        counter = (log.run - 1) << 32
        self.log = log
        self.limits = limits
        resumeGroups()
    }

    // MARK: Connections

    package mutating func connectionOpened(_ id: ConnectionID, peer: Peer) {
        connections[id] = Connection(peer: peer)
    }

    /// The connection is gone: its pending reads are removed and get no reply. What it did not acknowledge goes to
    /// another member of its group.
    package mutating func connectionClosed(_ id: ConnectionID, _ actions: inout DeliveryActions) {
        guard let connection = connections[id] else { return }
        connections[id] = nil
        if let slot = connection.session { removeSession(slot, &actions) }
    }

    /// Binds the connection to a session. Needed for a filter, a group or a place to begin; the first read makes
    /// an ordinary session otherwise.
    package mutating func open(_ id: ConnectionID, _ request: OpenRequest) throws(DeliveryError) -> Opened {
        let slot = try makeSession(id, request)
        return opened(slot)
    }

    /// A session whose demand is whatever its socket takes. The first action is `ready`.
    package mutating func subscribe(
        _ id: ConnectionID, _ call: CallID, filter: Filter? = nil, after: Cursor? = nil, overflow: Overflow? = nil,
        _ actions: inout DeliveryActions
    ) throws(DeliveryError) {
        let slot = try makeSession(id, OpenRequest(filter: filter, after: after, overflow: overflow))
        sessions[slot].subscription = call
        actions.append(.ready(id, call, cursor: opened(slot).cursor))
        pump(sessions[slot].stream, &actions)
    }

    /// A subscription's socket takes more, or does not. That it takes more must be told, too, after it was given
    /// `subscriptionBudget` bytes at once.
    package mutating func writabilityChanged(
        _ id: ConnectionID, isWritable: Bool, _ actions: inout DeliveryActions
    ) {
        guard let slot = connections[id]?.session else { return }
        sessions[slot].isWritable = isWritable
        if isWritable { pump(sessions[slot].stream, &actions) }
    }

    /// What waits for a connection's client in bytes, whenever that has changed; also after the connection is closed,
    /// until it is nothing. In between the delivery counts what it gives.
    package mutating func queueChanged(_ id: ConnectionID, bytes: Int, _ actions: inout DeliveryActions) {
        guard let slot = connections[id]?.session else {
            if let user = loads.set(queuedBytes: bytes, on: id) { unstall(user, &actions) }
            return
        }
        let change = bytes - sessions[slot].queuedBytes
        guard change != 0 else { return }
        sessions[slot].queuedBytes = bytes
        loads.add(queuedBytes: change, to: sessions[slot].user)
        guard change < 0 else { return }
        let stream = sessions[slot].stream
        if bytes == 0, streams[stream].isStalled { pump(stream, &actions) }
        if sessions.contains(slot) { unstall(sessions[slot].user, &actions) }
    }

    // MARK: Names and positions

    /// The number that the next event is given, at detection.
    package var nextSequence: UInt64 { log.nextSequence }

    /// See `EventLog.forgetPosition(ofSource:)`.
    package mutating func forgetPosition(ofSource source: Int) { log.forgetPosition(ofSource: source) }

    package func cursor(at sequence: UInt64) -> Cursor { Cursor(instance: log.instance, sequence: sequence) }

    /// Who resumes behind it gets the oldest event of the log.
    package var oldestCursor: Cursor { cursor(at: log.oldestSequence - 1) }

    /// Where the session begins, or resumes so that it misses nothing it has not been told of.
    func resumeCursor(ofSession slot: Int) -> Cursor {
        let stream = sessions[slot].stream
        var next = streams[stream].next
        if let loss = streams[stream].loss { next = min(next, loss.first) }
        if let sequence = streams[stream].redelivery.first { next = min(next, sequence) }
        for member in streams[stream].members {
            for given in sessions[member].unacknowledged { next = min(next, given.loss?.first ?? given.sequence) }
        }
        return cursor(at: next - 1)
    }

    /// `INSTANCE-NUMBER`: a name from before a restart never means a session of now.
    func name(ofSession number: UInt64) -> String {
        let digits = String(log.instance, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits + "-\(number)"
    }

    private func opened(_ slot: Int) -> Opened {
        Opened(session: name(ofSession: sessions[slot].number), cursor: resumeCursor(ofSession: slot))
    }

    mutating func nextNumber() -> UInt64 {
        counter += 1
        return counter
    }

    // MARK: Sessions and streams

    /// Makes the connection's session: with a stream of its own, or as a member of a group.
    mutating func makeSession(_ id: ConnectionID, _ request: OpenRequest) throws(DeliveryError) -> Int {
        guard let connection = connections[id], !connection.isDisconnected else { throw .notConnected }
        guard connection.session == nil else { throw .alreadyOpen }
        guard !isDraining else { throw .shuttingDown(cursor(at: log.nextSequence - 1)) }
        try check(sessionCount < limits.sessions, .sessions, limits.sessions)
        let stream =
            if let group = request.group {
                try joinedGroup(GroupKey(connection.peer, name: group), connection.peer, request)
            } else {
                try makeStream(connection.peer, request)
            }
        let number = nextNumber()
        let slot = sessions.insert(
            Session(
                connection: id, number: number, peer: connection.peer, stream: stream,
                load: loads.enter(connection.peer.uid, on: id)))
        sessionNumbers[number] = slot
        connections[id]!.session = slot
        if streams[stream].members.isEmpty { awaited.enter(streams[stream].filter) }
        streams[stream].members.append(slot)
        return slot
    }

    /// Removes a session with its pending reads; no reply goes out.
    mutating func removeSession(_ slot: Int, _ actions: inout DeliveryActions) {
        let session = sessions.remove(slot)
        for read in session.reads where read.hasTimer { actions.append(.cancelTimer(session.connection, read.call)) }
        loads.leave(
            session.user, on: session.connection, pendingReads: session.reads.count, queuedBytes: session.queuedBytes)
        sessionNumbers[session.number] = nil
        connections[session.connection]?.session = nil
        streams[session.stream].members.removeAll { $0 == slot }
        if streams[session.stream].members.isEmpty { awaited.leave(streams[session.stream].filter) }
        if streams[session.stream].group == nil {
            removeStream(session.stream)
        } else {
            leaveGroup(session, &actions)
        }
    }

    mutating func makeStream(_ peer: Peer, _ request: OpenRequest, group: GroupKey? = nil) throws(DeliveryError) -> Int
    {
        let generation = nextNumber()
        let filter = try compile(request.filter, peer)
        return streams.insert(
            Stream(
                generation: generation, filter: filter, overflow: request.overflow ?? .dropOldest, group: group,
                groupFilter: request.filter ?? Filter(), restrictedTo: peer.restrictedTo,
                next: try start(after: request.after)))
    }

    mutating func removeStream(_ slot: Int) { _ = streams.remove(slot) }

    func isCurrent(_ id: StreamID) -> Bool {
        streams.contains(id.slot) && streams[id.slot].generation == id.generation
    }

    /// Counts the refusal.
    mutating func check(_ holds: Bool, _ limit: DeliveryLimits.Name, _ value: Int) throws(DeliveryError) {
        guard !holds else { return }
        statistics.refused[limit, default: 0] += 1
        throw .limitExceeded(limit, value: value)
    }

    /// The first event behind `after`; without it, the next that happens.
    private func start(after: Cursor?) throws(DeliveryError) -> UInt64 {
        guard let after else { return log.nextSequence }
        guard after.instance == log.instance else { throw .cursorExpired(oldest: oldestCursor, lost: nil) }
        guard after.sequence < log.nextSequence else {
            throw .invalidParameter(name: "after", reason: "no event has the number \(after.sequence) yet")
        }
        guard after.sequence + 1 >= log.oldestSequence else {
            throw .cursorExpired(oldest: oldestCursor, lost: log.oldestSequence - 1 - after.sequence)
        }
        return after.sequence + 1
    }

    private mutating func compile(_ filter: Filter?, _ peer: Peer) throws(DeliveryError) -> CompiledFilter {
        do throws(FilterError) {
            return try CompiledFilter(
                filter ?? Filter(), restrictedToUID: peer.restrictedTo, limits: limits.filter)
        } catch {
            switch error {
            case .invalid(let member, let reason):
                throw .invalidParameter(name: "filter.\(member)", reason: reason)
            case .tooMany(let member, let limit):
                let name: DeliveryLimits.Name =
                    switch member {
                    case .types: .filterTypes
                    case .paths: .filterPaths
                    case .excludePaths: .filterExcludePaths
                    case .uids: .filterUids
                    case .patternBytes: .filterPatternBytes
                    }
                statistics.refused[name, default: 0] += 1
                throw .limitExceeded(name, value: limit)
            }
        }
    }
}
