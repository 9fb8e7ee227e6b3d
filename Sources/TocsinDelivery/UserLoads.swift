/// What each user's sessions make the daemon keep: reads that pend, and bytes of events that its sockets have not
/// taken.
///
/// Counts only; the bounds are the delivery's. Counted for each event, so by slots that sessions hold, not by user ids.
/// A user of whom nothing is kept has no slot.
struct UserLoads: ~Copyable {
    struct Load: ~Copyable {
        let uid: UInt32
        /// Sessions, and what is still to be written of sessions that are gone.
        var holders = 0
        var pendingReads = 0
        var queuedBytes = 0
        /// Streams that wait until its sockets have taken more.
        var stalled: [StreamID] = []
    }

    private var loads = Slots<Load>()
    private var slots: [UInt32: Int] = [:]
    /// Of connections whose session is gone: what it was given before is still to be written.
    private var lingering: [ConnectionID: (slot: Int, bytes: Int)] = [:]

    var isEmpty: Bool { slots.isEmpty && lingering.isEmpty }

    // MARK: Sessions

    /// - Returns: the user's slot, to be given back by `leave`, and what still waits of the connection's last session.
    mutating func enter(_ uid: UInt32, on id: ConnectionID) -> (slot: Int, queuedBytes: Int) {
        let slot = slots[uid] ?? loads.insert(Load(uid: uid))
        slots[uid] = slot
        guard let rest = lingering.removeValue(forKey: id) else {
            loads[slot].holders += 1
            return (slot, 0)
        }
        return (slot, rest.bytes)
    }

    /// The session is gone, with the reads it had.
    mutating func leave(_ slot: Int, on id: ConnectionID, pendingReads: Int, queuedBytes: Int) {
        loads[slot].pendingReads -= pendingReads
        if queuedBytes > 0 {
            lingering[id] = (slot, queuedBytes)
        } else {
            release(slot)
        }
    }

    private mutating func release(_ slot: Int) {
        loads[slot].holders -= 1
        guard loads[slot].holders == 0 else { return }
        slots[loads.remove(slot).uid] = nil
    }

    // MARK: Counts

    func pendingReads(_ slot: Int) -> Int { loads[slot].pendingReads }
    /// 0 where nothing of the user is kept any more.
    func queuedBytes(_ slot: Int) -> Int { loads.contains(slot) ? loads[slot].queuedBytes : 0 }

    mutating func add(pendingReads count: Int, to slot: Int) { loads[slot].pendingReads += count }
    mutating func add(queuedBytes bytes: Int, to slot: Int) { loads[slot].queuedBytes += bytes }

    mutating func stall(_ stream: StreamID, of slot: Int) { loads[slot].stalled.append(stream) }

    mutating func takeStalled(_ slot: Int) -> [StreamID] {
        guard loads.contains(slot), !loads[slot].stalled.isEmpty else { return [] }
        defer { loads[slot].stalled = [] }
        return loads[slot].stalled
    }

    /// What waits for the client of a connection that has no session any more.
    /// - Returns: the user's slot, where that is still one.
    mutating func set(queuedBytes bytes: Int, on id: ConnectionID) -> Int? {
        guard let (slot, before) = lingering[id] else { return nil }
        loads[slot].queuedBytes += bytes - before
        lingering[id] = bytes > 0 ? (slot, bytes) : nil
        if bytes == 0 { release(slot) }
        return slot
    }
}
