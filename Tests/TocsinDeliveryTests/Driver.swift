import JSON
import Testing
import TocsinEvents

@testable import TocsinDelivery

/// Performs actions as the daemon does, and holds every call to the rule: pended, then ended exactly once, or gone
/// with its connection.
final class Driver {
    var delivery: Delivery
    private var actions = DeliveryActions()
    private var lastNumber: UInt64 = 0
    private var connected: Set<ConnectionID> = []
    /// The slots of connections that are closed are given again at once.
    private var freeSlots: [Int] = []

    private(set) var pending: [CallID: ConnectionID] = [:]
    private var owners: [CallID: ConnectionID] = [:]
    private(set) var outcomes: [CallID: [Outcome]] = [:]
    private(set) var order: [(call: CallID, outcome: Outcome)] = []
    private(set) var timers: [CallID: Int64] = [:]
    private(set) var disconnected: [ConnectionID] = []
    /// What the log must tell of each event.
    private(set) var texts: [UInt64: [UInt8]] = [:]
    var resumable: [StreamID] = []
    /// Whether sockets take what they are given.
    var writesAtOnce = true
    /// Whether scans go on by themselves, and subscriptions whose sockets take what they are given.
    var resumesAtOnce = true

    enum Outcome: Equatable {
        case ready(Cursor)
        case event(UInt64, queued: UInt64?)
        case shortened(UInt64, bytes: [UInt8])
        case gap(first: UInt64, last: UInt64, count: UInt64, lost: UInt64)
        case failed(DeliveryError)
    }

    init(limits: DeliveryLimits = DeliveryLimits(), logBytes: Int = 1 << 20, instance: UInt64 = 7) throws {
        let log = try EventLog(
            memory: EventLogMemory(byteCount: EventLog.overheadBytes - EventLogLayout.headerBytes + logBytes),
            instance: instance)
        delivery = Delivery(log: log, limits: limits)
    }

    init(_ log: consuming EventLog, limits: DeliveryLimits = DeliveryLimits()) {
        delivery = Delivery(log: log, limits: limits)
    }

    private func number() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func newCall(_ id: ConnectionID) -> CallID {
        let call = CallID(number())
        pending[call] = id
        owners[call] = id
        return call
    }

    func cursor(_ sequence: UInt64) -> Cursor { delivery.cursor(at: sequence) }

    // MARK: Inputs

    func connect(uid: UInt32 = 1000, ownEventsOnly: Bool = false) -> ConnectionID {
        let id = ConnectionID(number(), slot: freeSlots.popLast() ?? connected.count)
        connected.insert(id)
        delivery.connectionOpened(id, peer: Peer(uid: uid, pid: 42, seesOwnEventsOnly: ownEventsOnly))
        return id
    }

    func open(
        uid: UInt32 = 1000, filter: Filter? = nil, group: String? = nil, after: Cursor? = nil, overflow: Overflow? = nil
    ) throws -> ConnectionID {
        let id = connect(uid: uid)
        _ = try delivery.open(id, OpenRequest(filter: filter, group: group, after: after, overflow: overflow))
        return id
    }

    @discardableResult
    func read(_ id: ConnectionID, _ request: ReadRequest = ReadRequest()) -> CallID {
        let call = newCall(id)
        delivery.read(id, call, request, &actions)
        perform()
        return call
    }

    /// Reads that come together.
    func read(_ id: ConnectionID, count: Int) {
        let first = newCall(id)
        for _ in 1..<count { _ = newCall(id) }
        delivery.read(id, first, count: count, ReadRequest(), &actions)
        perform()
    }

    /// A read that does not wait.
    func poll(_ id: ConnectionID, acknowledge: Cursor? = nil) -> Outcome? {
        let call = read(id, ReadRequest(timeoutMSec: 0, acknowledge: acknowledge))
        return outcomes[call]?.last
    }

    func subscribe(_ id: ConnectionID, filter: Filter? = nil, after: Cursor? = nil, overflow: Overflow? = nil) throws
        -> CallID
    {
        let call = newCall(id)
        do {
            try delivery.subscribe(id, call, filter: filter, after: after, overflow: overflow, &actions)
        } catch {
            pending[call] = nil
            throw error
        }
        perform()
        return call
    }

    func writable(_ id: ConnectionID, _ isWritable: Bool) {
        delivery.writabilityChanged(id, isWritable: isWritable, &actions)
        perform()
    }

    func fire(_ call: CallID, _ id: ConnectionID) {
        timers[call] = nil
        delivery.timerFired(id, call, &actions)
        perform()
    }

    func cancel(_ session: String, by id: ConnectionID) throws -> Int {
        defer { perform() }
        return try delivery.cancel(session: session, by: id, &actions)
    }

    func close(_ id: ConnectionID) {
        delivery.connectionClosed(id, &actions)
        perform()
        if connected.remove(id) != nil { freeSlots.append(id.slot) }
        for (call, connection) in pending where connection == id {
            pending[call] = nil
            #expect(timers[call] == nil, "a closed connection leaves no timer")
        }
    }

    func drain() {
        delivery.drain(&actions)
        perform()
    }

    func resume() {
        let streams = resumable
        resumable = []
        for stream in streams { delivery.resume(stream, &actions) }
        perform()
    }

    @discardableResult
    func append(_ type: EventType = .exec, uid: UInt32? = 1000, path: String = "/bin/true", padding: Int = 0) -> UInt64
    {
        let sequence = delivery.nextSequence
        var event = Event(
            sequence: sequence, cursor: cursor(sequence), type: type, realtimeUSec: 1_000_000 + sequence,
            monotonicUSec: sequence)
        var process = Process(entityID: "e", pid: 1, startTimeNSec: 1)
        process.uid = uid
        process.executable = ByteString(path)
        if padding > 0 { process.arguments = [ByteString(String(repeating: "x", count: padding))] }
        event.process = process
        append(event)
        return sequence
    }

    /// - Parameter lineage: of the event's ancestors.
    func append(_ event: Event, _ lineage: Lineage? = nil) {
        var whole = JSONWriter()
        whole.event(event)
        // nil: a gap takes its place.
        texts[event.sequence] = EventShortening.shorten(whole.bytes, toFit: delivery.log.maximumEventBytes)
        var writer = JSONWriter()
        let passage = writer.event(event, lineage: lineage)
        writer.withSpan { _ = delivery.append(event, json: $0, passage: passage, &actions) }
        perform()
    }

    // MARK: Actions

    /// The connection's client takes in what waits for it.
    func take(_ id: ConnectionID, leaving bytes: Int = 0) {
        delivery.queueChanged(id, bytes: bytes, &actions)
        perform()
    }

    private func perform() {
        var written: [ConnectionID] = []
        var subscribers: Set<ConnectionID> = []
        actions.forEach(
            completions: { completions in
                for index in completions.indices {
                    let completion = completions[index]
                    note(completion.call, outcome(completion), isFinal: !completion.continues)
                    if writesAtOnce { written.append(completion.connection) }
                    if writesAtOnce, resumesAtOnce, completion.continues { subscribers.insert(completion.connection) }
                }
            },
            other: { action in
                switch action {
                case .ready(_, let call, let cursor): note(call, .ready(cursor), isFinal: false)
                case .fail(_, let call, let error): note(call, .failed(error), isFinal: true)
                case .startTimer(_, let call, let milliseconds):
                    #expect(timers.updateValue(milliseconds, forKey: call) == nil, "a timer is started once")
                case .cancelTimer(_, let call):
                    #expect(timers.removeValue(forKey: call) != nil, "only a running timer is cancelled")
                case .disconnect(let id): disconnected.append(id)
                case .resumeLater(let stream): resumable.append(stream)
                }
            })
        actions.removeAll()
        for id in disconnected { for (call, connection) in pending where connection == id { pending[call] = nil } }
        for id in written { take(id) }
        for id in subscribers { writable(id, true) }
        if resumesAtOnce, !resumable.isEmpty { resume() }
    }

    private func note(_ call: CallID, _ outcome: Outcome, isFinal: Bool) {
        #expect(pending[call] != nil, "a call that does not pend was answered: \(outcome)")
        if isFinal {
            pending[call] = nil
            #expect(timers[call] == nil, "an ended call leaves no timer")
        }
        outcomes[call, default: []].append(outcome)
        order.append((call, outcome))
    }

    private func outcome(_ completion: Completion) -> Outcome {
        var bytes: [UInt8] = []
        delivery.forEachPart(of: completion, in: actions) { part in
            part.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        }
        #expect(bytes.count == delivery.byteCount(of: completion, in: actions))
        if case .logged(let sequence) = completion.event, let text = texts[sequence] {
            let isWhole = bytes == text
            #expect(isWhole, "event \(sequence)")
        }
        var event = JSONPiece(bytes)
        let sequence = event?.removeMember(["sequence"]).flatMap(number(in:)) ?? 0
        let members = ["first", "last", "count"].map { event?.removeMember(["gap", $0]).flatMap(number(in:)) }
        if let first = members[0], let last = members[1], let count = members[2] {
            return .gap(first: first, last: last, count: count, lost: completion.lost)
        }
        #expect(completion.lost == 0)
        if case .encoded = completion.event { return .shortened(sequence, bytes: bytes) }
        return .event(sequence, queued: completion.queued)
    }

    private func number(in piece: JSONPiece) -> UInt64? { UInt64(String(decoding: piece.encoded, as: UTF8.self)) }

    // MARK: What happened

    func owner(_ call: CallID) -> ConnectionID? { owners[call] }

    /// Reads until nothing is left.
    func drainReads(_ id: ConnectionID) {
        while true {
            let call = read(id, ReadRequest(timeoutMSec: 0))
            while self[call] == nil, !resumable.isEmpty { resume() }
            switch self[call] {
            case .event, .gap, .shortened: continue
            case .failed(.timedOut): return
            case let other:
                Issue.record("a read that does not wait ended with \(String(describing: other))")
                return
            }
        }
    }

    subscript(_ call: CallID) -> Outcome? { outcomes[call]?.last }

    /// Numbers of the events a call was given.
    func events(_ call: CallID) -> [UInt64] {
        outcomes[call, default: []].compactMap {
            switch $0 {
            case .event(let sequence, _), .shortened(let sequence, _): sequence
            default: nil
            }
        }
    }

    /// The event that a call was given in another form than the log has it.
    func encodedEvent(_ call: CallID) throws -> Event? {
        guard case .shortened(_, let bytes) = self[call] else { return nil }
        return try Event(json: JSONValue(parsing: bytes))
    }
}
