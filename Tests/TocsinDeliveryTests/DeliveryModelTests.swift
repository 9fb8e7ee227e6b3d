import TestKit
import Testing
import TocsinEvents

@testable import TocsinDelivery

/// Random interleavings of all inputs against a model that knows every event that ever was.
@Suite struct DeliveryModelTests {
    private struct Reader {
        let id: ConnectionID
        let filter: Filter?
        /// Nothing before this number is owed.
        let start: UInt64
        let group: String?
        var calls: [CallID] = []
        var isSubscription = false
        var isClosed = false
        var held: [UInt64] = []
    }

    @Test(
        "every session's events are delivered once and in order, or counted as lost",
        arguments: 1...40 as ClosedRange<UInt64>)
    func sessions(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var limits = DeliveryLimits()
        (limits.scanBudget, limits.subscriptionBudget, limits.pendingReads) = (5, 10_000, 4)
        let driver = try Driver(limits: limits, logBytes: 68 << 10)
        driver.resumesAtOnce = false
        var history: [EventType] = []
        var readers: [Reader] = []
        let filters: [Filter?] = [
            nil, Filter(types: [.exec]), Filter(types: [.fork, .exit]), Filter(paths: ["/a/**"]),
        ]

        for _ in 0..<1500 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<45:
                let type: EventType = [.exec, .fork, .exit].randomElement(using: &random) ?? .exec
                history.append(type)
                driver.append(
                    type, path: type == .exec ? "/a/x" : "/b", padding: Int.random(in: 0...6000, using: &random))
            case 45..<48 where readers.count < 12:
                let filter = filters.randomElement(using: &random) ?? nil
                let log = (driver.delivery.log.oldestSequence, driver.delivery.nextSequence)
                let next = UInt64.random(in: log.0...log.1, using: &random)
                var reader = Reader(id: driver.connect(), filter: filter, start: next, group: nil)
                if Bool.random(using: &random) {
                    reader.isSubscription = true
                    reader.calls = [try driver.subscribe(reader.id, filter: filter, after: driver.cursor(next - 1))]
                } else {
                    let request = OpenRequest(filter: filter, after: driver.cursor(next - 1))
                    _ = try driver.delivery.open(reader.id, request)
                }
                readers.append(reader)
            case 48..<75:
                guard let index = readers.indices.randomElement(using: &random), !readers[index].isSubscription,
                    !readers[index].isClosed
                else { continue }
                let request = ReadRequest(
                    timeoutMSec: [nil, 0, 50].randomElement(using: &random) ?? nil,
                    maxBytes: [nil, nil, 150].randomElement(using: &random) ?? nil)
                readers[index].calls.append(driver.read(readers[index].id, request))
            case 75..<80:
                guard let index = readers.indices.randomElement(using: &random), readers[index].isSubscription else {
                    continue
                }
                driver.writable(readers[index].id, Bool.random(using: &random))
            case 80..<85:
                // A timer may fire late, for a call that has ended.
                guard let reader = readers.randomElement(using: &random),
                    let call = reader.calls.randomElement(using: &random)
                else { continue }
                driver.fire(call, reader.id)
            case 85..<87:
                guard let status = driver.delivery.sessionStatus.randomElement(using: &random),
                    let reader = readers.first(where: { !$0.isSubscription && !$0.isClosed })
                else { continue }
                let isSubscription = readers.contains { $0.isSubscription && driver.pending[$0.calls[0]] != nil }
                if !isSubscription { _ = try driver.cancel(status.session, by: reader.id) }
            case 87:
                guard let index = readers.indices.randomElement(using: &random) else { continue }
                driver.close(readers[index].id)
                readers[index].isClosed = true
            default: driver.resume()
            }
        }

        for reader in readers {
            while !driver.resumable.isEmpty { driver.resume() }
            if !reader.isClosed {
                if reader.isSubscription {
                    var told: Int
                    repeat {
                        told = driver.order.count
                        driver.writable(reader.id, true)
                        while !driver.resumable.isEmpty { driver.resume() }
                    } while driver.order.count > told
                } else {
                    try finish(reader, driver)
                }
            }
            check(reader, driver, history)
        }
        for index in readers.indices where !readers[index].isClosed { driver.close(readers[index].id) }
        #expect(driver.pending.isEmpty && driver.delivery.sessionCount == 0 && driver.delivery.pendingReadCount == 0)
        #expect(driver.timers.isEmpty)
        let isCharged = !driver.delivery.loads.isEmpty
        #expect(!isCharged, "nothing is charged to a user who has nothing")
    }

    /// Reads until there is nothing more.
    private func finish(_ reader: Reader, _ driver: Driver) throws {
        for call in driver.pending.filter({ $0.value == reader.id }).keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            // What still pends, after all turns were taken, has nothing to get.
            driver.fire(call, reader.id)
        }
        driver.drainReads(reader.id)
    }

    private func check(_ reader: Reader, _ driver: Driver, _ history: [EventType]) {
        var next = reader.start
        for entry in driver.order where driver.owner(entry.call) == reader.id {
            let reached: UInt64
            let expectedCount: Int
            switch entry.outcome {
            case .event(let sequence, _): (reached, expectedCount) = (sequence, 1)
            case .shortened(let sequence, _): (reached, expectedCount) = (sequence, 1)
            case .gap(let first, let last, let count, let lost):
                #expect(first >= next && lost == count)
                (reached, expectedCount) = (last, Int(count))
            case .ready, .failed: continue
            }
            guard reached >= next else {
                Issue.record("\(entry.outcome) came after \(next - 1)")
                return
            }
            #expect(owed(next...reached, reader.filter, history) == expectedCount, "between \(next) and \(reached)")
            next = reached + 1
        }
        guard !reader.isClosed, next <= UInt64(history.count) else { return }
        #expect(owed(next...UInt64(history.count), reader.filter, history) == 0, "never delivered")
    }

    private func owed(_ range: ClosedRange<UInt64>, _ filter: Filter?, _ history: [EventType]) -> Int {
        range.count { sequence in
            let type = history[Int(sequence) - 1]
            if filter?.paths != nil { return type == .exec }
            return filter?.types?.contains(type) ?? true
        }
    }

    @Test(
        "every event of a group is acknowledged, held, or counted as lost, and never held by two",
        arguments: 1...40 as ClosedRange<UInt64>)
    func groups(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &* 977)
        let driver = try Driver(logBytes: 68 << 10)
        var members: [(id: ConnectionID, held: [UInt64], read: CallID?)] = []
        let filter = Filter(types: [.exec])
        // The group begins with the log.
        members.append((try driver.open(filter: filter, group: "g"), [], nil))
        var acknowledged: Set<UInt64> = []
        var matching = 0
        var seen = 0

        // What the members were given since the last look.
        func collect() {
            for (call, outcome) in driver.order[seen...] {
                guard let index = members.firstIndex(where: { $0.id == driver.owner(call) }) else { continue }
                if members[index].read == call { members[index].read = nil }
                guard case .event(let sequence, _) = outcome else { continue }
                #expect(!acknowledged.contains(sequence), "\(sequence) was done")
                #expect(!members.contains { $0.held.contains(sequence) }, "\(sequence) is held by two")
                members[index].held.append(sequence)
            }
            seen = driver.order.count
        }

        for _ in 0..<1500 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<40:
                let type: EventType = Bool.random(using: &random) ? .exec : .fork
                if type == .exec { matching += 1 }
                driver.append(type, padding: Int.random(in: 0...6000, using: &random))
            case 40..<45 where members.count < 6:
                members.append((try driver.open(filter: filter, group: "g"), [], nil))
            case 45..<48:
                guard let index = members.indices.randomElement(using: &random) else { continue }
                // Its events are the group's again.
                let id = members.remove(at: index).id
                driver.close(id)
            default:
                guard let index = members.indices.randomElement(using: &random), members[index].read == nil else {
                    continue
                }
                var acknowledge: Cursor?
                if let done = members[index].held.randomElement(using: &random) {
                    acknowledge = driver.cursor(done)
                    let end = (members[index].held.firstIndex(of: done) ?? 0) + 1
                    acknowledged.formUnion(members[index].held.prefix(end))
                    members[index].held.removeFirst(end)
                }
                members[index].read = driver.read(members[index].id, ReadRequest(acknowledge: acknowledge))
            }
            collect()
        }

        for member in members { driver.close(member.id) }
        members = [(try driver.open(filter: filter, group: "g"), [], nil)]
        driver.drainReads(members[0].id)
        collect()
        let lost = Int(driver.delivery.statistics.lost)
        #expect(acknowledged.isDisjoint(with: members[0].held))
        #expect(acknowledged.count + members[0].held.count + lost == matching)
        #expect(driver.delivery.pendingReadCount == 0)
    }
}
