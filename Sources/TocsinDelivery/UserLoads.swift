/// What each user's sessions make the daemon keep: reads that pend, and bytes of events that its sockets have not taken.
///
/// Counts only; the bounds are the delivery's. A user of whom nothing is kept takes no room here.
struct UserLoads {
    private struct Load {
        var pendingReads = 0
        var queuedBytes = 0

        var isEmpty: Bool { pendingReads == 0 && queuedBytes == 0 }
    }

    private struct Queue {
        let uid: UInt32
        var bytes: Int
    }

    private var loads: [UInt32: Load] = [:]
    /// Outlives the connection's session: what was given before the end is still to be written.
    private var queues: [ConnectionID: Queue] = [:]

    func pendingReads(of uid: UInt32) -> Int { loads[uid]?.pendingReads ?? 0 }
    func queuedBytes(of uid: UInt32) -> Int { loads[uid]?.queuedBytes ?? 0 }
    var isEmpty: Bool { loads.isEmpty && queues.isEmpty }

    mutating func add(pendingReads count: Int, of uid: UInt32) { change(uid) { $0.pendingReads += count } }

    /// An event was given to the connection.
    mutating func add(queuedBytes bytes: Int, of uid: UInt32, on id: ConnectionID) {
        setQueue(id, uid, (queues[id]?.bytes ?? 0) + bytes)
    }

    /// What waits for the connection's client, as whoever writes to it knows.
    mutating func set(queuedBytes bytes: Int, on id: ConnectionID) {
        // Of a connection that was given nothing only answers can wait, and of those there are few.
        guard let queue = queues[id] else { return }
        setQueue(id, queue.uid, bytes)
    }

    private mutating func setQueue(_ id: ConnectionID, _ uid: UInt32, _ bytes: Int) {
        let before = queues[id]?.bytes ?? 0
        queues[id] = bytes > 0 ? Queue(uid: uid, bytes: bytes) : nil
        change(uid) { $0.queuedBytes += bytes - before }
    }

    private mutating func change(_ uid: UInt32, _ body: (inout Load) -> Void) {
        var load = loads[uid] ?? Load()
        body(&load)
        loads[uid] = load.isEmpty ? nil : load
    }
}
