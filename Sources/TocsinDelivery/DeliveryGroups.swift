import DequeModule
internal import TocsinEvents

// Groups: members compete for the events of one stream. What a member was given and did not acknowledge before it
// left goes to another, in order.

extension Delivery {
    /// The group's stream. The first member makes the group and decides its filter and where it begins; it lives on
    /// without members, until its user needs the room.
    mutating func joinedGroup(_ key: GroupKey, _ peer: Peer, _ request: OpenRequest) throws(DeliveryError) -> Int {
        // Members share one cursor: when that falls behind, no single one of them is to blame.
        guard request.overflow != .disconnect else {
            throw .invalidParameter(name: "overflow", reason: "a group drops the oldest events")
        }
        guard !key.name.isEmpty else { throw .invalidParameter(name: "group", reason: "a group has a name") }
        try check(key.name.utf8.count <= limits.groupNameBytes, .groupNameBytes, limits.groupNameBytes)
        if let slot = groups[key] {
            // Each member believes to see all of its filter; with another's it would miss events silently.
            guard request.filter == nil || request.filter == streams[slot].groupFilter else {
                throw .invalidParameter(name: "filter", reason: "the group was opened with another filter")
            }
            let members = streams[slot].members.count
            try check(members < limits.groupMembers, .groupMembers, limits.groupMembers)
            return slot
        }
        let owned = groups.keys.filter { $0.uid == key.uid }
        if owned.count >= limits.groupsPerUser {
            try check(forgetLongestAbandoned(of: owned), .groupsPerUser, limits.groupsPerUser)
        } else if groups.count >= limits.groups {
            try check(forgetLongestAbandoned(of: owned), .groups, limits.groups)
        }
        let slot = try makeStream(peer, request, group: key)
        let kept = log.keepGroup(key, filter: request.filter ?? Filter(), next: streams[slot].next)
        guard let kept else {
            removeStream(slot)
            statistics.refused[.groupFilterBytes, default: 0] += 1
            throw .limitExceeded(.groupFilterBytes, value: GroupLayout.textBytes - limits.groupNameBytes)
        }
        streams[slot].keptGroup = kept
        groups[key] = slot
        return slot
    }

    /// Takes up the groups that an earlier process left, without members: what those were given and had not
    /// acknowledged is given again.
    mutating func resumeGroups() {
        for kept in log.takeKeptGroups() {
            guard groups[kept.key] == nil,
                let filter = try? CompiledFilter(
                    kept.filter, restrictedToUID: kept.key.restrictedTo, limits: limits.filter)
            else {
                log.forgetGroup(kept.index, owed: kept.owed)
                continue
            }
            var stream = Stream(
                generation: nextNumber(), filter: filter, group: kept.key, groupFilter: kept.filter,
                restrictedTo: kept.key.restrictedTo, next: kept.next)
            stream.keptGroup = kept.index
            stream.redelivery = Deque(kept.owed)
            stream.loss = kept.loss
            stream.keptLoss = kept.loss
            stream.abandoned = nextNumber()
            groups[kept.key] = streams.insert(stream)
        }
    }

    private mutating func forgetGroup(_ key: GroupKey) {
        guard let slot = groups.removeValue(forKey: key) else { return }
        if let kept = streams[slot].keptGroup { log.forgetGroup(kept, owed: streams[slot].redelivery) }
        removeStream(slot)
        statistics.groupsForgotten += 1
    }

    /// Whether one of them had no member.
    private mutating func forgetLongestAbandoned(of keys: [GroupKey]) -> Bool {
        let abandoned = keys.filter { streams[groups[$0]!].members.isEmpty }
        guard let oldest = abandoned.min(by: { streams[groups[$0]!].abandoned < streams[groups[$1]!].abandoned })
        else { return false }
        forgetGroup(oldest)
        return true
    }

    /// A member has gone, its session is removed already.
    mutating func leaveGroup(_ session: borrowing Session, _ actions: inout DeliveryActions) {
        let slot = session.stream
        for given in session.unacknowledged {
            if let loss = given.loss {
                streams[slot].tellAgain(loss)
            } else if log.contains(given.sequence) {
                streams[slot].redelivery.append(given.sequence)
            } else {
                miss(given.sequence, given.time, slot)
            }
        }
        streams[slot].redelivery.sort()
        if streams[slot].members.isEmpty { streams[slot].abandoned = nextNumber() }
        pump(slot, &actions)
    }

    /// The event at `cursor`, and all this member was given before it, are done. Acknowledging again is no error.
    mutating func acknowledge(_ cursor: Cursor, _ slot: Int) throws(DeliveryError) {
        guard streams[sessions[slot].stream].group != nil else {
            throw .invalidParameter(name: "acknowledge", reason: "the session is in no group")
        }
        guard cursor.instance == log.instance, cursor.sequence < log.nextSequence else {
            throw .invalidParameter(name: "acknowledge", reason: "no event has this cursor")
        }
        // In the order they were given, which redelivery makes another than that of the numbers.
        guard let index = sessions[slot].unacknowledged.firstIndex(where: { $0.sequence == cursor.sequence }) else {
            return
        }
        guard let kept = streams[sessions[slot].stream].keptGroup else { return }
        var changesLoss = false
        for given in sessions[slot].unacknowledged.prefix(index + 1) {
            if given.loss == nil { log.settle(given.sequence, group: kept) }
            changesLoss = changesLoss || given.loss != nil || !log.contains(given.sequence)
        }
        sessions[slot].unacknowledged.removeFirst(index + 1)
        guard changesLoss else { return }
        let loss = unacknowledgedLoss(sessions[slot].stream)
        streams[sessions[slot].stream].keptLoss = loss
        log.setLoss(loss, group: kept)
    }

    /// What is missing to the group's readers and they have not acknowledged to know.
    func unacknowledgedLoss(_ slot: Int) -> Loss? {
        var total = streams[slot].loss
        func add(_ loss: Loss) { if total == nil { total = loss } else { total?.add(loss) } }
        for member in streams[slot].members {
            for given in sessions[member].unacknowledged {
                if let loss = given.loss {
                    add(loss)
                } else if !log.contains(given.sequence) {
                    add(Loss(given.sequence, given.time))
                }
            }
        }
        return total
    }
}
