import Dispatch
import Synchronization
import Testing
import TocsinSensors

@testable import TocsinDaemon

@Suite struct SourceRunnerTests {
    @Test("a source that cannot be opened gives way to the next, which is reported with the reason")
    func fallback() async throws {
        let better = ScriptedSource(.ebpf, refusal: "no BTF")
        let good = ScriptedSource(.proc)
        let running = Running([better, good])
        var reports = running.reports.makeAsyncIterator()
        guard case .armed(.proc, let limitation, let instead) = await reports.next()?.report else {
            Issue.record("expected proc to be armed")
            return
        }
        #expect(limitation == "scripted")
        #expect(instead == [SourceError(source: .ebpf, operation: "open", reason: "no BTF")])
        running.runner.stop()
        await running.ended()
    }

    @Test("what a source delivers arrives, and stop ends the runner and closes the source once")
    func stop() async throws {
        let source = ScriptedSource(.proc)
        let running = Running([source])
        var reports = running.reports.makeAsyncIterator()
        _ = await reports.next()
        var records = running.records.makeAsyncIterator()
        source.deliver()
        #expect(await records.next()?.body == .heartbeat)
        #expect(running.runner.statuses.first?.state == .running)
        running.runner.stop()
        await running.ended()
        #expect(source.closings == 1)
        #expect(running.runner.statuses.first?.state == .stopped)
        #expect(running.runner.statuses.first?.statistics.seen == 1)
    }

    @Test("a source that fails while it runs is reported, and the next takes its place when it cannot be opened again")
    func replacement() async throws {
        let failing = ScriptedSource(.fanotify)
        let next = ScriptedSource(.proc)
        let running = Running([failing, next])
        var reports = running.reports.makeAsyncIterator()
        _ = await reports.next()
        failing.refuse("still gone")
        failing.fail("queue gone")
        guard case .failed(let error) = await reports.next()?.report else {
            Issue.record("expected the failure to be reported")
            return
        }
        #expect(error.reason == "queue gone")
        // After the pause: the better one is tried again, in vain.
        _ = await reports.next()
        guard case .armed(.proc, _, let instead) = await reports.next()?.report else {
            Issue.record("expected proc to take over")
            return
        }
        #expect(instead.map(\.reason) == ["still gone"])
        #expect(running.runner.statuses.map(\.state) == [.refused, .running])
        running.runner.stop()
        await running.ended()
    }

    @Test("stop ends a pause at once")
    func stopWhileWaiting() async throws {
        let running = Running([ScriptedSource(.ebpf, refusal: "never")])
        var reports = running.reports.makeAsyncIterator()
        guard case .waiting = await reports.next()?.report else {
            Issue.record("expected a pause")
            return
        }
        running.runner.stop()
        await running.ended()
    }
}

/// A runner on a thread of its own, with what it says as streams.
private struct Running {
    struct Told: Sendable { let report: SourceRunner.Report }

    let runner: SourceRunner
    let reports: AsyncStream<Told>
    let records: AsyncStream<SensorRecord>
    private let end: AsyncStream<Void>

    init(_ sources: [ScriptedSource]) {
        let (reports, told) = AsyncStream.makeStream(of: Told.self)
        let (records, delivered) = AsyncStream.makeStream(of: SensorRecord.self)
        let (end, ended) = AsyncStream.makeStream(of: Void.self)
        let runner = SourceRunner(
            candidates: sources.map { source in .init(name: source.name) { source } },
            prepare: { _, _ in }, receiver: { _ in YieldingReceiver(records: delivered) },
            report: { told.yield(Told(report: $0)) })
        DispatchQueue(label: "runner").async {
            runner.run()
            ended.finish()
        }
        (self.runner, self.reports, self.records, self.end) = (runner, reports, records, end)
    }

    func ended() async { for await _ in end {} }
}

private struct YieldingReceiver: RecordReceiver {
    let records: AsyncStream<SensorRecord>.Continuation

    func take(_ records: [SensorRecord]) { for record in records { self.records.yield(record) } }
    func empty(_ queue: any RecordQueue) { queue.read { records.yield($0) } }
    func finish(_ queue: any RecordQueue) { empty(queue) }
}

/// A source that does what the test says.
private final class ScriptedSource: Source {
    let name: SourceName
    let limitation = "scripted"

    private enum Order { case deliver, fail(String), stop }
    private struct State {
        var refusal: String?
        var orders: [Order] = []
        var statistics = SourceStatistics()
        var closings = 0
    }

    private let state: Mutex<State>
    private let ordered = DispatchSemaphore(value: 0)

    init(_ name: SourceName, refusal: String? = nil) {
        self.name = name
        state = Mutex(State(refusal: refusal))
    }

    func deliver() { order(.deliver) }
    func fail(_ reason: String) { order(.fail(reason)) }
    func refuse(_ reason: String) { state.withLock { $0.refusal = reason } }
    var closings: Int { state.withLock(\.closings) }

    func open() throws(SourceError) {
        if let refusal = state.withLock(\.refusal) {
            throw SourceError(source: name, operation: "open", reason: refusal)
        }
    }

    func run(_ receiver: any RecordReceiver) throws(SourceError) {
        while true {
            ordered.wait()
            switch state.withLock({ $0.orders.removeFirst() }) {
            case .stop: return
            case .fail(let reason): throw SourceError(source: name, operation: "run", reason: reason)
            case .deliver:
                state.withLock { $0.statistics.seen += 1 }
                receiver.take([SensorRecord(realtimeUSec: 1, monotonicUSec: 1, body: .heartbeat)])
            }
        }
    }

    func stop() { order(.stop) }
    var statistics: SourceStatistics { state.withLock(\.statistics) }
    func close() { state.withLock { $0.closings += 1 } }

    private func order(_ order: Order) {
        state.withLock { $0.orders.append(order) }
        ordered.signal()
    }
}
