import NIOCore

/// A call's place among the calls of its connection: the first is 0.
public struct CallID: Hashable, Strideable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public func distance(to other: CallID) -> Int { Int(other.rawValue) - Int(rawValue) }
    public func advanced(by count: Int) -> CallID { CallID(rawValue: UInt64(Int(rawValue) + count)) }

    public static func < (lhs: CallID, rhs: CallID) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Which call may be dispatched next, and where a reply goes: replies leave in the order of the calls.
///
/// Usually one call runs at a time. Calls of a method that *pends together* are dispatched while earlier calls of the
/// same method are unanswered; should their replies come out of order, they are held until it is their turn.
struct CallSequence {
    let maximumUnanswered: Int

    /// The oldest call that was dispatched and not answered.
    private var first: UInt64 = 0
    /// Calls from there on that were dispatched.
    private(set) var count = 0
    /// What these have in common: two of any other mode than `single` are never under way together.
    private var mode = CallMessage.Mode.single
    /// The method of which further calls may join them.
    private var pending: Callee?
    /// Replies to calls that were answered before earlier ones.
    private var held: [UInt64: ByteBuffer] = [:]

    init(maximumUnanswered: Int) { self.maximumUnanswered = maximumUnanswered }

    var isEmpty: Bool { count == 0 }

    // MARK: Dispatch

    /// Whether the call may run now.
    func admits(_ call: CallMessage, pendsTogether: Bool) -> Bool {
        if isEmpty { return true }
        return pendsTogether && call.mode == .single && call.callee == pending && count < maximumUnanswered
    }

    /// How many more calls may join those that pend together.
    var room: Int { maximumUnanswered - count }

    /// Takes another call that says the same as the one dispatched last, and pends together with it.
    mutating func dispatchAgain(_ times: Int) { count += times }

    /// Takes a call that is admitted.
    mutating func dispatch(_ call: CallMessage, pendsTogether: Bool) -> CallID {
        if isEmpty {
            mode = call.mode
            pending = pendsTogether && call.mode == .single ? call.callee : nil
        }
        count += 1
        return CallID(rawValue: first + UInt64(count - 1))
    }

    // MARK: Replies

    /// Where a reply belongs.
    enum Place: Hashable {
        /// Behind what was written last.
        case now
        /// Behind the replies of earlier calls: it is answered with `hold`.
        case later
        /// Nowhere: the call is answered, wants no reply, or no further one.
        case nowhere
    }

    func place(of id: CallID, continues: Bool) -> Place {
        guard isUnderWay(id), held.isEmpty || held[id.rawValue] == nil else { return .nowhere }
        switch mode {
        case .oneway: return .nowhere
        case .single, .upgrade: if continues { return .nowhere }
        case .more: break
        }
        return id.rawValue == first ? .now : .later
    }

    /// Answers a call whose place is `later`.
    mutating func hold(_ reply: ByteBuffer, for id: CallID) {
        if isUnderWay(id) { held[id.rawValue] = reply }
    }

    /// Notes that the first call's last reply was made, and hands out the replies whose turn it thereby is; a `oneway`
    /// call ends when its handler returns.
    mutating func answer(_ id: CallID, _ write: (inout ByteBuffer) -> Void) {
        guard !isEmpty, id.rawValue == first else { return }
        removeFirst()
        while !held.isEmpty, var reply = held.removeValue(forKey: first) {
            removeFirst()
            write(&reply)
        }
    }

    private mutating func removeFirst() {
        first += 1
        count -= 1
    }

    private func isUnderWay(_ id: CallID) -> Bool { id.rawValue >= first && id.rawValue - first < UInt64(count) }
}
