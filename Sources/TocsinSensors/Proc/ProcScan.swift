import TocsinEvents
import TocsinLinux

/// Compares one scan of /proc with the one before: which process is new, has executed another program, is gone.
///
/// Pure: it is told what `stat` says about each process, and asks for more only where that leaves a doubt.
package struct ProcScan<Remembered: Sendable>: Sendable {
    package enum Finding: Hashable, Sendable {
        /// Nothing happened that a scan could see.
        case unchanged
        /// The number was free at the last scan, or belonged to another process.
        case new
        /// Certain from the addresses of the image, or because a forked process has executed for the first time.
        case executed
        /// Only the name changed: prctl(2) does that too. The executable and the arguments decide; see `resolve`.
        case doubtful
        /// The table is full: the process is not followed.
        case refused
    }

    /// What tells programs apart where the kernel hides the addresses.
    package struct Evidence: Hashable, Sendable {
        package var executable: FileIdentity?
        package var arguments: [UInt8]?

        package init(executable: FileIdentity?, arguments: [UInt8]?) {
            self.executable = executable
            self.arguments = arguments
        }
    }

    private struct Entry {
        var startTicks: UInt64
        var image: ProcStat.Image
        var comm: [UInt8]
        var hasNotExecuted: Bool
        var evidence: Evidence?
        var round: UInt64
        var remembered: Remembered?
    }

    private var entries: [Int32: Entry] = [:]
    private var round: UInt64 = 0
    private let limit: Int

    /// `limit`: processes followed at once.
    package init(limit: Int) { self.limit = limit }

    package var count: Int { entries.count }

    package mutating func beginRound() { round += 1 }

    /// To be told for each process once a round. The second value is what was remembered of a process that had the
    /// number before and is gone.
    package mutating func observe(_ stat: ProcStat) -> (finding: Finding, replaced: Remembered?) {
        guard var entry = entries[stat.pid], entry.startTicks == stat.startTicks else {
            let replaced = entries[stat.pid]?.remembered
            guard entries[stat.pid] != nil || entries.count < limit else { return (.refused, nil) }
            entries[stat.pid] = Entry(
                startTicks: stat.startTicks, image: stat.image, comm: stat.comm, hasNotExecuted: stat.hasNotExecuted,
                round: round)
            return (.new, replaced)
        }
        let finding: Finding =
            if stat.isZombie || !stat.image.isComplete {
                // A zombie's image is gone and was seen or missed; one that is being built is seen next time.
                .unchanged
            } else if entry.hasNotExecuted, !stat.hasNotExecuted {
                .executed
            } else if entry.image.isVisible, stat.image.isVisible, entry.image != stat.image {
                .executed
            } else if entry.comm != stat.comm {
                .doubtful
            } else {
                .unchanged
            }
        entry.round = round
        if !stat.isZombie, stat.image.isComplete {
            entry.comm = stat.comm
            entry.image = stat.image
            entry.hasNotExecuted = stat.hasNotExecuted
        }
        entries[stat.pid] = entry
        return (finding, nil)
    }

    /// Settles a doubt: whether the process executed another program, by all that changed since the last evidence.
    package mutating func resolve(_ pid: Int32, _ evidence: Evidence) -> Bool {
        guard let known = entries[pid]?.evidence else {
            entries[pid]?.evidence = evidence
            return false
        }
        entries[pid]?.evidence = evidence
        // A program may write over its arguments and rename itself, so both together say little where the executable
        // is known to be the same.
        if let before = known.executable, let now = evidence.executable { return before != now }
        return known.arguments != evidence.arguments
    }

    package mutating func learn(_ pid: Int32, _ evidence: Evidence) { entries[pid]?.evidence = evidence }

    /// What to say of the process when it is gone.
    package mutating func remember(_ pid: Int32, _ remembered: Remembered) { entries[pid]?.remembered = remembered }

    /// Forgets the processes that were not observed in this round, and returns what was remembered of them.
    package mutating func endRound() -> [Remembered] {
        guard entries.contains(where: { $0.value.round != round }) else { return [] }
        let gone = entries.filter { $0.value.round != round }.sorted { $0.key < $1.key }
        for (pid, _) in gone { entries[pid] = nil }
        return gone.compactMap(\.value.remembered)
    }
}
