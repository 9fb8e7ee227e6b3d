import CTocsinProbes
import Synchronization
import TocsinEvents
import TocsinLinux

/// The records that a reader of the ring is woken for. Others it finds when it is awake.
package final class UrgentTypes: Sendable {
    private let stored: Atomic<UInt64>
    /// Whoever sleeps with a smaller wish has to look, and to write a new one.
    private let changed: EventFD

    package init(_ types: Set<EventType>) throws(SystemError) {
        stored = Atomic(Self.bits(of: types))
        changed = try EventFD()
    }

    package func change(to types: Set<EventType>) {
        let new = Self.bits(of: types)
        let old = stored.exchange(new, ordering: .sequentiallyConsistent)
        // Who sleeps with a wish that has become too large is woken once too often, and then has the new one.
        if new & ~old != 0 { changed.signal() }
    }

    /// Makes `epoll` ready once for each change.
    func add(to epoll: borrowing Epoll, token: UInt64) throws(SystemError) {
        try epoll.add(changed.descriptor, token: token, for: [.readable, .edgeTriggered])
    }

    /// As `probe_counters.awaited` wants them.
    var bits: UInt64 { stored.load(ordering: .sequentiallyConsistent) }

    private static func bits(of types: Set<EventType>) -> UInt64 {
        ProbeCounters.types.filter { types.contains($0.0) }
            .reduce(1 << UInt64(PROBE_TYPES.rawValue)) { $0 | 1 << UInt64($1.1.rawValue) }
    }
}
