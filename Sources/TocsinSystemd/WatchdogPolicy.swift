/// Decides whether the service manager may be told that the daemon is well. Pure: no clock, no I/O.
///
/// A timer that answers for a process proves only that its timer works. Here each worker shows a count of what it has
/// completed and whether something waits for it; one that has work and completes none of it for `patience` is stuck,
/// and then the watchdog is left to bite. An idle worker is well. The loop that serves the queue makes the observations
/// itself, so a blocked loop makes none.
package struct WatchdogPolicy: Sendable {
    /// How long work may wait without any progress, in nanoseconds.
    package let patience: UInt64
    private var workers: [(name: String, state: State)] = []

    private struct State {
        var completed: UInt64
        /// Since when work waits and nothing is completed; nil where none waits.
        var stuckSince: UInt64?
    }

    package enum Verdict: Hashable, Sendable {
        case well
        /// The names of the workers that are stuck.
        case stuck([String])
    }

    package init(patience: UInt64) { self.patience = patience }

    /// - Parameters:
    ///   - completed: a count that grows with each piece of work.
    ///   - hasWork: whether something waits for the worker.
    ///   - now: monotonic, in nanoseconds.
    package mutating func observe(_ worker: String, completed: UInt64, hasWork: Bool, now: UInt64) {
        guard let index = workers.firstIndex(where: { $0.name == worker }) else {
            workers.append((worker, State(completed: completed, stuckSince: hasWork ? now : nil)))
            return
        }
        let moved = workers[index].state.completed != completed
        workers[index].state.completed = completed
        if !hasWork {
            workers[index].state.stuckSince = nil
        } else if moved || workers[index].state.stuckSince == nil {
            workers[index].state.stuckSince = now
        }
    }

    /// A worker that was ended on purpose.
    package mutating func forget(_ worker: String) { workers.removeAll { $0.name == worker } }

    package func verdict(now: UInt64) -> Verdict {
        let stuck = workers.filter { worker in
            worker.state.stuckSince.map { now - min(now, $0) >= patience } ?? false
        }
        return stuck.isEmpty ? .well : .stuck(stuck.map(\.name))
    }
}
