public import JSON
public import TocsinEvents

/// The daemon's state, as `GetStatus` tells it.
public struct Status: Hashable, Sendable {
    public var version: String
    /// One life of the event log; the first half of every cursor.
    public var instance: String
    public var bootID: String
    public var state: String
    public var sources: [Source]
    public var lastSequence: UInt64
    /// nil while the log is empty.
    public var oldestCursor: Cursor?
    /// Bytes that events occupy in the log, of `logCapacity`. This and other counts that tell of all users are nil for
    /// a user who sees its own events only; the rest are then of that user's sessions.
    public var logBytes: UInt64?
    public var logCapacity: UInt64
    /// Events detected, and events handed to readers, since the start.
    public var seen: UInt64
    public var delivered: UInt64
    public var lostKernel: UInt64?
    public var lostDaemon: UInt64
    public var lostJournal: UInt64?
    /// How often each limit refused something, by the limit's name, in the daemon's order.
    public var refused: [Refusal]
    public var sessionCount: Int
    public var pendingReads: Int
    public var rules: Int
    /// nil unless root asks.
    public var sessions: [Session]?
    /// The reply as it came, with the members that this version does not know.
    public var json: JSONValue

    public struct Source: Hashable, Sendable {
        public var name: String
        public var state: String
        /// Records taken from the kernel, and records the kernel had to drop.
        public var seen: UInt64?
        public var lost: UInt64?
        /// What this source can miss, or why it does not run.
        public var note: String?
        /// Of each type, where the kernel's side counts them, as the probes do; else nil.
        public var records: [RecordCount]?
        /// Records that could not be read; they are among `lost`.
        public var undecodable: UInt64?
        /// Executions told with less than all of their arguments, because the queue had no room for more.
        public var shortened: UInt64?
        /// Times the kernel did not run a probe, because it was running on that processor; nil where the daemon may not
        /// know. Once told in a gap, they are among `lost`.
        public var skipped: UInt64?
    }

    /// The records of one type in the kernel's queue, as long as that lives, which may be longer than the daemon.
    ///
    /// `seen == submitted + lost`, and what was submitted is delivered, undecodable or still in the queue.
    public struct RecordCount: Hashable, Sendable {
        public var type: EventType
        public var seen: UInt64
        public var submitted: UInt64
        public var lost: UInt64
        public var delivered: UInt64
    }

    public struct Refusal: Hashable, Sendable {
        public var limit: String
        public var count: UInt64
    }

    public struct Session: Hashable, Sendable {
        public var session: String
        public var pid: Int32
        public var uid: UInt32
        public var group: String?
        public var pendingReads: Int
        public var queued: UInt64
        public var delivered: UInt64
        public var lost: UInt64
    }
}

// MARK: - Decoding

extension Status {
    /// Throws `MemberError` where a required member is missing or one has the wrong type.
    public init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        version = try members.required(string: "version")
        instance = try members.required(string: "instance")
        bootID = try members.required(string: "bootId")
        state = try members.required(string: "state")
        sources = []
        for (index, value) in (try members.array("sources") ?? []).enumerated() {
            do { sources.append(try Source(json: value)) } catch { throw error.inside("sources[\(index)]") }
        }
        lastSequence = try members.required(integer: "lastSequence")
        oldestCursor = try members.cursor("oldestCursor")
        logBytes = try members.integer("logBytes")
        logCapacity = try members.required(integer: "logCapacity")
        seen = try members.required(integer: "seen")
        delivered = try members.required(integer: "delivered")
        lostKernel = try members.integer("lostKernel")
        lostDaemon = try members.required(integer: "lostDaemon")
        lostJournal = try members.integer("lostJournal")
        refused = []
        if let value = members.value("refused") {
            do { refused = try Self.refusals(value) } catch { throw error.inside("refused") }
        }
        sessionCount = try members.required(integer: "sessionCount")
        pendingReads = try members.required(integer: "pendingReads")
        rules = try members.required(integer: "rules")
        if let values = try members.array("sessions") {
            var sessions: [Session] = []
            for (index, value) in values.enumerated() {
                do { sessions.append(try Session(json: value)) } catch { throw error.inside("sessions[\(index)]") }
            }
            self.sessions = sessions
        }
        self.json = json
    }

    private static func refusals(_ value: JSONValue) throws(MemberError) -> [Refusal] {
        guard let object = value.objectValue else { throw MemberError(member: "", expected: "an object") }
        let members = MemberReader(object)
        var refusals: [Refusal] = []
        for (limit, _) in object.members {
            refusals.append(Refusal(limit: limit, count: try members.required(integer: limit)))
        }
        return refusals
    }
}

extension Status.Source {
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        name = try members.required(string: "name")
        state = try members.required(string: "state")
        seen = try members.integer("seen")
        lost = try members.integer("lost")
        note = try members.string("note")
        if let values = try members.array("records") {
            var records: [Status.RecordCount] = []
            for (index, value) in values.enumerated() {
                do { records.append(try Status.RecordCount(json: value)) } catch {
                    throw error.inside("records[\(index)]")
                }
            }
            self.records = records
        }
        undecodable = try members.integer("undecodable")
        shortened = try members.integer("shortened")
        skipped = try members.integer("skipped")
    }
}

extension Status.RecordCount {
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        type = EventType(rawValue: try members.required(string: "type"))
        seen = try members.required(integer: "seen")
        submitted = try members.required(integer: "submitted")
        lost = try members.required(integer: "lost")
        delivered = try members.required(integer: "delivered")
    }
}

extension Status.Session {
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        session = try members.required(string: "session")
        pid = try members.required(integer: "pid")
        uid = try members.required(integer: "uid")
        group = try members.string("group")
        pendingReads = try members.required(integer: "pendingReads")
        queued = try members.required(integer: "queued")
        delivered = try members.required(integer: "delivered")
        lost = try members.required(integer: "lost")
    }
}
