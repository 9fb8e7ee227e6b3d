import TestKit
import Testing
import TocsinEvents

@testable import TocsinDelivery

/// Groups of a process that was killed, as the next one finds them.
@Suite struct GroupResumeTests {
    private func begin(_ region: Region) throws -> Driver {
        Driver(try EventLog(memory: region.memory(), instance: 7))
    }

    private func resume(_ region: Region) throws -> Driver { Driver(try EventLog(resuming: region.memory())) }

    @Test("what a member was given and had not acknowledged comes again after a restart, then what is new")
    func unacknowledged() throws {
        let region = Region()
        do {
            let driver = try begin(region)
            let member = try driver.open(group: "g")
            for _ in 1...5 { driver.append(.exec) }
            for _ in 1...3 { _ = driver.poll(member) }
            _ = driver.poll(member, acknowledge: driver.cursor(2))
        }
        let driver = try resume(region)
        driver.append(.exec)
        let member = try driver.open(group: "g")
        let given = (1...5).map { _ in driver.poll(member) }
        let numbers = given.map { outcome -> UInt64 in
            if case .event(let sequence, _)? = outcome { sequence } else { 0 }
        }
        #expect(numbers == [3, 4, 5, 6, 0])
    }

    @Test("a group comes back with its filter and user; another user's of the same name is another")
    func identity() throws {
        let region = Region()
        let filter = Filter(types: [.fork], paths: ["/ä/\"*\""], uids: [1, 2])
        do {
            let driver = try begin(region)
            _ = try driver.open(uid: 1, filter: filter, group: "ü \n")
            driver.append(.exec)
        }
        let driver = try resume(region)
        #expect(driver.delivery.groupCount == 1)
        _ = try driver.open(uid: 1, filter: filter, group: "ü \n")
        #expect(throws: DeliveryError.self) { _ = try driver.open(uid: 1, filter: Filter(), group: "ü \n") }
        #expect(driver.delivery.groupCount == 1)
        _ = try driver.open(uid: 2, filter: Filter(), group: "ü \n")
        #expect(driver.delivery.groupCount == 2)
    }

    @Test("a place in the table that was given up leaves nothing to the group that gets it")
    func reused() throws {
        let region = Region()
        var limits = DeliveryLimits()
        limits.groupsPerUser = 1
        do {
            let driver = Driver(try EventLog(memory: region.memory(), instance: 7), limits: limits)
            let member = try driver.open(group: "old")
            driver.append(.exec)
            _ = driver.poll(member)
            driver.close(member)
            _ = try driver.open(group: "new")
        }
        let driver = try resume(region)
        let member = try driver.open(group: "new")
        #expect(driver.poll(member) == .failed(.timedOut))
    }

    @Test("a group of a user who saw all is not handed to one who may see only its own")
    func restricted() throws {
        let region = Region()
        do {
            let driver = try begin(region)
            _ = try driver.open(uid: 5, group: "g")
            driver.append(.exec)
        }
        let driver = try resume(region)
        let id = driver.connect(uid: 5, ownEventsOnly: true)
        _ = try driver.delivery.open(id, OpenRequest(group: "g"))
        #expect(driver.poll(id) == .failed(.timedOut))
    }

    @Test("a filter too long to be kept is refused, with the bound")
    func longFilter() throws {
        let driver = try begin(Region())
        let path = "/" + String(repeating: "x", count: 1000)
        #expect(throws: DeliveryError.limitExceeded(.groupFilterBytes, value: 7936)) {
            _ = try driver.open(filter: Filter(paths: Array(repeating: path, count: 9)), group: "g")
        }
        #expect(driver.delivery.groupCount == 0)
    }

    #if DEBUG
    // MARK: Killed anywhere

    /// What the group has a right to: events, and how many it must be told to have lost.
    private struct Due: Equatable {
        var events: Set<UInt64>
        var lost: UInt64
        var total: UInt64 { UInt64(events.count) + lost }
    }

    private func due(_ driver: Driver, _ key: GroupKey) -> Due? {
        guard let slot = driver.delivery.groups[key] else { return nil }
        var events = Set(driver.delivery.streams[slot].redelivery)
        for member in driver.delivery.streams[slot].members {
            for given in driver.delivery.sessions[member].unacknowledged where given.loss == nil {
                if driver.delivery.log.contains(given.sequence) { events.insert(given.sequence) }
            }
        }
        for sequence in max(
            driver.delivery.streams[slot].next, driver.delivery.log.oldestSequence)..<driver.delivery.nextSequence
        {
            let facts = driver.delivery.log.facts(of: sequence)
            if driver.delivery.log.matches(driver.delivery.streams[slot].filter, sequence, facts) {
                events.insert(sequence)
            }
        }
        return Due(events: events, lost: driver.delivery.unacknowledgedLoss(slot)?.count ?? 0)
    }

    @Test(
        "killed between any two stores, every event a group is owed is given again or counted as lost, and no other",
        arguments: 1...3 as ClosedRange<UInt64>)
    func killedAnywhere(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let region = Region()
        let driver = try begin(region)
        let keys = ["all", "forks"].map { GroupKey(uid: 1000, name: $0) }
        var members: [(id: ConnectionID, key: Int)] = []
        var snapshots: [Region] = []
        var stores = 0
        driver.delivery.log.memory.willStore = {
            stores += 1
            // Records are written where nobody looks: not every byte of them is worth a look.
            if stores.isMultiple(of: 3) || snapshots.count < 4 { snapshots.append(region.copy()) }
        }
        for (index, key) in keys.enumerated() {
            members.append((try driver.open(filter: filter(index), group: key.name), index))
        }

        for step in 0..<250 {
            let before = keys.map { due(driver, $0) }
            snapshots = []
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                driver.append(
                    Bool.random(using: &random) ? .exec : .fork, padding: Int.random(in: 2000...7000, using: &random))
            case 4..<8:
                guard let member = members.randomElement(using: &random) else { continue }
                let held = driver.delivery.connections[member.id]?.session.flatMap {
                    driver.delivery.sessions[$0].unacknowledged.randomElement(using: &random)?.sequence
                }
                _ = driver.poll(
                    member.id, acknowledge: Bool.random(using: &random) ? held.map(driver.cursor) : nil)
            case 8 where members.count < 6:
                let index = Int.random(in: 0..<2, using: &random)
                members.append((try driver.open(filter: filter(index), group: keys[index].name), index))
            default:
                guard members.count > 1, let index = members.indices.randomElement(using: &random) else { continue }
                driver.close(members.remove(at: index).id)
            }
            let after = keys.map { due(driver, $0) }
            for snapshot in snapshots + [region.copy()] {
                let resumed = try resume(snapshot)
                for (index, key) in keys.enumerated() {
                    try check(due(resumed, key), before[index], after[index], "step \(step) of \(key.name)")
                }
            }
            let end = try resume(region.copy())
            #expect(keys.map { due(end, $0) } == after, "step \(step)")
        }
        #expect(stores > 1000)
    }

    private func filter(_ index: Int) -> Filter { index == 0 ? Filter() : Filter(types: [.fork]) }

    private func check(_ found: Due?, _ before: Due?, _ after: Due?, _ place: String) throws {
        let (found, before, after) = (try #require(found), try #require(before), try #require(after))
        #expect(found.events.isSuperset(of: before.events.intersection(after.events)), "\(place)")
        #expect(found.events.isSubset(of: before.events.union(after.events)), "\(place)")
        // Neither twice nor not at all: an event that leaves the log is in one of the two.
        let totals = min(before.total, after.total)...max(before.total, after.total)
        #expect(totals.contains(found.total), "\(place): \(found) is between neither \(before) nor \(after)")
    }
    #endif
}
