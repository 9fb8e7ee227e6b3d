import NIOCore

/// A call's place among the calls of its connection: the first is 0.
public struct CallID: Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static func < (lhs: CallID, rhs: CallID) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Which call may be dispatched next, and where a reply goes: replies leave in the order of the calls.
///
/// Usually one call runs at a time. Calls of a method that *pends together* are dispatched while earlier calls of the
/// same method are unanswered; should their replies come out of order, they are held until it is their turn.
struct CallSequence {
    let maximumUnanswered: Int

    private struct Entry {
        let mode: CallMessage.Mode
        var isAnswered = false
        /// Replies that wait for those of earlier calls.
        var held: ByteBuffer?
    }

    /// The calls that were dispatched and whose replies have not all left, oldest first.
    private var entries: CircularBuffer<Entry> = CircularBuffer(initialCapacity: 1)
    private var first: UInt64 = 0
    /// What the unanswered calls have in common if others may join them.
    private var pendingMethod: String?

    init(maximumUnanswered: Int) { self.maximumUnanswered = maximumUnanswered }

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    // MARK: Dispatch

    /// Whether the call may run now.
    func admits(_ call: CallMessage, pendsTogether: Bool) -> Bool {
        if entries.isEmpty { return true }
        return pendsTogether && call.mode == .single && call.method == pendingMethod
            && entries.count < maximumUnanswered
    }

    /// Takes a call that is admitted.
    mutating func dispatch(_ call: CallMessage, pendsTogether: Bool) -> CallID {
        if entries.isEmpty { pendingMethod = pendsTogether && call.mode == .single ? call.method : nil }
        entries.append(Entry(mode: call.mode))
        return CallID(rawValue: first + UInt64(entries.count - 1))
    }

    // MARK: Replies

    /// Where a reply belongs.
    enum Place: Hashable {
        /// Behind what was written last.
        case now
        /// Behind the replies of earlier calls: into `hold`.
        case later
        /// Nowhere: the call is answered, wants no reply, or no further one.
        case nowhere
    }

    func place(of id: CallID, continues: Bool) -> Place {
        guard let index = index(of: id), !entries[offset: index].isAnswered else { return .nowhere }
        switch entries[offset: index].mode {
        case .oneway: return .nowhere
        case .single, .upgrade: if continues { return .nowhere }
        case .more: break
        }
        return index == 0 ? .now : .later
    }

    /// Keeps a reply whose place is `later`.
    mutating func hold(_ reply: ByteBuffer, for id: CallID) {
        guard let index = index(of: id) else { return }
        entries[offset: index].held.setOrWriteImmutableBuffer(reply)
    }

    /// Notes that the last reply of a call was made; a `oneway` call ends when its handler returns.
    mutating func answer(_ id: CallID) {
        guard let index = index(of: id) else { return }
        entries[offset: index].isAnswered = true
    }

    /// Lets go of the calls at the front that are answered, and hands out the replies whose turn it thereby is.
    mutating func removeAnswered(_ write: (inout ByteBuffer) -> Void) {
        while let entry = entries.first, entry.isAnswered {
            entries.removeFirst()
            first += 1
            guard !entries.isEmpty, var held = entries[offset: 0].held else { continue }
            entries[offset: 0].held = nil
            write(&held)
        }
        if entries.isEmpty { pendingMethod = nil }
    }

    private func index(of id: CallID) -> Int? {
        guard id.rawValue >= first, id.rawValue - first < UInt64(entries.count) else { return nil }
        return Int(id.rawValue - first)
    }
}

extension CircularBuffer {
    /// The element at a distance from the first.
    fileprivate subscript(offset offset: Int) -> Element {
        get { self[index(startIndex, offsetBy: offset)] }
        set { self[index(startIndex, offsetBy: offset)] = newValue }
    }
}
