internal import JSON
internal import TocsinEvents
import Varlink

/// Reads of a session that wait for as long as it takes and may bring any event; what they bring, in their order.
///
/// The connection lives at least as long. For one task.
struct PendingReads {
    private let pipeline: VarlinkPipeline

    init(_ pipeline: VarlinkPipeline) { self.pipeline = pipeline }

    /// Sends them before this returns, in one write.
    /// - Parameter acknowledge: Carried by the first.
    func send(_ count: Int, acknowledge: Cursor?) {
        if let acknowledge { pipeline.send(Self.read(acknowledge: acknowledge)) }
        let further = acknowledge == nil ? count : count - 1
        if further > 0 { pipeline.send(Self.plainRead, times: further) }
    }

    /// It is the same each time.
    private static let plainRead = read(acknowledge: nil)

    /// Truncation is explicit; without it an event longer than the daemon's bound would end the stream.
    private static func read(acknowledge: Cursor?) -> VarlinkCall {
        .read(timeout: nil, maxBytes: nil, allowTruncation: true, acknowledge: acknowledge)
    }

    /// Waits for what the oldest read brings.
    /// - Throws: `TocsinError`, `CancellationError`.
    nonisolated(nonsending) func next() async throws -> Completion {
        do {
            return try Completion(json: try await pipeline.next().success())
        } catch {
            throw Wire.translated(error)
        }
    }

    /// What the oldest read has brought, if it has. A failure is met when it is waited for: what came before it is told
    /// first.
    func takeArrived() -> Completion? {
        guard let text = try? pipeline.upcoming?.success(), let completion = try? Completion(json: text) else {
            return nil
        }
        pipeline.removeUpcoming()
        return completion
    }
}
