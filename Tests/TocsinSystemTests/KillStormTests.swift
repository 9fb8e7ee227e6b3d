import Glibc
import SystemdBox
import Testing
import TocsinClient
import TocsinEvents

/// A storm of processes while the daemon is killed again and again, under the real systemd.
///
/// TOCSIN_STORM_STARTS and TOCSIN_STORM_KILLS make it larger; the defaults take a few seconds.
@Suite(.serialized, .enabled(if: SystemdBox.obstacle == nil, "\(SystemdBox.obstacle ?? "")"))
struct KillStormTests {
    private let count = Self.number("TOCSIN_STORM_STARTS") ?? 2000
    private let kills = Self.number("TOCSIN_STORM_KILLS") ?? 5

    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    private struct Outcome {
        var single: Account
        var group: Account
        var log: String

        var summary: String { "one: \(single.summary); group: \(group.summary)" }
    }

    private func outcome(of source: String, _ work: Storm.Work) async throws -> Outcome {
        let tocsin = try TocsinBox(configuration: "sources: [\(source)]\nfiles:\n  paths: [\(Storm.directory)/**]\n")
        let storm = try Storm(work, count, in: tocsin.box)
        let status = try await tocsin.client.status()
        let begin = Cursor(instance: try #require(UInt64(status.instance, radix: 16)), sequence: status.lastSequence)
        let filter = Filter(types: work.types, paths: [Storm.directory + "/*"])
        // Behind the same event, so that both are owed the same.
        let single = Self.subscribe(tocsin.client.events(filter, after: begin))
        let group = Self.subscribe(tocsin.client.events(filter, after: begin, group: "storm"))

        let (kills, leader) = (kills, tocsin.box.leader)
        let killer = Task {
            var killed = 0
            while killed < kills {
                try await Task.sleep(for: .milliseconds(.random(in: 50...800)))
                if try await TocsinBox.kill(inBoxOf: leader) { killed += 1 }
            }
        }
        try storm.run(timeoutSeconds: 600)
        try await killer.value
        // Whoever waits for what does not come is told to stop.
        let limit = Task {
            try await Task.sleep(for: .seconds(30))
            single.cancel()
            group.cancel()
        }
        defer { limit.cancel() }
        let (one, other) = (await single.value, await group.value)
        try tocsin.awaitRestarts(kills)
        return Outcome(single: one, group: other, log: tocsin.log)
    }

    private static func subscribe(_ events: EventStream) -> Task<Account, Never> {
        Task {
            var account = Account()
            do {
                for try await event in events where account.take(event) { break }
            } catch { account.failure = "\(error)" }
            return account
        }
    }

    @Test(
        "everything is told exactly once, to a subscriber and to a group that acknowledges",
        arguments: [("ebpf", Storm.Work.programs), ("files", .files), ("fanotify", .programs)])
    func storm(_ source: String, _ work: Storm.Work) async throws {
        let outcome = try await outcome(of: source, work)
        print("\(source): \(outcome.summary)")
        let expected = work.expected(count)
        for account in [outcome.single, outcome.group] {
            #expect(account.isComplete && account.failure == nil, "\(outcome.summary)\n\(outcome.log)")
            #expect(account.doubled.isEmpty, "\(outcome.summary)")
            let lost = expected.subtracting(account.told.keys)
            if source == "fanotify" {
                // Killed between taking an event from the queue and noting its file, and then the process is gone.
                #expect(lost.count <= account.gaps.count { $0.origin == .restart }, "\(lost) \(outcome.summary)")
            } else {
                #expect(lost.isEmpty, "\(lost.prefix(10)) \(outcome.summary)")
                #expect(account.gaps.isEmpty, "\(outcome.summary)")
            }
        }
        #expect(outcome.single.givenAgain == 0, "a cursor is exact")
    }
}
