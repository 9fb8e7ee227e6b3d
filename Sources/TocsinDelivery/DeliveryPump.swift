package import TocsinEvents

// Events meet demand.

extension Delivery {
    /// Logs an event under `nextSequence` and gives it to everyone who waits for it.
    ///
    /// An event larger than the log takes is shortened; where even that does not fit, a gap stands in its place.
    ///
    /// - Parameters:
    ///   - event: with `sequence` set to `nextSequence` and its cursor.
    ///   - json: the event, encoded.
    ///   - passage: what was left out of it.
    /// - Returns: the cursor of the next event.
    package mutating func append(
        _ event: borrowing Event, json: Span<UInt8>, passage: borrowing Passage = Passage(), origin: EventOrigin? = nil,
        _ actions: inout DeliveryActions
    ) -> Cursor {
        let facts = EventFacts(event)
        let (path, oldPath) = paths(of: event)
        if json.count + passage.text.count <= log.maximumEventBytes {
            append(facts, origin, path: path.span, oldPath: oldPath.span, json: json, passage, &actions)
        } else if let short = EventShortening.shorten(whole(json, passage), toFit: log.maximumEventBytes) {
            statistics.shortenedInLog += 1
            append(facts, origin, path: path.span, oldPath: oldPath.span, json: short.span, Passage(), &actions)
        } else {
            statistics.oversized += 1
            var facts = facts
            facts.typeCode = EventType.gap.code ?? EventFacts.unknownType
            let gap = Loss(log.nextSequence, EventTime(facts)).encoded(instance: log.instance, origin: .daemon)
            append(facts, origin, path: path.span, oldPath: oldPath.span, json: gap.span, Passage(), &actions)
        }
        return log.nextCursor
    }

    private func whole(_ json: Span<UInt8>, _ passage: borrowing Passage) -> [UInt8] {
        passage.joined(with: json.withUnsafeBufferPointer { Array($0) })
    }

    /// What filters look at, and where a renamed file was before.
    private func paths(of event: borrowing Event) -> ([UInt8], [UInt8]) {
        guard let file = event.file else { return (event.process?.executable?.bytes ?? [], []) }
        return (file.path?.bytes ?? [], file.oldPath?.bytes ?? [])
    }

    private mutating func append(
        _ facts: EventFacts, _ origin: EventOrigin?, path: Span<UInt8>, oldPath: Span<UInt8>, json: Span<UInt8>,
        _ passage: borrowing Passage, _ actions: inout DeliveryActions
    ) {
        let path = path.extracting(first: EventLog.maximumPathBytes)
        let oldPath = oldPath.extracting(first: EventLog.maximumPathBytes)
        let slot = log.place(passage)
        let jsonBytes = json.count + (slot == nil ? passage.text.count : 0)
        while log.mustEvict(path: path.count, oldPath: oldPath.count, json: jsonBytes) { evictOldest(&actions) }
        let sequence = log.nextSequence
        log.append(facts, origin: origin, path: path, oldPath: oldPath, json: json, passage: passage, slot: slot)
        statistics.appended += 1
        for slot in streams.indices {
            guard let matches = examine(sequence, facts, slot) else { continue }
            if matches {
                streams[slot].nextMatches = true
                pump(slot, &actions)
            } else {
                streams[slot].next = sequence + 1
            }
        }
    }

    /// Whether the stream, if this event is the next it examines, lets it pass. nil: it is behind, and has the event
    /// before it already.
    ///
    /// Runs for each stream and event.
    private func examine(_ sequence: UInt64, _ facts: EventFacts, _ slot: Int) -> Bool? {
        guard streams.contains(slot), streams[slot].next == sequence else { return nil }
        return log.matches(streams[slot].filter, sequence, facts)
    }

    /// The encoded event of a completion, part by part, from the actions it is one of.
    package func forEachPart(
        of completion: Completion, in actions: borrowing DeliveryActions, _ body: (Span<UInt8>) -> Void
    ) {
        switch completion.event {
        case .logged(let sequence): log.forEachPart(of: sequence, body)
        case .encoded(let index):
            let bytes = actions.encodedEvents[index]
            body(bytes.span)
        }
    }

    /// Of all parts.
    package func byteCount(of completion: Completion, in actions: borrowing DeliveryActions) -> Int {
        switch completion.event {
        case .logged(let sequence): log.byteCount(of: sequence)
        case .encoded(let index): actions.encodedEvents[index].count
        }
    }

    /// Goes on with a scan that had used up its turn. Says whether the stream was still there.
    @discardableResult
    package mutating func resume(_ id: StreamID, _ actions: inout DeliveryActions) -> Bool {
        guard isCurrent(id) else { return false }
        streams[id.slot].isScanning = false
        pump(id.slot, &actions)
        return true
    }

    // MARK: Supply and demand

    private enum Supply {
        case gap(Loss)
        case again(UInt64)
        case event(UInt64)
        /// Everything in the log was examined.
        case nothing
        /// There may be more, but this turn has lasted long enough.
        case later
    }

    /// Gives the stream's events to its readers until one of the two has no more.
    mutating func pump(_ slot: Int, _ actions: inout DeliveryActions) {
        guard !streams[slot].isScanning else { return wait(slot, &actions) }
        var scanned = 0
        var pushed = 0
        while let reader = nextReader(slot) {
            let supply = nextSupply(slot, &scanned)
            switch supply {
            case .gap, .again, .event:
                guard mayBeGiven(reader) else { return stall(slot, sessions[reader].user, &actions) }
                pushed += give(supply, slot, reader, &actions)
                if pushed >= limits.subscriptionBudget, sessions[reader].subscription != nil {
                    sessions[reader].isWritable = false
                }
            case .nothing: return wait(slot, &actions)
            case .later:
                streams[slot].isScanning = true
                actions.append(.resumeLater(StreamID(slot: slot, generation: streams[slot].generation)))
                return wait(slot, &actions)
            }
        }
    }

    /// The member that has waited longest.
    private func nextReader(_ slot: Int) -> Int? {
        var longest: (ticket: UInt64, session: Int)?
        // By index: to go through the list itself would count a reference to it, for each event.
        for index in 0..<streams[slot].members.count {
            let member = streams[slot].members[index]
            guard let ticket = sessions[member].demand, ticket < longest?.ticket ?? .max else { continue }
            longest = (ticket, member)
        }
        return longest?.session
    }

    /// What comes before the next event of the log: most often nothing.
    private func owed(_ slot: Int) -> Supply? {
        if let loss = streams[slot].loss { return .gap(loss) }
        if let sequence = streams[slot].redelivery.first { return .again(sequence) }
        return streams[slot].nextMatches ? .event(streams[slot].next) : nil
    }

    private mutating func nextSupply(_ slot: Int, _ scanned: inout Int) -> Supply {
        if scanned >= limits.scanBudget { return .later }
        if let supply = owed(slot) { return supply }
        var next = streams[slot].next
        defer { streams[slot].next = next }
        while next < log.nextSequence {
            if scanned >= limits.scanBudget { return .later }
            scanned += 1
            if log.matches(streams[slot].filter, next) {
                streams[slot].nextMatches = true
                return .event(next)
            }
            next += 1
        }
        return .nothing
    }

    /// Whoever takes what it is given goes on, one event at a time, however much others of its user leave.
    private func mayBeGiven(_ reader: Int) -> Bool {
        loads.queuedBytes(sessions[reader].user) < limits.queueSizePerUser || sessions[reader].queuedBytes == 0
    }

    /// Too much waits for the sockets of the readers' user: the event stays the next until they have taken half of it,
    /// or this one's has taken all.
    private mutating func stall(_ slot: Int, _ user: Int, _ actions: inout DeliveryActions) {
        if !streams[slot].isStalled {
            streams[slot].isStalled = true
            loads.stall(StreamID(slot: slot, generation: streams[slot].generation), of: user)
            statistics.refused[.queueSizePerUser, default: 0] += 1
        }
        wait(slot, &actions, instead: .limitExceeded(.queueSizePerUser, value: limits.queueSizePerUser))
    }

    /// The sockets of a user have taken something: streams that waited for that go on.
    mutating func unstall(_ user: Int, _ actions: inout DeliveryActions) {
        guard loads.queuedBytes(user) <= limits.queueSizePerUser / 2 else { return }
        for id in loads.takeStalled(user) where isCurrent(id) {
            streams[id.slot].isStalled = false
            pump(id.slot, &actions)
        }
    }

    /// Completes the first read of `reader`, or fails it where the event does not fit; then the event stays the next.
    /// - Returns: bytes given.
    private mutating func give(
        _ supply: Supply, _ slot: Int, _ reader: Int, _ actions: inout DeliveryActions
    ) -> Int {
        let sequence: UInt64
        /// Instead of the event as it lies in the log.
        var encoded: [UInt8]?
        var loss: Loss?
        switch supply {
        case .gap(let missed):
            (sequence, loss) = (missed.last, missed)
            encoded = missed.encoded(instance: log.instance, origin: .session)
        case .again(let number), .event(let number):
            sequence = number
            if let uid = streams[slot].restrictedTo { encoded = ownEventView(of: number, for: uid) }
        case .nothing, .later: return 0
        }
        var size = encoded?.count ?? log.byteCount(of: sequence)

        let connection = sessions[reader].connection
        let read = takeRead(reader)
        guard let call = read?.call ?? sessions[reader].subscription else { return 0 }
        if let read, read.hasTimer { actions.append(.cancelTimer(connection, call)) }
        if let read, size > read.maxBytes {
            let short = read.allowTruncation ? shortened(sequence, encoded, toFit: read.maxBytes) : nil
            guard let short else {
                statistics.bufferTooSmall += 1
                actions.append(.fail(connection, call, .bufferTooSmall(requiredBytes: size)))
                return 0
            }
            statistics.shortened += 1
            (encoded, size) = (short, short.count)
        }
        loads.add(queuedBytes: size, to: sessions[reader].user)
        sessions[reader].queuedBytes += size

        switch supply {
        case .gap: streams[slot].loss = nil
        case .again:
            _ = streams[slot].redelivery.popFirst()
            statistics.redelivered += 1
        case .event, .nothing, .later:
            // Before the reply: what is given is owed until it is acknowledged, whatever happens to this process.
            if let kept = streams[slot].keptGroup { log.give(sequence, group: kept) }
            streams[slot].next += 1
            streams[slot].nextMatches = false
        }
        if streams[slot].group != nil {
            let time = loss?.time ?? EventTime(log.facts(of: sequence))
            sessions[reader].unacknowledged.append(GivenEvent(sequence: sequence, time: time, loss: loss))
        }
        sessions[reader].delivered += 1
        statistics.delivered += 1
        let queued = log.nextSequence - streams[slot].next + UInt64(streams[slot].redelivery.count)
        actions.append(
            Completion(
                connection: connection, call: call, event: encoded.map { actions.keep($0) } ?? .logged(sequence),
                queued: read == nil ? nil : queued, lost: loss?.count ?? 0, continues: read == nil))
        return size
    }

    /// Of an event that cannot be read nothing is told but that it is missing.
    private func ownEventView(of sequence: UInt64, for uid: UInt32) -> [UInt8] {
        OwnEventView.encode(log.bytes(of: sequence), for: uid)
            ?? Loss(sequence, EventTime(log.facts(of: sequence))).encoded(instance: log.instance, origin: .daemon)
    }

    private func shortened(_ sequence: UInt64, _ encoded: [UInt8]?, toFit maxBytes: Int) -> [UInt8]? {
        EventShortening.shorten(encoded ?? log.bytes(of: sequence), toFit: maxBytes)
    }

    /// There is nothing for them: reads that are the first of their session begin to wait, or end at once.
    private mutating func wait(
        _ slot: Int, _ actions: inout DeliveryActions, instead error: DeliveryError = .timedOut
    ) {
        for index in 0..<streams[slot].members.count {
            let member = streams[slot].members[index]
            while let head = sessions[member].reads.first, !head.isArmed {
                if head.timeoutMSec == 0 {
                    // Whether there is an event is known only when the scan is through.
                    if streams[slot].isScanning { break }
                    _ = takeRead(member)
                    switch error {
                    case .limitExceeded(let limit, _): statistics.refused[limit, default: 0] += 1
                    default: statistics.timedOut += 1
                    }
                    actions.append(.fail(sessions[member].connection, head.call, error))
                    continue
                }
                sessions[member].reads[0].isArmed = true
                if let timeout = head.timeoutMSec {
                    actions.append(.startTimer(sessions[member].connection, head.call, milliseconds: timeout))
                }
            }
        }
    }

    // MARK: Loss

    /// The oldest event leaves the log: whoever has not examined it, and would have been given it, misses it.
    private mutating func evictOldest(_ actions: inout DeliveryActions) {
        let sequence = log.oldestSequence
        let facts = log.facts(of: sequence)
        for slot in streams.indices {
            let stake = stake(in: sequence, facts, slot)
            keepLoss(of: sequence, facts, stake, slot)
            switch stake {
            case .none: continue
            case .passes:
                streams[slot].next += 1
                streams[slot].loss?.pass(sequence)
            case .misses:
                streams[slot].next += 1
                streams[slot].nextMatches = false
                miss(sequence, EventTime(facts), slot)
                if streams[slot].overflow == .disconnect { disconnect(slot, &actions) }
            case .missesAgain:
                _ = streams[slot].redelivery.popFirst()
                miss(sequence, EventTime(facts), slot)
            }
        }
        log.evictOldest()
    }

    private enum Stake {
        /// It was given, filtered out or lost before.
        case none
        /// It is the next, and the filter would not let it pass.
        case passes
        case misses
        /// It waited to be given again.
        case missesAgain
    }

    private func stake(in sequence: UInt64, _ facts: EventFacts, _ slot: Int) -> Stake {
        guard streams.contains(slot) else { return .none }
        if streams[slot].next == sequence {
            let matches = streams[slot].nextMatches || log.matches(streams[slot].filter, sequence, facts)
            return matches ? .misses : .passes
        }
        return streams[slot].redelivery.first == sequence ? .missesAgain : .none
    }

    /// Writes down what the group misses, or will have missed should it not be acknowledged.
    private mutating func keepLoss(of sequence: UInt64, _ facts: EventFacts, _ stake: Stake, _ slot: Int) {
        guard streams.contains(slot), let kept = streams[slot].keptGroup,
            stake == .misses || log.isOwed(sequence, group: kept)
        else {
            return
        }
        let loss = Loss(sequence, EventTime(facts))
        if streams[slot].keptLoss == nil { streams[slot].keptLoss = loss } else { streams[slot].keptLoss!.add(loss) }
        log.setLoss(streams[slot].keptLoss, group: kept)
    }

    mutating func miss(_ sequence: UInt64, _ time: EventTime, _ slot: Int) {
        streams[slot].miss(Loss(sequence, time))
        statistics.lost += 1
    }

    private mutating func disconnect(_ slot: Int, _ actions: inout DeliveryActions) {
        for member in streams[slot].members {
            let connection = sessions[member].connection
            removeSession(member, &actions)
            connections[connection]?.isDisconnected = true
            statistics.disconnected += 1
            actions.append(.disconnect(connection))
        }
    }
}
