/// Decides which refusals are logged: a few of each user in a minute, so that a client that is refused a thousand times
/// a second neither fills the journal nor hides the refusals of others. Pure: no clock, no I/O.
struct RefusalBudget {
    /// One for each user; where there are more users than that, the others share one.
    private var logged: [UInt32?: Int] = [:]
    private var began: UInt64?
    private(set) var suppressed: UInt64 = 0

    /// Nanoseconds.
    static let window: UInt64 = 60_000_000_000
    static let perUser = 10
    static let users = 16

    /// What is to be logged.
    struct Decision: Hashable {
        /// How many were not, in the window that is over; nil where none.
        var summary: UInt64?
        var isLogged: Bool
    }

    /// - Parameters:
    ///   - uid: nil for a refusal that is nobody's.
    ///   - now: monotonic, in nanoseconds.
    mutating func refusal(of uid: UInt32?, at now: UInt64) -> Decision {
        let summary = endWindow(at: now)
        if began == nil { began = now }
        let key = logged[uid] != nil || logged.count < Self.users ? uid : UInt32.max
        let count = logged[key, default: 0]
        guard count < Self.perUser else {
            suppressed += 1
            return Decision(summary: summary, isLogged: false)
        }
        logged[key] = count + 1
        return Decision(summary: summary, isLogged: true)
    }

    /// How many were not logged in the window, where it is over by now and there are any.
    mutating func endWindow(at now: UInt64) -> UInt64? {
        guard let began, now >= began + Self.window else { return nil }
        defer { self = RefusalBudget() }
        return suppressed > 0 ? suppressed : nil
    }

    /// When the window is over; nil where nothing would be told then.
    var dueNSec: UInt64? { suppressed > 0 ? began.map { $0 + Self.window } : nil }
}
