package import TocsinEvents

/// What the caller must do. In order, all of it, before the next event is appended: an event is named by its number,
/// and another may push it out of the log.
///
/// Every read and subscription gets exactly one final completion or `fail`, or its connection has closed.
package struct DeliveryActions: ~Copyable {
    /// Events for calls, in order. Apart from the other actions: there may be thousands of them, so they hold no
    /// reference, and nobody needs to take them out one by one.
    private var completions: [Completion] = []
    /// All else, each with the number of completions that come before it.
    private var others: [(precedingCompletions: Int, action: DeliveryAction)] = []
    /// Events that completions carry instead of logged ones.
    private(set) var encodedEvents: [[UInt8]] = []

    package init() {}

    package var isEmpty: Bool { completions.isEmpty && others.isEmpty }

    /// Goes through all of it in order: runs of completions, and what comes between them.
    package func forEach(completions complete: (Span<Completion>) -> Void, other act: (DeliveryAction) -> Void) {
        var done = 0
        for (count, action) in others {
            if count > done { complete(completions.span.extracting(done..<count)) }
            done = count
            act(action)
        }
        if completions.count > done { complete(completions.span.extracting(done...)) }
    }

    /// All of it is done. The memory is kept.
    package mutating func removeAll() {
        completions.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        encodedEvents.removeAll()
    }

    mutating func append(_ action: DeliveryAction) { others.append((completions.count, action)) }

    mutating func append(_ completion: Completion) { completions.append(completion) }

    /// Keeps an event that a completion carries instead of a logged one.
    mutating func keep(_ event: [UInt8]) -> EventReference {
        encodedEvents.append(event)
        return .encoded(encodedEvents.count - 1)
    }
}

package enum DeliveryAction: Hashable, Sendable {
    /// The first reply of a subscription. More follow.
    case ready(ConnectionID, CallID, cursor: Cursor)
    /// Reply with an error. Final.
    case fail(ConnectionID, CallID, DeliveryError)
    /// Call `timerFired` after this time, unless `cancelTimer` comes first.
    case startTimer(ConnectionID, CallID, milliseconds: Int64)
    case cancelTimer(ConnectionID, CallID)
    /// Close the connection: its session fell behind and asked for that. Then call `connectionClosed`, as always.
    case disconnect(ConnectionID)
    /// Call `resume` soon, after other work has had its turn.
    case resumeLater(StreamID)
}

/// One event for one call.
package struct Completion: Hashable, Sendable {
    package var connection: ConnectionID
    package var call: CallID
    package var event: EventReference
    /// Events in the log behind this one, before the filter. nil in a subscription, which has no such member.
    package var queued: UInt64?
    /// Events missed since the last reply.
    package var lost: UInt64
    /// Whether more replies to the call follow.
    package var continues: Bool
}

/// The bytes of one encoded event: `Delivery.withEvent(of:in:)`.
package enum EventReference: Hashable, Sendable {
    /// In the log, shared by all.
    case logged(UInt64)
    /// Of this reply only, a session's gap or a shortened event: its place in the `DeliveryActions`.
    case encoded(Int)
}

/// A set of readers with one cursor: a session of its own, or a group.
package struct StreamID: Hashable, Sendable {
    let slot: Int
    let generation: UInt64
}

/// Why a call is refused or ends without an event.
package enum DeliveryError: Error, Hashable {
    /// `name` as in `filter.paths[2]`.
    case invalidParameter(name: String, reason: String)
    case timedOut
    case cancelled
    case shuttingDown(Cursor)
    case bufferTooSmall(requiredBytes: Int)
    case cursorExpired(oldest: Cursor, lost: UInt64?)
    case alreadyOpen
    case noSuchSession
    case limitExceeded(DeliveryLimits.Name, value: Int)
    /// The caller named a connection it never opened or has closed.
    case notConnected
}
