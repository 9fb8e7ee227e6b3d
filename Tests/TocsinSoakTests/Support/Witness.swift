import Synchronization
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// A subscriber that reads all along. Whatever a scenario does to others, it is owed every event, in order.
final class Witness: Sendable {
    private struct Account {
        var first: UInt64 = 0
        var last: UInt64 = 0
        var events: UInt64 = 0
        /// Places where a number was left out or came twice.
        var breaks: [String] = []
        /// What the daemon says was lost on the way to this reader.
        var lost: UInt64 = 0
        var failure: String?
    }

    private let account = Mutex(Account())
    private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

    /// Returns when it was told its first event.
    init(_ client: TocsinClient) async throws {
        let completions = client.events().completions
        task.withLock { task in
            task = Task { [weak self] in
                do {
                    for try await completion in completions { try self?.take(completion) }
                } catch {
                    self?.account.withLock { $0.failure = "\(error)" }
                }
            }
        }
        let isTold = try await Soak.eventually { events > 0 }
        try #require(isTold, "\(account.withLock { $0 })")
    }

    deinit { task.withLock { $0?.cancel() } }

    var events: UInt64 { account.withLock(\.events) }

    /// Without decoding more than it looks at: it has to be faster than what it watches.
    private func take(_ completion: Completion) throws {
        let number = try #require(completion.json["sequence"]?.integerValue.flatMap { UInt64(exactly: $0) })
        account.withLock { account in
            if account.events == 0 { account.first = number }
            if account.events > 0, number != account.last + 1 {
                let type = completion.json["type"]?.stringValue ?? "?"
                account.breaks.append("\(account.last) then \(number) (\(type))")
            }
            account.last = number
            account.events += 1
            account.lost += completion.lost
        }
    }

    /// The number of the last event it was told.
    var last: UInt64 { account.withLock(\.last) }

    /// Waits until it has seen what happened up to now, and expects that to be all of it.
    func hasSeenAll(of daemon: RunningDaemon, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await hasSeenAll(of: daemon.client, daemon.process.errorsWritten, sourceLocation: sourceLocation)
    }

    func hasSeenAll(
        of client: TocsinClient, _ log: @autoclosure () -> String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let end = try await client.status().lastSequence
        let caughtUp = try await Soak.eventually { self.account.withLock { $0.last >= end || $0.failure != nil } }
        let account = self.account.withLock { $0 }
        #expect(
            caughtUp && account.failure == nil, "\(account), owed up to \(end)\n\(log())",
            sourceLocation: sourceLocation)
        #expect(account.breaks.isEmpty && account.lost == 0, "\(account)", sourceLocation: sourceLocation)
    }
}
