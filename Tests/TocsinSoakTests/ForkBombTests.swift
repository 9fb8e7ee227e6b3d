import Synchronization
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

@Suite(
    .serialized,
    .enabled(if: isRoot && ControlGroup.isAvailable(.pids), "needs root and a control group that limits processes"))
struct ForkBombTests {
    private let depth = Soak.scaled(3, full: 5)
    private let width = 8

    /// What a subscriber was told of the bomb.
    private struct Account {
        var forks: Set<String> = []
        var exits: Set<String> = []
        var doubled = 0
        /// Processes of whom the fork and the end were told in the wrong order.
        var disordered = 0
        var gaps: UInt64 = 0
        /// Others that have ended.
        var others: Set<Int32> = []
    }

    @Test(
        "a fork bomb is told process by process, and what the kernel's ring had no room for is counted",
        arguments: ["16MiB", "64KiB"])
    func bomb(ringSize: String) async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [heartbeat, ebpf]
                heartbeat: {interval: 50ms}
                ebpf: {ringSize: \(ringSize)}
                log: {size: 256MiB}
                filter: {excludeTypes: []}
                """)
        try Vitals.forgetPeak(of: daemon.process.pid)
        let witness = try await Witness(daemon.client)
        let group = try #require(ControlGroup(.pids))
        defer { group.remove() }
        try group.limitProcesses(to: 200)
        let account = Mutex(Account())
        let events = daemon.client.events(after: try await daemon.cursor)
        let load = try Load(["bomb", "\(depth)", "\(width)"], wrapper: group.wrapper)
        let reader = Task { for try await event in events { account.withLock { Self.take(event, of: load.pid, &$0) } } }
        defer { reader.cancel() }
        let figures = try await load.figures()
        let made = try #require(figures["made"])
        #expect(figures["refused"] ?? 0 > 0, "it has met its limit")
        // What is in the ring comes later, and in order: with the end of a process that ends after it, all is told.
        let isOver = try await Soak.eventually {
            let marker = try RunningSubprocess("/usr/bin/true", [])
            _ = try await marker.ended()
            return try await Soak.eventually(within: .seconds(2)) {
                account.withLock { $0.others.contains(marker.pid) }
            }
        }
        #expect(isOver)
        try await witness.hasSeenAll(of: daemon)

        // The bomb itself is forked, too.
        let told = account.withLock { $0 }
        let facts = "\(made) made, forks \(told.forks.count), exits \(told.exits.count), lost \(told.gaps)"
        #expect(told.doubled == 0 && told.disordered == 0, "\(facts)")
        // Others on the machine may go on to lose records, of which the gap comes a moment after the count.
        let isAccountedFor = try await Soak.eventually {
            let counted = try await daemon.client.status().sources.first { $0.name == "ebpf" }?.lost
            return account.withLock { $0.gaps == counted }
        }
        #expect(isAccountedFor, "a gap for all that was lost")
        if told.gaps == 0 {
            #expect(told.forks.count == Int(made) + 1 && told.exits.count == Int(made) + 1, "\(facts)")
        } else {
            // What others did meanwhile is among what was lost.
            let missing = 2 * (Int(made) + 1) - told.forks.count - told.exits.count
            #expect(missing >= 0 && missing <= Int(told.gaps), "\(facts)")
        }
        let vitals = try Vitals(of: daemon)
        vitals.expectBounded()
        Soak.report("fork bomb", "ring \(ringSize): \(facts), \(figures["refused"] ?? 0) refused; \(vitals)")
    }

    private static func take(_ event: Event, of root: Int32, _ account: inout Account) {
        if let gap = event.gap { account.gaps += gap.count ?? 0 }
        // Not by the ancestors: where the fork of one was lost, they are not known.
        guard let process = event.process, process.pid == root || process.comm?.string == "load" else {
            if event.type == .exit, let pid = event.process?.pid { account.others.insert(pid) }
            return
        }
        switch event.type {
        case .fork:
            if account.exits.contains(process.entityID) { account.disordered += 1 }
            if !account.forks.insert(process.entityID).inserted { account.doubled += 1 }
        case .exit: if !account.exits.insert(process.entityID).inserted { account.doubled += 1 }
        default: break
        }
    }
}
