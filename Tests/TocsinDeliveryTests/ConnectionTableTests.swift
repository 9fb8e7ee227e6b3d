import Testing

@testable import TocsinDelivery

@Suite struct ConnectionTableTests {
    @Test("a connection that is gone finds nothing of the one that has its slot since")
    func slotsAreGivenAgain() {
        var names = ConnectionTable<String>()
        let old = ConnectionID(1, slot: 3)
        let new = ConnectionID(2, slot: 3)
        #expect(names[old] == nil)
        names[old] = "old"
        #expect(names[old] == "old")
        #expect(names[new] == nil)
        #expect(names[ConnectionID(1, slot: 4)] == nil)

        names[old] = nil
        names[new] = "new"
        #expect(names[old] == nil)
        #expect(names[new] == "new")
        names[old] = nil
        #expect(names[new] == "new", "whose slot it is by now keeps what it has")
    }
}
