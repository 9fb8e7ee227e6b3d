import DequeModule
internal import TocsinEvents

/// One connection's side of the delivery: its demand, and in a group what it was given and has not acknowledged.
struct Session: ~Copyable {
    let connection: ConnectionID
    /// Counts up for the life of the daemon.
    let number: UInt64
    let peer: Peer
    /// Slot of its stream.
    let stream: Int
    /// Slot of its user's load.
    let user: Int
    /// Bytes of what it was given that its socket has not taken.
    var queuedBytes: Int
    var reads: Deque<PendingRead> = []
    var subscription: CallID?
    /// Whether a subscription's socket takes more.
    var isWritable = true
    /// Only in groups; in the order they were given.
    var unacknowledged: Deque<GivenEvent> = []
    var delivered: UInt64 = 0

    init(
        connection: ConnectionID, number: UInt64, peer: Peer, stream: Int, load: (slot: Int, queuedBytes: Int)
    ) {
        self.connection = connection
        self.number = number
        self.peer = peer
        self.stream = stream
        user = load.slot
        queuedBytes = load.queuedBytes
    }

    var pendingCalls: Int { reads.count + (subscription == nil ? 0 : 1) }

    /// When it began to wait, for the order among a group's members; nil where it takes nothing now.
    var demand: UInt64? {
        if subscription != nil { return isWritable ? 0 : nil }
        return reads.first?.ticket
    }
}

/// A read that waits. The first of its session runs its timer.
struct PendingRead {
    let call: CallID
    let timeoutMSec: Int64?
    let maxBytes: Int
    let allowTruncation: Bool
    /// Counts up over all sessions.
    let ticket: UInt64
    /// Whether it has reached the head and, having nothing to get, waits there.
    var isArmed = false

    var hasTimer: Bool { isArmed && timeoutMSec != nil }
}

/// What a member of a group holds until it acknowledges.
struct GivenEvent {
    let sequence: UInt64
    let time: EventTime
    /// Where it was not an event but a gap.
    let loss: Loss?
}
