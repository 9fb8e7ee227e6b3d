import Synchronization
import TocsinLinux
import TocsinRules

/// Loads the rules on a thread of its own: at the start, when asked, and when they change. Sleeps in between.
///
/// Rules are compiled here, so that the event loop only takes the finished set over. Owns an epoll, an eventfd and the
/// watch; the thread ends with `stop`.
final class RuleLoader: Sendable {
    /// What became of a load.
    struct Outcome: Sendable {
        var rules: Result<LoadedRules, SystemError>
        /// Why a change may go unnoticed.
        var watchFailures: [SystemError]
    }

    private struct State {
        var directories: [String]
        var isRequested = true
        var isStopping = false
        /// To be called when the next load was delivered.
        var waiting: [@Sendable () -> Void] = []
    }

    private enum Token: UInt64 { case wake, change }

    /// A change is taken over when nothing followed it for this long, so that many files are one change.
    private static let quietMSec: Int32 = 200
    /// Somebody who never stops writing delays a reload no longer than this.
    private static let longestDelayUSec: UInt64 = 2_000_000

    private let state: Mutex<State>
    private let wake: EventFD
    private let epoll: Epoll
    private let deliver: @Sendable (Outcome) -> Void

    /// - Parameter deliver: called on the loader's thread.
    init(directories: [String], deliver: @escaping @Sendable (Outcome) -> Void) throws(SystemError) {
        state = Mutex(State(directories: directories))
        wake = try EventFD()
        epoll = try Epoll()
        try epoll.add(wake.descriptor, token: Token.wake.rawValue)
        self.deliver = deliver
    }

    /// Asks for a load, from any thread. `done` is called on the loader's thread when that load was delivered.
    func reload(_ directories: [String], done: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            state.directories = directories
            state.isRequested = true
            if !state.isStopping { state.waiting.append(done) }
            return state.isStopping
        }
        if isLate { done() }
        wake.signal()
    }

    /// Makes `run` return soon, from any thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake.signal()
    }

    /// Runs on the calling thread until `stop`.
    func run() {
        while true {
            let (directories, waiting) = state.withLock { state in
                state.isRequested = false
                defer { state.waiting = [] }
                return (state.directories, state.waiting)
            }
            // The watch first: what changes while the rules are read is a change.
            var watch: RuleWatch?
            var failures: [SystemError] = []
            do throws(SystemError) {
                let new = try RuleWatch(directories)
                try epoll.add(new.inotify.descriptor, token: Token.change.rawValue)
                failures = new.failures
                watch = consume new
            } catch { failures = [error] }
            let rules = Result { () throws(SystemError) in try RuleReading.load(directories) }
            deliver(Outcome(rules: rules, watchFailures: failures))
            for done in waiting { done() }
            guard waitForWork(watch) else { break }
        }
        let waiting = state.withLock { state in
            state.isStopping = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for done in waiting { done() }
    }

    /// Sleeps until rules are to be loaded; false where the thread is to end.
    private func waitForWork(_ watch: borrowing RuleWatch?) -> Bool {
        /// When the change that is waited for was first seen.
        var changed: UInt64?
        while true {
            let (isRequested, isStopping) = state.withLock { ($0.isRequested, $0.isStopping) }
            if isStopping { return false }
            if isRequested { return true }
            if let changed, Clock.monotonicUSec() - changed > Self.longestDelayUSec { return true }
            // Fails only for a descriptor that is none, and these are this object's own.
            guard let ready = try? epoll.wait(timeoutMSec: changed == nil ? nil : Self.quietMSec) else { return false }
            if ready.isEmpty { return true }
            for item in ready {
                if item.token == Token.wake.rawValue {
                    wake.reset()
                } else if watch?.takeChanges() == true {
                    changed = changed ?? Clock.monotonicUSec()
                }
            }
        }
    }
}
