import DequeModule
internal import TocsinEvents

/// A cursor in the log with a filter, and those who read behind it: one session, or the members of a group.
struct Stream {
    /// Tells a stream from an earlier one in the same slot.
    let generation: UInt64
    let filter: CompiledFilter
    let overflow: Overflow
    /// nil: one session's own.
    let group: GroupKey?
    /// As the group's first member stated it.
    let groupFilter: Filter
    /// Its place among the kept groups.
    var keptGroup: Int?
    /// Made for a user who sees its own events only.
    var isRestricted = false
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
    var lost: UInt64 = 0
    /// Order in which groups lost their last members.
    var abandoned: UInt64 = 0

    init(
        generation: UInt64, filter: CompiledFilter, overflow: Overflow = .dropOldest, group: GroupKey? = nil,
        groupFilter: Filter = Filter(), next: UInt64
    ) {
        self.generation = generation
        self.filter = filter
        self.overflow = overflow
        self.group = group
        self.groupFilter = groupFilter
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
/// its events away.
struct GroupKey: Hashable {
    let uid: UInt32
    let name: String
}
