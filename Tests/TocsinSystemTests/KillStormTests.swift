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

        var summary: String {
            "one: \(single.summary); group: \(group.summary)"
        }
    }

    private func storm(_ source: String) async throws -> Outcome {
        let tocsin = try TocsinBox(configuration: "sources: [\(source)]\n")
        let storm = try Storm(count, in: tocsin.box)
        let status = try await tocsin.client.status()
        let begin = Cursor(instance: try #require(UInt64(status.instance, radix: 16)), sequence: status.lastSequence)
        let filter = Filter(types: [.exec], paths: [Storm.directory + "/*"])
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

    @Test("ebpf: every program is told exactly once, to a subscriber and to a group that acknowledges")
    func ebpf() async throws {
        let outcome = try await storm("ebpf")
        print(outcome.summary)
        for account in [outcome.single, outcome.group] {
            #expect(account.isComplete && account.failure == nil, "\(outcome.summary)\n\(outcome.log)")
            #expect(account.lost(of: count).isEmpty, "\(outcome.summary)")
            #expect(account.doubled.isEmpty, "\(outcome.summary)")
            #expect(account.gaps.isEmpty, "\(outcome.summary)")
        }
        #expect(outcome.single.givenAgain == 0, "a cursor is exact")
    }

    @Test("fanotify: nothing is told twice, and where a killed daemon had read what it did not log, a gap says so")
    func fanotify() async throws {
        let outcome = try await storm("fanotify")
        print(outcome.summary)
        for account in [outcome.single, outcome.group] {
            #expect(account.isComplete && account.failure == nil, "\(outcome.summary)\n\(outcome.log)")
            #expect(account.doubled.isEmpty, "\(outcome.summary)")
            let lost = account.lost(of: count)
            #expect(lost.isEmpty || account.gaps.contains { $0.origin == .restart }, "\(outcome.summary)")
        }
        #expect(outcome.single.givenAgain == 0, "a cursor is exact")
    }
}
