/// Counts connections by user, and decides whether there is room for one more. Pure.
struct ConnectionCensus {
    private let limits: ServerLimits
    private(set) var count = 0
    private var ofUser: [UInt32: Int] = [:]

    init(_ limits: ServerLimits) { self.limits = limits }

    enum Refusal: Hashable {
        case overLimit, overUserLimit
    }

    /// Counts the connection, or says why not.
    mutating func admit(uid: UInt32) -> Refusal? {
        // However many users fill what is theirs, the administrator comes in to see who it is.
        let room = limits.maximumConnections - (uid == 0 ? 0 : limits.connectionsReservedForRoot)
        guard count < room else { return .overLimit }
        guard ofUser[uid, default: 0] < limits.maximumConnectionsPerUser else { return .overUserLimit }
        count += 1
        ofUser[uid, default: 0] += 1
        return nil
    }

    /// A connection that was admitted is gone.
    mutating func left(uid: UInt32) {
        guard let number = ofUser[uid] else { return }
        count -= 1
        ofUser[uid] = number > 1 ? number - 1 : nil
    }
}
