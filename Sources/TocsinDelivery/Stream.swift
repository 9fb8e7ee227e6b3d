import DequeModule
internal import TocsinEvents

/// A cursor in the log with a filter, and those who read behind it: one session, or the members of a group.
struct Stream: ~Copyable {
    /// Tells a stream from an earlier one in the same slot.
    let generation: UInt64
    let filter: CompiledFilter
    let overflow: Overflow
    /// nil: one session's own.
    let group: GroupKey?
    /// As the group's first member stated it.
    let groupFilter: Filter
    /// The user, where its readers see that user's own events only.
    let restrictedTo: UInt32?
    /// Its place among the kept groups.
    var keptGroup: Int?
    /// All that would have to be told as missing after a restart: `loss`, the gaps that members have not acknowledged,
    /// and the events they have not acknowledged that left the log.
    var keptLoss: Loss?
    /// The next event to examine. What lies before it was given, filtered out or lost.
    var next: UInt64
    /// Whether `next` is in the log and known to pass the filter.
    var nextMatches = false
    /// Slots of the sessions that read. Empty: a group that waits for members.
    var members: [Int] = []
    /// Missed, and not yet told.
    var loss: Loss?
    /// Numbers of events given to members who left without acknowledging them; given again before all others.
    var redelivery: Deque<UInt64> = []
    /// Whether `resumeLater` is under way: the scan has not reached the end of the log.
    var isScanning = false
    /// Whether it waits for the sockets of its readers' user, which have too much to take already.
    var isStalled = false
    var lost: UInt64 = 0
    /// Order in which groups lost their last members.
    var abandoned: UInt64 = 0

    init(
        generation: UInt64, filter: consuming CompiledFilter, overflow: Overflow = .dropOldest, group: GroupKey? = nil,
        groupFilter: Filter = Filter(), restrictedTo: UInt32? = nil, next: UInt64
    ) {
        self.generation = generation
        self.filter = filter
        self.overflow = overflow
        self.group = group
        self.groupFilter = groupFilter
        self.restrictedTo = restrictedTo
        self.next = next
    }

    mutating func miss(_ loss: Loss) {
        lost += loss.count
        tellAgain(loss)
    }

    /// A gap whose reader left before acknowledging it: counted before.
    mutating func tellAgain(_ loss: Loss) {
        if self.loss == nil { self.loss = loss } else { self.loss?.add(loss) }
    }
}

/// Groups of different users have nothing in common, even under one name: who joins another's group would take
/// its events away. And a user who sees everything in one login session, as a member of the socket's group, and its own
/// events only in another, has two groups.
struct GroupKey: Hashable {
    let uid: UInt32
    let name: String
    let isRestricted: Bool

    init(uid: UInt32, name: String, isRestricted: Bool = false) {
        self.uid = uid
        self.name = name
        self.isRestricted = isRestricted
    }

    init(_ peer: Peer, name: String) {
        self.init(uid: peer.uid, name: name, isRestricted: peer.seesOwnEventsOnly)
    }

    var restrictedTo: UInt32? { isRestricted ? uid : nil }
}
