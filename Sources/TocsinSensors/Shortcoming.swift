import Synchronization

/// What a source cannot do at the moment, beyond what it can never do: set by its thread, read by any.
final class Shortcoming: Sendable {
    private let text = Mutex<String?>(nil)

    func set(_ new: String?) { text.withLock { $0 = new } }

    /// Behind the limitation that always holds.
    func appended(to limitation: String) -> String {
        text.withLock { $0.map { "\(limitation); now: \($0)" } ?? limitation }
    }
}
