/// What is kept of each open connection, to be found without hashing: it is looked up for each call and each event.
struct ConnectionTable<Value> {
    /// By slot. A connection that is gone is not taken for the one that has its slot since.
    private var entries: [(number: UInt64, value: Value)?] = []

    subscript(id: ConnectionID) -> Value? {
        get {
            guard id.slot < entries.count, let entry = entries[id.slot], entry.number == id.number else { return nil }
            return entry.value
        }
        set {
            while id.slot >= entries.count { entries.append(nil) }
            if let newValue {
                entries[id.slot] = (id.number, newValue)
            } else if entries[id.slot]?.number == id.number {
                entries[id.slot] = nil
            }
        }
    }
}
