public import JSON
public import TocsinEvents

/// What a completed read brings.
///
/// The event is kept as the daemon wrote it and decoded for who asks: who passes it on, or looks at one member, need
/// not pay for the others.
public struct Completion: Hashable, Sendable {
    /// The event as the daemon wrote it, with the members that this version does not know. It is an object, and has
    /// what every event has.
    public let json: JSONText
    /// Where a reader that has seen this event resumes.
    public let cursor: Cursor
    /// Events in the log behind this one, before the filter.
    public let queued: UInt64
    /// Events this session missed since its last reply. The gap event that says which comes in its place of the stream.
    public let lost: UInt64

    /// The event, decoded each time it is asked for.
    /// - Throws: `TocsinError.malformedReply` where a member has not the type that the interface declares.
    public var event: Event {
        get throws(TocsinError) { try event(.whole) }
    }

    /// The event, or what a person is told of it.
    package func event(_ extent: EventExtent) throws(TocsinError) -> Event {
        do throws(MemberError) {
            return try Event(json: json, extent)
        } catch {
            throw .malformedReply(error.inside("event").description)
        }
    }

    /// A reply of `Read`. Throws `MemberError` where it is none.
    public init(json reply: JSONText) throws(MemberError) {
        let members = try MemberReader(reply)
        guard let json = reply["event"], !json.isNull else {
            throw MemberError(member: "event", expected: "an object")
        }
        do { cursor = try Event.cursor(of: json) } catch { throw error.inside("event") }
        queued = try members.count("queued") ?? 0
        lost = try members.count("lost") ?? 0
        self.json = json
    }

    /// What this library itself has to say in a stream of events: that some are missing.
    init(gap: Gap, cursor: Cursor, realtimeUSec: UInt64, monotonicUSec: UInt64) {
        var writer = JSONWriter()
        writer.event(
            Event(
                sequence: cursor.sequence, cursor: cursor, type: .gap, realtimeUSec: realtimeUSec,
                monotonicUSec: monotonicUSec, gap: gap))
        // What the writer wrote is JSON.
        json = (try? JSONText(parsing: writer.bytes)) ?? .emptyObject
        self.cursor = cursor
        queued = 0
        lost = gap.count ?? 0
    }
}
