package import TocsinEvents

/// Which types of events streams wait for that have readers: how many streams for each.
///
/// Counted when readers come and go, not when they read: who takes a pause between two reads waits, too. What waits for
/// detections only waits for what rules look at, and that is not the delivery's to say.
struct AwaitedTypes {
    private var streams: [EventType: Int] = [:]
    private var hasChanged = false

    /// A stream has its first reader.
    mutating func enter(_ filter: borrowing CompiledFilter) {
        for type in filter.unjudgedTypes {
            if streams.updateValue(streams[type, default: 0] + 1, forKey: type) == nil { hasChanged = true }
        }
    }

    /// A stream's last reader has gone.
    mutating func leave(_ filter: borrowing CompiledFilter) {
        for type in filter.unjudgedTypes {
            streams[type]! -= 1
            guard streams[type] == 0 else { continue }
            streams[type] = nil
            hasChanged = true
        }
    }

    /// nil where they are those that were taken last.
    mutating func takeChange() -> Set<EventType>? {
        guard hasChanged else { return nil }
        hasChanged = false
        return Set(streams.keys)
    }
}

extension Delivery {
    /// The types that sessions wait for, where they have changed since this was called last; at first they are none.
    package mutating func takeAwaitedTypes() -> Set<EventType>? { awaited.takeChange() }

    package func hasSession(_ id: ConnectionID) -> Bool { connections[id]?.session != nil }
}
