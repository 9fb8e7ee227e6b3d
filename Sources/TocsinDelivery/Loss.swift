import JSON
internal import TocsinEvents

/// Events a stream has missed and its readers have not been told of.
struct Loss: Hashable {
    /// Number of the first that was missed.
    private(set) var first: UInt64
    /// Number of the last event that was passed over: a reader that has seen the gap resumes behind it.
    private(set) var last: UInt64
    private(set) var count: UInt64
    private(set) var time: EventTime

    init(_ sequence: UInt64, _ time: EventTime) {
        first = sequence
        last = sequence
        count = 1
        self.time = time
    }

    init(first: UInt64, last: UInt64, count: UInt64, time: EventTime) {
        self.first = first
        self.last = last
        self.count = count
        self.time = time
    }

    mutating func add(_ other: Loss) {
        first = min(first, other.first)
        if other.last >= last {
            last = other.last
            time = other.time
        }
        count += other.count
    }

    /// An event left the log that the readers would not have been given: it is passed over, not missed.
    mutating func pass(_ sequence: UInt64) { last = max(last, sequence) }

    /// The gap as an event.
    func encoded(instance: UInt64, origin: Gap.Origin) -> [UInt8] {
        var writer = JSONWriter()
        writer.event(
            Event(
                sequence: last, cursor: Cursor(instance: instance, sequence: last), type: .gap,
                realtimeUSec: time.realtimeUSec, monotonicUSec: time.monotonicUSec,
                gap: Gap(origin: origin, first: first, last: last, count: count)))
        return writer.bytes
    }
}

/// When an event happened, on both clocks. A gap carries the time of the newest event it stands for.
struct EventTime: Hashable {
    var realtimeUSec: UInt64
    var monotonicUSec: UInt64

    init(realtimeUSec: UInt64, monotonicUSec: UInt64) {
        self.realtimeUSec = realtimeUSec
        self.monotonicUSec = monotonicUSec
    }

    init(_ facts: EventFacts) {
        realtimeUSec = facts.realtimeUSec
        monotonicUSec = facts.monotonicUSec
    }
}
