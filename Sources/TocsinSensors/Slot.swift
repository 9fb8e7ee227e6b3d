import Synchronization

/// Where a source keeps what it owns between `open`, `run` and `close`: put in by one thread, taken out by another.
final class Slot<Value: ~Copyable & Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    /// Whatever is in there is released.
    func put(_ new: consuming Value) {
        // A closure cannot consume what it captures, but it can take from an optional.
        var new: Value? = consume new
        value.withLock { $0 = new.take() }
    }

    func take() -> Value? { value.withLock { $0.take() } }
    func withValue(_ body: (borrowing Value) -> Void) {
        value.withLock { slot in
            guard let value = slot.take() else { return }
            body(value)
            slot = consume value
        }
    }

    func clear() { value.withLock { $0 = nil } }
}
