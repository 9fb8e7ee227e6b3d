import Dispatch
import Synchronization
import TocsinLinux
import TocsinSensors

/// Keeps one of several candidate sources running on a thread of its own, as `SourceSupervision` decides.
///
/// Owns the sources it makes and closes each. Owns no event: each source feeds a receiver of its own.
final class SourceRunner: Sendable {
    /// What happens to the sources, for journal and readiness.
    enum Report: Sendable {
        /// It watches; `instead` tells why better ones do not.
        case armed(SourceName, limitation: String, instead: [SourceError])
        /// It was running and can go on no longer: from here on events are missing.
        case failed(SourceError)
        /// None works; all are tried again after a while.
        case waiting(Duration, because: [SourceError])
    }

    struct Candidate: Sendable {
        var name: SourceName
        var make: @Sendable () -> any Source
    }

    /// A candidate as the status shows it.
    struct Status: Sendable, Hashable {
        var name: SourceName
        var state: State
        /// Over all lives of this source.
        var statistics: SourceStatistics
        /// What it can miss, or why it does not run.
        var note: String?

        enum State: String, Sendable { case running, refused, failed, standby, stopped }
    }

    private let candidates: [Candidate]
    private let prepare: @Sendable (SourceName, _ isResumed: Bool) -> Void
    private let receiver: @Sendable (SourceName) -> any RecordReceiver
    private let report: @Sendable (Report) -> Void
    private let state: Mutex<State>
    /// Ends a pause early.
    private let stopRequested = DispatchSemaphore(value: 0)

    private struct State {
        var statuses: [Status]
        var stopping = false
        var running: (index: Int, source: any Source)?
    }

    /// - Parameters:
    ///   - prepare: called before the first record of each source that was opened; its descriptors are kept when this
    ///     has returned.
    ///   - receiver: made for each source that runs.
    init(
        candidates: [Candidate], prepare: @escaping @Sendable (SourceName, _ isResumed: Bool) -> Void,
        receiver: @escaping @Sendable (SourceName) -> any RecordReceiver,
        report: @escaping @Sendable (Report) -> Void
    ) {
        self.candidates = candidates
        self.prepare = prepare
        self.receiver = receiver
        self.report = report
        state = Mutex(
            State(statuses: candidates.map { Status(name: $0.name, state: .standby, statistics: SourceStatistics()) }))
    }

    /// Runs on the calling thread until `stop`.
    func run() {
        var supervision = SourceSupervision(candidates: candidates.count)
        var refusals: [SourceError] = []
        var opened: (any Source)?
        var action = supervision.start()
        while !isStopping {
            switch action {
            case .open(let index):
                if index == 0 { refusals = [] }
                let source = candidates[index].make()
                do throws(SourceError) {
                    try source.open()
                    opened = source
                    action = supervision.opened(candidate: index)
                } catch {
                    source.close()
                    refusals.append(error)
                    note(index, .refused, error.description)
                    action = supervision.refused(candidate: index)
                }
            case .run(let index):
                guard let source = opened else { return }
                opened = nil
                action = run(source, index, &supervision, instead: refusals)
            case .wait(let pause):
                report(.waiting(pause, because: refusals))
                _ = stopRequested.wait(timeout: .now() + pause.dispatchInterval)
                action = supervision.waited()
            }
        }
        opened?.close()
    }

    private func run(
        _ source: any Source, _ index: Int, _ supervision: inout SourceSupervision, instead refusals: [SourceError]
    ) -> SourceSupervision.Action {
        let began = ContinuousClock.now
        let stopping = state.withLock { state in
            state.running = (index, source)
            state.statuses[index].state = .running
            state.statuses[index].note = source.limitation
            return state.stopping
        }
        // `stop` may have come before the source was there to be told.
        if stopping { source.stop() }
        prepare(source.name, source.isResumed)
        source.keep()
        report(.armed(source.name, limitation: source.limitation, instead: refusals))
        defer {
            let last = source.statistics
            state.withLock { state in
                state.running = nil
                state.statuses[index].statistics += last
                if state.stopping { state.statuses[index].state = .stopped }
            }
            source.close()
        }
        do throws(SourceError) {
            try source.run(receiver(source.name))
            return .open(candidate: index)
        } catch {
            note(index, .failed, error.description)
            report(.failed(error))
            return supervision.failed(afterRunning: ContinuousClock.now - began)
        }
    }

    private func note(_ index: Int, _ newState: Status.State, _ note: String) {
        state.withLock { state in
            state.statuses[index].state = newState
            state.statuses[index].note = note
        }
    }

    private var isStopping: Bool { state.withLock(\.stopping) }

    /// Makes `run` return soon. From any thread.
    func stop() {
        let source = state.withLock { state in
            state.stopping = true
            return state.running?.source
        }
        source?.stop()
        stopRequested.signal()
    }

    /// From any thread.
    var statuses: [Status] {
        state.withLock { state in
            var statuses = state.statuses
            if let (index, source) = state.running { statuses[index].statistics += source.statistics }
            return statuses
        }
    }
}

extension SourceStatistics {
    static func += (total: inout SourceStatistics, part: SourceStatistics) {
        total.seen += part.seen
        total.lost += part.lost
        total.overflows += part.overflows
        total.undecodable += part.undecodable
        total.shortened += part.shortened
        if let skipped = part.skipped { total.skipped = (total.skipped ?? 0) + skipped }
        for count in part.records {
            guard let index = total.records.firstIndex(where: { $0.type == count.type }) else {
                total.records.append(count)
                continue
            }
            total.records[index] += count
        }
    }
}

extension RecordCount {
    fileprivate static func += (total: inout RecordCount, part: RecordCount) {
        total.seen += part.seen
        total.submitted += part.submitted
        total.lost += part.lost
        total.delivered += part.delivered
    }
}

extension Duration {
    fileprivate var dispatchInterval: DispatchTimeInterval { .milliseconds(Int(self / .milliseconds(1))) }
}
