internal import JSON
import Synchronization
public import TocsinEvents
import Varlink

/// One connection's place in the event log, with its pending reads: what an open handle is to a file.
///
/// Owns the connection. Close the session, or let go of it, and the daemon removes what pends.
public final class Session: Sendable {
    /// The name by which another connection of the same user can cancel the pending reads.
    public let name: String
    /// Where the session began: its first event is the first behind.
    public let cursor: Cursor
    public let maximumPendingReads: Int
    /// Longer events are shortened or refused whatever a read says.
    public let maximumBytes: Int

    private let wire: Wire
    private let clock: any Clock<Duration>
    private let calls = Mutex(Calls())

    /// A read that was sent, by its place in the order of all.
    private struct Call: Sendable {
        let number: UInt64
        let reply: PendingReply
    }

    private struct Calls {
        var count: UInt64 = 0
        /// Reads whose task was cancelled while they were pending. Their events are not to be lost.
        var abandoned: [Call] = []

        mutating func takeOldestAbandoned() -> Call? {
            guard let oldest = abandoned.indices.min(by: { abandoned[$0].number < abandoned[$1].number }) else {
                return nil
            }
            return abandoned.remove(at: oldest)
        }
    }

    init(wire: Wire, request: OpenRequest, clock: any Clock<Duration>) async throws {
        let reply = try await wire.call(.open, request.parameters)
        do throws(MemberError) {
            let members = try MemberReader(reply)
            name = try members.required(string: "session")
            cursor = try members.required(cursor: "cursor")
            maximumPendingReads = try members.required(integer: "maxPendingReads")
            maximumBytes = try members.required(integer: "maxBytes")
        } catch {
            throw TocsinError.malformedReply(error.description)
        }
        self.wire = wire
        self.clock = clock
    }

    /// Waits for one event.
    ///
    /// May be called by many tasks at once: each call is a read pending in the daemon, and they complete first-in
    /// first-out. A cancelled read consumes no event: the next read of this session gets it, before any other.
    /// - Parameters:
    ///   - timeout: From the moment the read is the oldest of the session, in whole milliseconds; nil waits for ever and
    ///     zero not at all.
    ///   - maxBytes: Bound of the encoded event.
    ///   - allowTruncation: Shorten a longer event, and say so, rather than fail with `bufferTooSmall`, which keeps it.
    ///   - acknowledge: Of a group: this event and all this member was given before are done.
    /// - Throws: `TocsinError`, `CancellationError`.
    public func read(
        timeout: Duration? = nil, maxBytes: Int? = nil, allowTruncation: Bool = false, acknowledge: Cursor? = nil
    ) async throws -> Completion {
        guard let adopted = calls.withLock({ $0.takeOldestAbandoned() }) else {
            return try await completion(
                of: send(
                    timeout: timeout, maxBytes: maxBytes, allowTruncation: allowTruncation, acknowledge: acknowledge))
        }
        // Its reply is behind that of the adopted read; nobody has to wait for it.
        if let acknowledge { _ = sendAcknowledgement(acknowledge) }
        guard let timeout else { return try await completion(of: adopted) }
        return try await completion(of: adopted, within: timeout)
    }

    /// Tells the group that this event, and all this member was given before, are done; no event is consumed.
    /// - Throws: `TocsinError`, `CancellationError`.
    public func acknowledge(_ cursor: Cursor) async throws {
        do {
            _ = try await wire.reply(to: sendAcknowledgement(cursor).reply)
        } catch TocsinError.timedOut, TocsinError.bufferTooSmall {
            return
        }
    }

    /// Ends the session; what pends fails with `disconnected`.
    public func close() async { await wire.close() }

    // MARK: Internals

    /// Reads of one task, beside those that anybody makes.
    func pendingReads() -> PendingReads { PendingReads(wire.pipeline()) }

    /// A read, sent before this returns.
    private func send(timeout: Duration?, maxBytes: Int?, allowTruncation: Bool, acknowledge: Cursor?) -> Call {
        let read = VarlinkCall.read(
            timeout: timeout, maxBytes: maxBytes, allowTruncation: allowTruncation, acknowledge: acknowledge)
        return calls.withLock { calls in
            calls.count += 1
            return Call(number: calls.count, reply: wire.send(read))
        }
    }

    /// A read that can only fail carries it: no event fits a byte, so none is taken.
    private func sendAcknowledgement(_ cursor: Cursor) -> Call {
        send(timeout: .zero, maxBytes: 1, allowTruncation: false, acknowledge: cursor)
    }

    /// The time is measured here: the daemon was told of another, or of none, when the read was sent.
    private func completion(of call: Call, within timeout: Duration) async throws -> Completion {
        try await withThrowingTaskGroup(of: Completion.self) { group in
            group.addTask { try await self.completion(of: call) }
            group.addTask { [clock] in
                try await clock.sleep(for: timeout)
                throw TocsinError.timedOut
            }
            let first = await group.nextResult()
            group.cancelAll()
            let second = await group.nextResult()
            // An event that comes together with the end of the time is not to be lost.
            for case .success(let completion)? in [first, second] { return completion }
            guard case .failure(let error)? = first else { throw CancellationError() }
            throw error
        }
    }

    private func completion(of call: Call) async throws -> Completion {
        do {
            return try Completion(json: try await wire.reply(to: call.reply))
        } catch is CancellationError {
            calls.withLock { $0.abandoned.append(call) }
            throw CancellationError()
        } catch {
            throw Wire.translated(error)
        }
    }
}

/// What binds a connection to a session.
struct OpenRequest: Sendable {
    var filter: Filter
    var after: Cursor?
    var group: String?
    var overflow: Overflow?

    var parameters: JSONObject {
        var parameters = JSONObject()
        if !filter.isEmpty { parameters["filter"] = filter.json }
        parameters["group"] = group.map { .string($0) }
        parameters["after"] = after.map { .string($0.description) }
        parameters["overflow"] = overflow.map { .string($0.rawValue) }
        return parameters
    }
}

extension VarlinkCall {
    static func read(timeout: Duration?, maxBytes: Int?, allowTruncation: Bool, acknowledge: Cursor?) -> VarlinkCall {
        var parameters = JSONObject()
        parameters["timeoutMSec"] = timeout.map { .integer($0.wholeMilliseconds) }
        parameters["maxBytes"] = maxBytes.map { .integer(Int64($0)) }
        if allowTruncation { parameters["allowTruncation"] = .boolean(true) }
        parameters["acknowledge"] = acknowledge.map { .string($0.description) }
        return VarlinkCall(Wire.Method.read.name, parameters)
    }
}

extension Duration {
    /// Rounded up: a wait is not shorter than asked for. Not negative.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? .max / 2 : milliseconds + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
