import Glibc
internal import TocsinEvents

/// Performs what `StreamMachine` decides.
///
/// Owns the session of the moment and the replies it still owes. The connection ends with the reader. One task at a time
/// asks, the one with the iterator; all runs where that task does.
final class StreamReader {
    private let stream: CompletionStream
    private var machine: StreamMachine
    private var session: Session?
    /// Calls without a reply so far, oldest first; never more than the depth.
    private var calls: [Session.Call] = []
    private var isFinished = false

    init(_ stream: CompletionStream) {
        self.stream = stream
        machine = StreamMachine(
            after: stream.request.after, isGroup: stream.request.group != nil, depth: stream.depth,
            reconnection: stream.client.reconnection)
    }

    nonisolated(nonsending) func next() async throws -> Completion? {
        guard !isFinished else { return nil }
        machine.consumerAsks()
        do {
            while true {
                switch machine.next() {
                case .open(let after, let retry): try await open(after: after, retry)
                case .read(let acknowledge): read(acknowledge: acknowledge)
                case .awaitReply: try await awaitReply()
                case .deliver(.completion(let completion)): return completion
                case .deliver(.gap(let gap, let cursor)):
                    return Completion(
                        gap: gap, cursor: cursor, realtimeUSec: Self.now(CLOCK_REALTIME),
                        monotonicUSec: Self.now(CLOCK_MONOTONIC))
                case .end(let error): throw error
                }
            }
        } catch {
            isFinished = true
            session = nil
            calls = []
            if error is CancellationError { return nil }
            throw error
        }
    }

    /// All that has arrived, and at least one; nil as with `next`.
    nonisolated(nonsending) func nextBatch() async throws -> [Completion]? {
        guard let first = try await next() else { return nil }
        var batch = [first]
        while let completion = takeArrived() { batch.append(completion) }
        return batch
    }

    // MARK: Steps

    nonisolated(nonsending) private func open(after: Cursor?, _ retry: Retry?) async throws {
        // Before the wait: the daemon counts connections.
        session = nil
        calls = []
        if let retry {
            stream.onRetry?(retry)
            try await stream.clock.sleep(for: retry.delay)
        }
        var request = stream.request
        request.after = after
        do {
            let session = try await stream.client.open(request)
            machine.opened(at: session.cursor, maximumPendingReads: session.maximumPendingReads)
            self.session = session
        } catch let error as TocsinError {
            machine.failed(error)
        }
    }

    private func read(acknowledge: Cursor?) {
        guard let session else { return machine.failed(.disconnected) }
        // Truncation is explicit; without it an event longer than the daemon's bound would end the stream.
        let call =
            if let acknowledge {
                session.send(timeout: nil, maxBytes: nil, allowTruncation: true, acknowledge: acknowledge)
            } else {
                session.sendUnboundedRead()
            }
        calls.append(call)
    }

    nonisolated(nonsending) private func awaitReply() async throws {
        guard let session, !calls.isEmpty else { return machine.failed(.disconnected) }
        do {
            machine.completed(try await session.completion(of: calls.removeFirst()))
        } catch let error as TocsinError {
            machine.failed(error)
        }
    }

    /// The reply to the oldest read if it is there. A failure is left for when it is awaited: what came before it is told
    /// first.
    private func takeArrived() -> Completion? {
        guard let session, let call = calls.first, let completion = session.arrived(call) else { return nil }
        calls.removeFirst()
        machine.completed(completion)
        guard case .deliver(.completion(let delivered)) = machine.next() else { return nil }
        return delivered
    }

    private static func now(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}
