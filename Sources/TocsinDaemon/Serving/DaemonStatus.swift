import JSON
import TocsinDelivery
import TocsinEvents
import TocsinSensors
import Varlink

/// What `GetStatus` tells, gathered from all parts at one moment.
///
/// Who sees its own events only is told how the daemon is, and the counts of its own sessions. A count over all users
/// is told only where the numbers of events say it anyway.
struct DaemonStatus {
    var view: SocketAccess.View
    var bootID: String
    var state: State
    var sources: [SourceRunner.Status]
    var delivery: DeliveryStatus
    var pipeline: EventPipeline.Statistics
    /// Entries that never reached the journal.
    var lostJournal: UInt64
    var server: ServerCounters
    var rules: Int
    /// Beside those of server and delivery.
    var refusals: [(name: String, count: UInt64)]

    enum State: String { case running, stopping }

    func write(into json: inout JSONWriter) {
        json.member("version", Version.current)
        json.member("instance", hexadecimal(delivery.instance))
        json.member("bootId", bootID)
        json.member("state", state.rawValue)
        json.name("sources")
        json.beginArray()
        for source in sources { write(source, into: &json) }
        json.endArray()
        json.member("lastSequence", delivery.lastSequence)
        json.member("oldestCursor", delivery.oldestCursor.description)
        if seesAll { json.member("logBytes", delivery.logBytes) }
        json.member("logCapacity", delivery.logCapacity)
        json.member("seen", pipeline.seen)
        json.member("delivered", delivery.delivered)
        if seesAll { json.member("lostKernel", pipeline.lostKernel) }
        json.member("lostDaemon", delivery.lost)
        if seesAll { json.member("lostJournal", lostJournal) }
        json.name("refused")
        json.beginObject()
        for (name, count) in allRefusals where count > 0 && seesAll {
            json.name(dynamic: name)
            json.integer(count)
        }
        json.endObject()
        json.member("sessionCount", delivery.sessionCount)
        json.member("pendingReads", delivery.pendingReads)
        json.member("rules", rules)
        guard let sessions = delivery.sessions else { return }
        json.name("sessions")
        json.beginArray()
        for session in sessions { write(session, into: &json) }
        json.endArray()
    }

    private var seesAll: Bool {
        if case .ownEvents = view { false } else { true }
    }

    /// By the name of the limit or rule that refused.
    private var allRefusals: [(name: String, count: UInt64)] {
        [
            ("connections", server.connectionsOverLimit), ("connectionsPerUser", server.connectionsOverUserLimit),
            ("access", server.connectionsDenied), ("accept", server.acceptFailures),
            ("messageSize", server.messagesTooLong), ("malformedMessage", server.messagesMalformed),
            ("call", server.callsRefused),
        ]
            + DeliveryLimits.Name.allCases.map { ($0.rawValue, delivery.refused[$0] ?? 0) } + refusals
    }

    private func write(_ source: SourceRunner.Status, into json: inout JSONWriter) {
        json.beginObject()
        json.member("name", source.name.rawValue)
        json.member("state", source.state.rawValue)
        if seesAll {
            json.member("seen", source.statistics.seen)
            json.member("lost", source.statistics.lost)
        }
        json.member("note", source.note)
        if !source.statistics.records.isEmpty { write(counts: source.statistics, into: &json) }
        json.endObject()
    }

    private func write(counts statistics: SourceStatistics, into json: inout JSONWriter) {
        json.name("records")
        json.beginArray()
        for count in statistics.records {
            json.beginObject()
            json.member("type", count.type.rawValue)
            json.member("seen", count.seen)
            json.member("submitted", count.submitted)
            json.member("lost", count.lost)
            json.member("delivered", count.delivered)
            json.endObject()
        }
        json.endArray()
        json.member("undecodable", statistics.undecodable)
        json.member("shortened", statistics.shortened)
        json.member("skipped", statistics.skipped)
    }

    private func write(_ session: SessionStatus, into json: inout JSONWriter) {
        json.beginObject()
        json.member("session", session.session)
        json.member("pid", session.pid)
        json.member("uid", session.uid)
        json.member("group", session.group)
        json.member("pendingReads", session.pendingReads)
        json.member("queued", session.queued)
        json.member("delivered", session.delivered)
        json.member("lost", session.lost)
        json.endObject()
    }
}

/// What the delivery tells of itself.
struct DeliveryStatus {
    var instance: UInt64
    var lastSequence: UInt64
    var oldestCursor: Cursor
    var logBytes: Int
    var logCapacity: Int
    var delivered: UInt64
    var lost: UInt64
    var refused: [DeliveryLimits.Name: UInt64]
    var sessionCount: Int
    var pendingReads: Int
    /// nil where they are not shown.
    var sessions: [SessionStatus]?

    init(_ delivery: borrowing Delivery, for view: SocketAccess.View) {
        instance = delivery.log.instance
        lastSequence = delivery.nextSequence - 1
        oldestCursor = delivery.oldestCursor
        logBytes = delivery.log.heldBytes
        logCapacity = delivery.log.totalCapacity
        refused = delivery.statistics.refused
        if case .ownEvents(let uid) = view {
            let own = delivery.figures(ofUser: uid)
            (delivered, lost) = (own.delivered, own.lost)
            (sessionCount, pendingReads) = (own.sessions, own.pendingReads)
        } else {
            (delivered, lost) = (delivery.statistics.delivered, delivery.statistics.lost)
            (sessionCount, pendingReads) = (delivery.sessionCount, delivery.pendingReadCount)
        }
        sessions = view == .root ? delivery.sessionStatus : nil
    }
}

private func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
