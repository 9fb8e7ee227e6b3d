/// Counters since start, and what waits now.
package struct DeliveryStatistics: Hashable, Sendable {
    /// Events given a number.
    package var appended: UInt64 = 0
    /// Completions with an event or a gap.
    package var delivered: UInt64 = 0
    /// Events that sessions and groups missed because they left the log first.
    package var lost: UInt64 = 0
    package var timedOut: UInt64 = 0
    package var cancelled: UInt64 = 0
    package var bufferTooSmall: UInt64 = 0
    /// Events shortened to honour a reader's `maxBytes`.
    package var shortened: UInt64 = 0
    /// Events larger than the log takes, shortened before they were logged.
    package var shortenedInLog: UInt64 = 0
    /// Events larger than the log takes, of which only a gap was logged.
    package var oversized: UInt64 = 0
    /// Events given to another member because the first left without acknowledging.
    package var redelivered: UInt64 = 0
    /// Sessions closed because they fell behind.
    package var disconnected: UInt64 = 0
    /// Groups without members forgotten to make room.
    package var groupsForgotten: UInt64 = 0
    /// Refusals by limit.
    package var refused: [DeliveryLimits.Name: UInt64] = [:]

    package init() {}
}

/// One session, for `GetStatus`.
package struct SessionStatus: Hashable, Sendable {
    package var session: String
    package var pid: Int32
    package var uid: UInt32
    package var group: String?
    package var pendingReads: Int
    /// Events in the log that it has not examined, before the filter.
    package var queued: UInt64
    package var delivered: UInt64
    /// Of its group where it has one.
    package var lost: UInt64
}

/// What one user's sessions amount to.
package struct UserFigures: Hashable, Sendable {
    package var sessions = 0
    package var pendingReads = 0
    package var delivered: UInt64 = 0
    package var lost: UInt64 = 0
}

extension Delivery {
    package var sessionCount: Int { sessionNumbers.count }
    package var groupCount: Int { groups.count }
    package var pendingReadCount: Int {
        var count = 0
        for slot in sessions.indices where sessions.contains(slot) { count += sessions[slot].pendingCalls }
        return count
    }

    /// Counts of the sessions that one user has now: what it may know of the delivery that sees its own events only.
    package func figures(ofUser uid: UInt32) -> UserFigures {
        var figures = UserFigures()
        for slot in sessions.indices where sessions.contains(slot) && sessions[slot].peer.uid == uid {
            figures.sessions += 1
            figures.pendingReads += sessions[slot].pendingCalls
            figures.delivered += sessions[slot].delivered
        }
        for slot in streams.indices where streams.contains(slot) {
            guard let member = streams[slot].members.first, sessions[member].peer.uid == uid else { continue }
            figures.lost += streams[slot].lost
        }
        return figures
    }

    /// Every session, oldest first.
    package var sessionStatus: [SessionStatus] {
        sessionNumbers.sorted { $0.key < $1.key }.map { number, slot in
            let stream = sessions[slot].stream
            return SessionStatus(
                session: name(ofSession: number), pid: sessions[slot].peer.pid, uid: sessions[slot].peer.uid,
                group: streams[stream].group?.name, pendingReads: sessions[slot].pendingCalls,
                queued: log.nextSequence - streams[stream].next + UInt64(streams[stream].redelivery.count),
                delivered: sessions[slot].delivered, lost: streams[stream].lost)
        }
    }
}
