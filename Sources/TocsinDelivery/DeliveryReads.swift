internal import TocsinEvents

// What clients and their timers do to pending reads.

extension Delivery {
    /// Completes now, or pends. Without `open` before, the session sees every event from now on.
    ///
    /// - Parameter count: of reads that ask for the same one after another, numbered from `call` on.
    package mutating func read(
        _ id: ConnectionID, _ call: CallID, count: Int = 1, _ request: ReadRequest = ReadRequest(),
        _ actions: inout DeliveryActions
    ) {
        for number in 0..<UInt64(count) {
            let call = CallID(call.rawValue + number)
            do throws(DeliveryError) {
                let slot = try enqueue(id, call, request)
                pump(sessions[slot].stream, &actions)
            } catch {
                actions.append(.fail(id, call, error))
            }
        }
    }

    private mutating func enqueue(_ id: ConnectionID, _ call: CallID, _ request: ReadRequest) throws(DeliveryError)
        -> Int
    {
        guard let connection = connections[id], !connection.isDisconnected else { throw .notConnected }
        if let timeout = request.timeoutMSec, timeout < 0 {
            throw .invalidParameter(name: "timeoutMSec", reason: "a time is not negative")
        }
        if let maxBytes = request.maxBytes, maxBytes <= 0 {
            throw .invalidParameter(name: "maxBytes", reason: "an event has bytes")
        }
        if let slot = connection.session, let cursor = request.acknowledge { try acknowledge(cursor, slot) }
        guard !isDraining else {
            if let slot = connection.session { throw .shuttingDown(resumeCursor(ofSession: slot)) }
            throw .shuttingDown(cursor(at: log.nextSequence - 1))
        }
        if connection.session == nil, request.acknowledge != nil {
            throw .invalidParameter(name: "acknowledge", reason: "the session is in no group")
        }
        let slot = if let slot = connection.session { slot } else { try makeSession(id, OpenRequest()) }
        guard sessions[slot].subscription == nil else { throw .alreadyOpen }
        let waiting = sessions[slot].reads.count
        try check(waiting < limits.pendingReads, .pendingReads, limits.pendingReads)
        let user = sessions[slot].user
        try check(
            loads.pendingReads(user) < limits.pendingReadsPerUser, .pendingReadsPerUser, limits.pendingReadsPerUser)
        try check(
            waiting + sessions[slot].unacknowledged.count < limits.unacknowledged, .unacknowledged,
            limits.unacknowledged)
        loads.add(pendingReads: 1, to: user)
        sessions[slot].reads.append(
            PendingRead(
                call: call, timeoutMSec: request.timeoutMSec,
                maxBytes: request.maxBytes.flatMap(Int.init(exactly:)) ?? .max,
                allowTruncation: request.allowTruncation, ticket: nextNumber()))
        return slot
    }

    /// Removes the session's first read: it pends no more.
    mutating func takeRead(_ slot: Int) -> PendingRead? {
        guard let read = sessions[slot].reads.popFirst() else { return nil }
        loads.add(pendingReads: -1, to: sessions[slot].user)
        return read
    }

    /// The time of a read is over. A timer that fired while its read was completed or removed is ignored.
    package mutating func timerFired(_ id: ConnectionID, _ call: CallID, _ actions: inout DeliveryActions) {
        guard let slot = connections[id]?.session, let head = sessions[slot].reads.first, head.call == call,
            head.hasTimer
        else { return }
        _ = takeRead(slot)
        statistics.timedOut += 1
        actions.append(.fail(id, call, .timedOut))
        // The next read has reached the head.
        pump(sessions[slot].stream, &actions)
    }

    /// Completes all that pends of a session with `Cancelled`, for another connection of its user, or for root.
    ///
    /// - Returns: how many calls that ended.
    package mutating func cancel(
        session name: String, by id: ConnectionID, _ actions: inout DeliveryActions
    ) throws(DeliveryError) -> Int {
        guard let peer = connections[id]?.peer else { throw .notConnected }
        // Whether a name belongs to somebody else or to nobody is the same answer.
        guard let number = name.split(separator: "-").last.flatMap({ UInt64($0) }),
            self.name(ofSession: number) == name,
            let slot = sessionNumbers[number], peer.uid == 0 || peer.uid == sessions[slot].peer.uid
        else { throw .noSuchSession }
        let count = failAll(slot, .cancelled, &actions)
        statistics.cancelled += UInt64(count)
        return count
    }

    /// The daemon ends: everything that pends completes with `ShuttingDown` and the cursor to resume with, and so does
    /// what comes later. Events are still logged.
    package mutating func drain(_ actions: inout DeliveryActions) {
        isDraining = true
        for slot in sessions.indices where sessions.contains(slot) {
            failAll(slot, .shuttingDown(resumeCursor(ofSession: slot)), &actions)
        }
    }

    @discardableResult
    private mutating func failAll(_ slot: Int, _ error: DeliveryError, _ actions: inout DeliveryActions) -> Int {
        let connection = sessions[slot].connection
        let count = sessions[slot].reads.count
        while let read = takeRead(slot) {
            if read.hasTimer { actions.append(.cancelTimer(connection, read.call)) }
            actions.append(.fail(connection, read.call, error))
        }
        guard let call = sessions[slot].subscription else { return count }
        actions.append(.fail(connection, call, error))
        // A subscription is the session: the connection may begin another.
        removeSession(slot, &actions)
        return count + 1
    }
}
