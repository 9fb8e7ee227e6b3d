import Glibc
internal import TocsinEvents

/// Performs what `StreamMachine` decides.
///
/// Owns the reads of the moment, and with them the connection. One task at a time asks, the one with the iterator; all
/// runs where that task does.
final class StreamReader {
    private let stream: CompletionStream
    private var machine: StreamMachine
    private var reads: PendingReads?
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
                case .read(let count, let acknowledge): reads?.send(count, acknowledge: acknowledge)
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
            reads = nil
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
        reads = nil
        if let retry {
            stream.onRetry?(retry)
            try await stream.clock.sleep(for: retry.delay)
        }
        var request = stream.request
        request.after = after
        do {
            let session = try await stream.client.open(request)
            machine.opened(at: session.cursor, maximumPendingReads: session.maximumPendingReads)
            reads = session.pendingReads()
        } catch let error as TocsinError {
            machine.failed(error)
        }
    }

    nonisolated(nonsending) private func awaitReply() async throws {
        guard let reads else { return machine.failed(.disconnected) }
        do {
            machine.completed(try await reads.next())
        } catch let error as TocsinError {
            machine.failed(error)
        }
    }

    /// What has arrived behind what was delivered last.
    private func takeArrived() -> Completion? {
        guard let completion = reads?.takeArrived() else { return nil }
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
