import TocsinEvents
import TocsinLinux

/// Whether an execution came to pass, by what /proc shows of the process: at once, or after some looks.
extension ExecWatch {
    private enum Outcome {
        case found(ProcessReader.Snapshot)
        case movedOn
        /// - Parameter runsOther: than the program of before, and than the one that was opened.
        case notYet(ProcStat, runsOther: Bool = false)
        case ended
    }

    mutating func verify(_ pid: Int32, _ now: UInt64) {
        guard let suspect = suspects[pid], let execution = suspect.execution else { return }
        let isLate = now > suspect.since + Self.patienceUSec
        switch look(suspect, execution, isLate: isLate) {
        case .found(let snapshot):
            images.learn(snapshot.stat)
            var process = snapshot.process.members
            // It ended while it was read.
            if process.executable == nil { process.place(execution) }
            tell(execution, Process(process))
            settle(pid)
        case .movedOn:
            tellSuperseded(execution, pid)
            settle(pid)
        case .ended: tellEnded(pid)
        case .notYet where isLate: forget(pid)
        case .notYet(let stat, let runsOther):
            if suspect.firstLook == nil { suspects[pid]?.firstLook = stat }
            suspects[pid]?.runsOther = runsOther
            // The rest of an execve(2) takes some 100 us; more where files are slow, or many threads must end first.
            suspects[pid]?.attempts += 1
            suspects[pid]?.nextAttempt = now + UInt64(50) << UInt64(min(suspect.attempts, 14))
        }
    }

    private func look(_ suspect: Suspect, _ execution: ExecAssembler.Execution, isLate: Bool) -> Outcome {
        guard let held = suspect.held, let stat = try? held.directory.stat() else { return .ended }
        if stat.isZombie {
            if held.pidfd.hasEnded { return .ended }
            // So it is also for a moment when another thread than the first executes, and takes over its number; and for
            // long where others go on without the first: they show what runs, if not all that it began with.
            guard suspect.attempts >= 3 else { return .notYet(stat) }
            let runs = threads(of: held.directory).contains { $0.executable == execution.image.file }
            return runs ? .movedOn : .notYet(stat)
        }
        if stat.hasNotExecuted || !stat.image.isComplete { return .notYet(stat) }
        // Addresses as before: the old program still, unless randomization is off; then patience decides.
        if images.isKnown(stat), suspect.attempts < 8 { return .notYet(stat) }
        do throws(SystemError) {
            let file = try held.directory.identity(of: "exe")
            if file != execution.image.file {
                guard suspect.attempts >= 3, !images.isKnown(stat) else { return .notYet(stat) }
                // With other addresses than before. It may be the next program already, whose open is still to be read.
                guard suspect.runsUnannounced || isLate else { return .notYet(stat, runsOther: true) }
                // Or a program in memory, of which the linker's open is reported, or nothing. What goes on running it
                // may have failed to execute what was opened: then what runs is the truth.
                if !isLinker(execution.image.file, of: held.directory) {
                    guard let first = suspect.firstLook, stat.image == first.image else { return .movedOn }
                    guard isLate || goesOn(held.directory, stat, since: first) else {
                        return .notYet(stat, runsOther: true)
                    }
                }
                guard let snapshot = snapshot(suspect) else { return .ended }
                return snapshot.executable ?? file == file ? .found(snapshot) : .movedOn
            }
        } catch {
            // No permission to see it (CAP_SYS_PTRACE): nothing better will come.
            return error.isGone ? .ended : snapshot(suspect).map { .found($0) } ?? .ended
        }
        guard let snapshot = snapshot(suspect) else { return .ended }
        // It may have executed again since, and the kernel's next reports will tell of that; or ended.
        return snapshot.executable ?? execution.image.file == execution.image.file ? .found(snapshot) : .movedOn
    }

    /// Whether the file is the dynamic linker of what runs.
    private func isLinker(_ file: FileIdentity, of directory: borrowing ProcDirectory) -> Bool {
        guard let executable = try? directory.executable() else { return false }
        guard case .dynamic(let path) = ExecutableFormat(read: { try? executable.read(count: $1, at: $0) }) else {
            return false
        }
        return Self.locate(path, seenBy: directory) == file
    }

    /// Whether the process is in no execve(2), and has had the time for another since it was looked at first: it waits,
    /// or has run in user mode for 20 ms. One that only waited for a processor may be on its way to the next program.
    private func goesOn(_ directory: borrowing ProcDirectory, _ stat: ProcStat, since first: ProcStat) -> Bool {
        guard stat.threadCount > 1 else { return stat.isSleeping || stat.userTicks &- first.userTicks >= 3 }
        // Any of them may be the one that executes.
        return stat.threadCount <= Self.threadLimit && threads(of: directory).allSatisfy { $0.stat.isSleeping }
    }

    /// Somebody may have made thousands: those are not looked at one by one.
    private static let threadLimit = 64

    private func threads(of directory: borrowing ProcDirectory) -> [(stat: ProcStat, executable: FileIdentity?)] {
        (try? directory.threads(limit: Self.threadLimit)) ?? []
    }

    private func snapshot(_ suspect: Suspect) -> ProcessReader.Snapshot? {
        guard let held = suspect.held,
            let snapshot = try? reader.snapshot(held.directory, surroundings: suspect.surroundings),
            !snapshot.stat.isZombie
        else { return nil }
        return snapshot
    }

    private mutating func settle(_ pid: Int32) {
        assembler.settle(pid)
        suspects[pid] = nil
        journal.settle(pid)
    }
}
