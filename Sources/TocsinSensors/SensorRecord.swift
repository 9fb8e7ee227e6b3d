import TocsinEvents

/// What a source saw, before enrichment, rules and numbering.
package struct SensorRecord: Sendable, Hashable {
    /// Wall clock, microseconds since 1970.
    package var realtimeUSec: UInt64
    /// `CLOCK_MONOTONIC`, microseconds.
    package var monotonicUSec: UInt64
    package var body: Body
    /// Place in the source's queue, where the queue outlives the program that reads it: rises from record to record. Of
    /// a gap: how many records were missing until then, in all.
    package var position: UInt64?

    package enum Body: Sendable, Hashable {
        /// `exec`, `fork` or `exit` of a process.
        case process(EventType, Process)
        /// A file event and, where it is known, who caused it.
        case file(EventType, File, by: Process?)
        case heartbeat
        /// Records missing at this place of the stream; nil where the kernel does not count them. Where the record's
        /// position is how many were missing until then, in all, so is `after` before the gap.
        case gap(count: UInt64?, after: UInt64? = nil)
        /// Records missing at this place because an earlier process had taken them from the kernel, and was killed
        /// before anything was known of them.
        case abandoned(count: UInt64?)
    }

    package init(realtimeUSec: UInt64, monotonicUSec: UInt64, body: consuming Body, position: UInt64? = nil) {
        self.realtimeUSec = realtimeUSec
        self.monotonicUSec = monotonicUSec
        self.body = body
        self.position = position
    }
}
