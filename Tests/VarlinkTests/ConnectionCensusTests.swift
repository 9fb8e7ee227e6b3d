import Testing

@testable import Varlink

/// Who finds room for a connection.
@Suite struct ConnectionCensusTests {
    private func census(_ connections: Int, perUser: Int = 100, reserved: Int = 0) -> ConnectionCensus {
        var limits = ServerLimits()
        limits.maximumConnections = connections
        limits.maximumConnectionsPerUser = perUser
        limits.connectionsReservedForRoot = reserved
        return ConnectionCensus(limits)
    }

    @Test("however many users fill the table, root finds the places that are reserved, and no more")
    func reserve() {
        var census = census(10, reserved: 2)
        for uid: UInt32 in 1...8 { #expect(census.admit(uid: uid) == nil) }
        #expect(census.admit(uid: 9) == .overLimit)
        #expect(census.admit(uid: 0) == nil)
        #expect(census.admit(uid: 0) == nil)
        #expect(census.admit(uid: 0) == .overLimit)
        census.left(uid: 0)
        #expect(census.admit(uid: 9) == .overLimit, "what root leaves is not for others")
        census.left(uid: 3)
        census.left(uid: 0)
        #expect(census.admit(uid: 9) == nil)
        #expect(census.count == 8)
    }

    @Test("root in the places of all leaves the reserve alone")
    func rootFirst() {
        var census = census(4, reserved: 2)
        for _ in 0..<3 { #expect(census.admit(uid: 0) == nil) }
        #expect(census.admit(uid: 1) == .overLimit)
        #expect(census.admit(uid: 0) == nil)
    }

    @Test("a user has its own bound, and a place that is left is free again")
    func perUser() {
        var census = census(10, perUser: 2)
        #expect(census.admit(uid: 5) == nil)
        #expect(census.admit(uid: 5) == nil)
        #expect(census.admit(uid: 5) == .overUserLimit)
        #expect(census.admit(uid: 6) == nil)
        census.left(uid: 5)
        #expect(census.admit(uid: 5) == nil)
    }
}
