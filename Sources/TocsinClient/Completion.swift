public import JSON
public import TocsinEvents

/// What a completed read brings.
public struct Completion: Hashable, Sendable {
    public var event: Event
    /// Events in the log behind this one, before the filter.
    public var queued: UInt64
    /// Events this session missed since its last reply. The gap event that says which comes in its place of the stream.
    public var lost: UInt64
    /// The event as the daemon wrote it, with the members that this version does not know.
    public var json: JSONValue

    /// A reply of `Read`. Throws `MemberError` where it is none.
    public init(json reply: JSONValue) throws(MemberError) {
        let members = try MemberReader(reply)
        guard let json = members.value("event") else { throw MemberError(member: "event", expected: "an object") }
        do { event = try Event(json: json) } catch { throw error.inside("event") }
        queued = try members.integer("queued") ?? 0
        lost = try members.integer("lost") ?? 0
        self.json = json
    }

    /// What this library itself has to say in a stream of events: that some are missing.
    init(gap: Gap, cursor: Cursor, realtimeUSec: UInt64, monotonicUSec: UInt64) {
        event = Event(
            sequence: cursor.sequence, cursor: cursor, type: .gap, realtimeUSec: realtimeUSec,
            monotonicUSec: monotonicUSec, gap: gap)
        queued = 0
        lost = gap.count ?? 0
        var object: JSONObject = ["origin": .string(gap.origin.rawValue)]
        object["first"] = gap.first.map { .integer(Int64(clamping: $0)) }
        object["last"] = gap.last.map { .integer(Int64(clamping: $0)) }
        object["count"] = gap.count.map { .integer(Int64(clamping: $0)) }
        json = .object([
            "sequence": .integer(Int64(clamping: cursor.sequence)), "cursor": .string(cursor.description),
            "type": .string(EventType.gap.rawValue), "realtimeUSec": .integer(Int64(clamping: realtimeUSec)),
            "monotonicUSec": .integer(Int64(clamping: monotonicUSec)), "gap": .object(object),
        ])
    }
}
