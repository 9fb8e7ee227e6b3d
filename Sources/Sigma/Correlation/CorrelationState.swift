/// A correlation whose references are resolved.
struct ResolvedCorrelation: Sendable {
    struct Member: Sendable {
        let rule: Int
        let groupFields: [FieldID]
        let valueFields: [FieldID]
    }

    /// Its own index in the rule set.
    let rule: Int
    let correlation: Correlation
    /// In the order the rule lists them.
    let members: [Member]
}

/// What a group has seen within its time frame. Times are microseconds.
struct GroupState: Sendable {
    /// When the group's frame began: decides correlations that wait for its end.
    var start: UInt64 = 0
    /// When each of the counted events was, oldest first.
    private(set) var times: [UInt64] = []
    private var expired = 0
    /// When each distinct value was last seen.
    private(set) var values: [GroupKey: UInt64] = [:]
    /// For each member when it last matched; for an ordered correlation, when the latest sequence began that has come
    /// as far as this member.
    private(set) var members: [UInt64?] = []

    /// What the group costs: events, values and members it remembers.
    var size: Int { 1 + times.count + values.count + members.count }

    // MARK: Sliding frames

    mutating func addEvent(at time: UInt64, within timespan: UInt64) -> Int {
        while expired < times.count, isExpired(times[expired], time, timespan) { expired += 1 }
        if expired > times.count / 2 {
            times.removeFirst(expired)
            expired = 0
        }
        times.append(time)
        return times.count - expired
    }

    /// - Parameter greatest: more values than this make no difference.
    mutating func addValue(_ value: GroupKey, at time: UInt64, within timespan: UInt64, greatest: Int) -> Int {
        values[value] = time
        if values.count > greatest { values = values.filter { !isExpired($0.value, time, timespan) } }
        return values.reduce(0) { isExpired($1.value, time, timespan) ? $0 : $0 + 1 }
    }

    mutating func addMember(_ index: Int, of count: Int, at time: UInt64, within timespan: UInt64) {
        if members.isEmpty { members = Array(repeating: nil, count: count) }
        members[index] = time
    }

    func presentMembers(at time: UInt64, within timespan: UInt64, _ rules: [ResolvedCorrelation.Member]) -> Int {
        Set(
            zip(rules, members).compactMap { rule, last in
                last.flatMap { isExpired($0, time, timespan) ? nil : rule.rule }
            }
        ).count
    }

    /// Members that matched, in descending order so that one event is never two steps of a sequence. True where the
    /// last step is reached.
    mutating func advance(_ matched: [Int], of count: Int, at time: UInt64, within timespan: UInt64) -> Bool {
        if members.isEmpty { members = Array(repeating: nil, count: count) }
        for index in matched.reversed() {
            if index == 0 {
                members[0] = time
            } else if let start = members[index - 1], !isExpired(start, time, timespan) {
                members[index] = start
            }
            if index == count - 1, let start = members[index], !isExpired(start, time, timespan) { return true }
        }
        return false
    }

    private func isExpired(_ then: UInt64, _ now: UInt64, _ timespan: UInt64) -> Bool { now - then > timespan }

    // MARK: Frames that are decided at their end

    /// What is beyond `greatest` makes no difference and is not kept.
    mutating func countEvent(greatest: Int) { if times.count < greatest { times.append(0) } }
    mutating func countValue(_ value: GroupKey, greatest: Int) { if values.count < greatest { values[value] = 0 } }
    mutating func countMember(_ index: Int, of count: Int) {
        if members.isEmpty { members = Array(repeating: nil, count: count) }
        members[index] = 0
    }

    func finalCount(_ correlation: ResolvedCorrelation) -> Int {
        switch correlation.correlation.kind {
        case .eventCount: times.count
        case .valueCount: values.count
        case .temporal, .temporalOrdered:
            Set(zip(correlation.members, members).compactMap { $1 == nil ? nil : $0.rule }).count
        }
    }
}
