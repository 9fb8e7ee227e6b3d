package import TocsinEvents

/// One connection, as the caller numbers them; never used again after it closed.
package struct ConnectionID: Hashable, Sendable {
    package let number: UInt64
    /// Its place among the open connections: a small number, which another gets once it is closed.
    package let slot: Int

    package init(_ number: UInt64, slot: Int) {
        self.number = number
        self.slot = slot
    }
}

/// One call of a connection that will be answered later; never used again.
package struct CallID: Hashable, Sendable {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// Who is at the other end, read once at accept.
package struct Peer: Hashable, Sendable {
    package var uid: UInt32
    package var pid: Int32
    /// Only events of its own user, and no others, whatever it asks for. See `OwnEventView`.
    package var seesOwnEventsOnly: Bool

    package init(uid: UInt32, pid: Int32, seesOwnEventsOnly: Bool = false) {
        self.uid = uid
        self.pid = pid
        self.seesOwnEventsOnly = seesOwnEventsOnly
    }

    var restrictedTo: UInt32? { seesOwnEventsOnly ? uid : nil }
}

/// What `Open` asks for.
package struct OpenRequest: Sendable {
    package var filter: Filter?
    package var group: String?
    package var after: Cursor?
    package var overflow: Overflow?

    package init(filter: Filter? = nil, group: String? = nil, after: Cursor? = nil, overflow: Overflow? = nil) {
        self.filter = filter
        self.group = group
        self.after = after
        self.overflow = overflow
    }
}

/// What `Read` asks for.
package struct ReadRequest: Sendable {
    /// nil: no timeout. 0: now or never.
    package var timeoutMSec: Int64?
    package var maxBytes: Int64?
    package var allowTruncation: Bool
    package var acknowledge: Cursor?

    package init(
        timeoutMSec: Int64? = nil, maxBytes: Int64? = nil, allowTruncation: Bool = false, acknowledge: Cursor? = nil
    ) {
        self.timeoutMSec = timeoutMSec
        self.maxBytes = maxBytes
        self.allowTruncation = allowTruncation
        self.acknowledge = acknowledge
    }
}

/// A session that was opened.
package struct Opened: Hashable, Sendable {
    /// The name by which another connection of the same user may cancel its reads. Not a secret: the user decides.
    package var session: String
    /// Where the session begins: behind this event.
    package var cursor: Cursor
}
