/// One thing that was looked at.
package struct Finding: Hashable, Sendable {
    /// What was looked at, in a word: `ebpf`, `fanotify`, `daemon`, `losses`.
    package var subject: String
    package var state: State
    package var message: String
    /// What would help.
    package var advice: String?

    /// In rising order; the worst of all findings is the exit status of `tocsin doctor`.
    package enum State: Int32, Hashable, Sendable, Comparable, CaseIterable {
        case good = 0
        /// Works, but less well than it could.
        case limited = 1
        /// Does not work.
        case broken = 2

        package static func < (lhs: State, rhs: State) -> Bool { lhs.rawValue < rhs.rawValue }

        package var name: String {
            switch self {
            case .good: "good"
            case .limited: "limited"
            case .broken: "broken"
            }
        }
    }

    package init(_ subject: String, _ state: State, _ message: String, advice: String? = nil) {
        self.subject = subject
        self.state = state
        self.message = message
        self.advice = advice
    }
}
