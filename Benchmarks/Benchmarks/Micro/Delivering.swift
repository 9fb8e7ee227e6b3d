import Benchmark
import JSON
import TocsinDelivery
import TocsinEvents

/// From an encoded event to the actions that bring it to whoever waits: logging, filtering, completing, and the next
/// read of each. Sockets are not part of it.
func deliveryBenchmarks() {
    for sessions in [1, 1_000] {
        measure("log and complete for \(sessions) sessions", count: 100) {
            let loop = DeliveryLoop(sessions: sessions) { _ in nil }
            return { count in for _ in 0..<count { loop.publish() } }
        }
    }
    measure("log and pass over 1000 sessions with different filters", count: 100) {
        let loop = DeliveryLoop(sessions: 1_000) { index in
            var filter = Filter()
            filter.paths = ["/srv/tenant-\(index)/**"]
            return filter
        }
        return { count in for _ in 0..<count { loop.publish() } }
    }
    measure("encode, log and complete for 1 sessions", count: 100) {
        let loop = DeliveryLoop(sessions: 1) { _ in nil }
        return { count in for _ in 0..<count { loop.publish(encodesAgain: true) } }
    }
}

/// A delivery whose every session has one read pending whenever an event comes, and a socket that takes all at once.
private final class DeliveryLoop {
    private var delivery: Delivery
    private var actions = DeliveryActions()
    private var completed: [ConnectionID] = []
    private var writer = JSONWriter(reservingCapacity: 4_096)
    private var event: Event
    private var lastCall: UInt64 = 0

    init(sessions: Int, filter: (Int) -> Filter?) {
        do {
            let log = try EventLog(memory: EventLogMemory(byteCount: 8 << 20), instance: 7)
            delivery = Delivery(log: log)
            event = execution(cursor: delivery.cursor(at: 1))
            for index in 0..<sessions {
                let id = ConnectionID(UInt64(index), slot: index)
                delivery.connectionOpened(id, peer: Peer(uid: 0, pid: 1))
                _ = try delivery.open(id, OpenRequest(filter: filter(index)))
                read(id)
            }
        } catch {
            preconditionFailure("cannot set up the delivery: \(error)")
        }
        writer.event(event)
    }

    func publish(encodesAgain: Bool = false) {
        event.sequence = delivery.nextSequence
        if encodesAgain {
            event.cursor = delivery.cursor(at: event.sequence)
            writer.removeAll()
            writer.event(event)
        }
        actions.removeAll()
        completed.removeAll(keepingCapacity: true)
        writer.withSpan { _ = delivery.append(event, json: $0, &actions) }
        actions.forEach(
            completions: { for index in $0.indices { completed.append($0[index].connection) } }, other: { _ in })
        for id in completed {
            delivery.queueChanged(id, bytes: 0, &actions)
            read(id)
        }
    }

    private func read(_ id: ConnectionID) {
        lastCall += 1
        delivery.read(id, CallID(lastCall), ReadRequest(), &actions)
    }
}
