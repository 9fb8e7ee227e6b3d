/// What correlations may remember. What does not fit makes room for what is newer, and is counted.
public struct CorrelationLimits: Sendable {
    /// Groups of one correlation.
    public var groups = 4_096
    /// Events, values and members that the groups of one correlation remember together.
    public var entries = 65_536

    public init() {}
}

/// Evaluates correlation rules on the matches of other rules, online.
///
/// Time is that of the events; one that comes late counts as of the latest seen. A correlation whose condition is a
/// lower bound (`gt`, `gte`; all rules of a temporal one) matches on the very event that fulfils it, within a frame
/// that slides, and its group starts anew: a flood of N times the threshold makes N matches. A condition with an upper
/// bound (`lt`, `lte`, `eq`, `neq`) can only be decided at the end: its frame begins with the first event of a group
/// and is decided when it is over, by a later event or by `advance(to:)`.
///
/// An event that lacks a `group-by` field belongs to no group; one that lacks a counted field has no value.
public struct CorrelationEngine: Sendable {
    private let correlations: [ResolvedCorrelation]
    private let limits: CorrelationLimits
    private var tables: [GroupTable<GroupState>]
    private var sizes: [Int]
    private var now: UInt64 = 0
    /// Groups forgotten before their time because a limit was reached.
    public private(set) var evictedGroups: UInt64 = 0

    public init(_ rules: RuleSet, limits: CorrelationLimits = CorrelationLimits()) {
        correlations = rules.correlations
        self.limits = limits
        tables = correlations.map { _ in GroupTable() }
        sizes = correlations.map { _ in 0 }
    }

    /// When `advance(to:)` is due although no event comes: the end of the first frame that is decided at its end. nil
    /// where there is none.
    public var nextDecision: UInt64? {
        var next: UInt64?
        for index in correlations.indices where !correlations[index].correlation.condition.isLowerBound {
            // Such groups are never touched, so the oldest slot has the earliest start.
            guard let slot = tables[index].oldestSlot else { continue }
            let end = tables[index][slot].start + correlations[index].correlation.timespan + 1
            next = min(next ?? end, end)
        }
        return next
    }

    /// Groups that are remembered now.
    public var groupCount: Int { tables.reduce(0) { $0 + $1.count } }

    /// Takes in one event and appends the correlations that match.
    ///
    /// - Parameters:
    ///   - matches: indexes of the rules that match the event; correlations are appended, and may refer to each other.
    ///   - time: microseconds of any clock that does not jump.
    public mutating func observe(_ event: borrowing FieldValues, at time: UInt64, matches: inout [Int]) {
        guard !correlations.isEmpty else { return }
        advance(to: time, matches: &matches)
        for index in correlations.indices where !matches.isEmpty {
            let members = correlations[index].members
            let matched = members.indices.filter { matches.contains(members[$0].rule) }
            guard !matched.isEmpty else { continue }
            if observe(matched, of: index, event) { matches.append(correlations[index].rule) }
        }
    }

    /// Decides the frames that are over, and forgets groups that no event can complete any more.
    public mutating func advance(to time: UInt64, matches: inout [Int]) {
        now = max(now, time)
        for index in correlations.indices {
            let correlation = correlations[index]
            while let slot = tables[index].oldestSlot {
                let state = tables[index][slot]
                guard now - state.start > correlation.correlation.timespan else { break }
                if !correlation.correlation.condition.isLowerBound,
                    correlation.correlation.condition.holds(for: state.finalCount(correlation))
                {
                    matches.append(correlation.rule)
                }
                forget(slot, of: index)
            }
        }
    }

    private mutating func observe(_ matched: [Int], of index: Int, _ event: borrowing FieldValues) -> Bool {
        let resolved = correlations[index]
        // With aliases the same event may stand in several groups.
        var byGroup: [(key: GroupKey, members: [Int])] = []
        for member in matched {
            guard let key = GroupKey(resolved.members[member].groupFields, of: event) else { continue }
            if let known = byGroup.firstIndex(where: { $0.key == key }) {
                byGroup[known].members.append(member)
            } else {
                byGroup.append((key, [member]))
            }
        }
        var hasMatched = false
        for (key, members) in byGroup {
            let begin = now
            let groups = tables[index].count
            let slot = tables[index].slot(of: key) {
                var state = GroupState()
                state.start = begin
                return state
            }
            let before = tables[index].count > groups ? 0 : tables[index][slot].size
            let isComplete = update(slot, of: index, resolved, members, event)
            sizes[index] += tables[index][slot].size - before
            if isComplete {
                hasMatched = true
                forget(slot, of: index)
            } else if resolved.correlation.condition.isLowerBound {
                // The start is that of the latest event: a group without any within the time span is over.
                tables[index][slot].start = now
                tables[index].touch(slot)
            }
            makeRoom(in: index)
        }
        return hasMatched
    }

    private mutating func update(
        _ slot: Int, of index: Int, _ resolved: ResolvedCorrelation, _ members: [Int], _ event: borrowing FieldValues
    ) -> Bool {
        let correlation = resolved.correlation
        let timespan = correlation.timespan
        let greatest = correlation.condition.greatest
        let isLowerBound = correlation.condition.isLowerBound
        let count = resolved.members.count
        switch correlation.kind {
        case .eventCount:
            guard isLowerBound else {
                tables[index][slot].countEvent(greatest: greatest)
                return false
            }
            return correlation.condition.holds(for: tables[index][slot].addEvent(at: now, within: timespan))
        case .valueCount:
            var value: GroupKey?
            for member in members where value == nil {
                value = GroupKey(resolved.members[member].valueFields, of: event)
            }
            guard let value else { return false }
            guard isLowerBound else {
                tables[index][slot].countValue(value, greatest: greatest)
                return false
            }
            let values = tables[index][slot].addValue(value, at: now, within: timespan, greatest: greatest)
            return correlation.condition.holds(for: values)
        case .temporal:
            guard isLowerBound else {
                for member in members { tables[index][slot].countMember(member, of: count) }
                return false
            }
            for member in members { tables[index][slot].addMember(member, of: count, at: now, within: timespan) }
            return correlation.condition.holds(
                for: tables[index][slot].presentMembers(at: now, within: timespan, resolved.members))
        case .temporalOrdered:
            return tables[index][slot].advance(members, of: count, at: now, within: timespan)
        }
    }

    private mutating func makeRoom(in index: Int) {
        while tables[index].count > limits.groups || sizes[index] > limits.entries,
            let oldest = tables[index].oldestSlot
        {
            forget(oldest, of: index)
            evictedGroups += 1
        }
    }

    private mutating func forget(_ slot: Int, of index: Int) {
        sizes[index] -= tables[index][slot].size
        tables[index].remove(slot, empty: GroupState())
    }
}
