import Testing

@testable import TocsinDelivery

@Suite struct DeliveryActionTests {
    private let connection = ConnectionID(1, slot: 0)

    private func completion(_ sequence: UInt64) -> Completion {
        Completion(
            connection: connection, call: CallID(sequence), event: .logged(sequence), queued: nil, lost: 0,
            continues: true)
    }

    private func order(_ actions: borrowing DeliveryActions) -> [String] {
        var order: [String] = []
        actions.forEach(
            completions: { run in order.append(run.indices.map { "\(run[$0].call.rawValue)" }.joined(separator: " ")) },
            other: { action in
                if case .disconnect(let id) = action { order.append("disconnect \(id.number)") }
            })
        return order
    }

    @Test("actions come in the order they were decided in, and completions in a row as one run")
    func order() {
        var actions = DeliveryActions()
        #expect(actions.isEmpty && order(actions) == [])
        actions.append(.disconnect(ConnectionID(1, slot: 0)))
        for sequence in 1...3 as ClosedRange<UInt64> { actions.append(completion(sequence)) }
        for number in 2...3 as ClosedRange<UInt64> { actions.append(.disconnect(ConnectionID(number, slot: 0))) }
        actions.append(completion(4))
        #expect(order(actions) == ["disconnect 1", "1 2 3", "disconnect 2", "disconnect 3", "4"])
        actions.removeAll()
        #expect(actions.isEmpty && order(actions) == [])
        actions.append(completion(5))
        #expect(!actions.isEmpty && order(actions) == ["5"])
    }
}
