import TocsinEvents
import TocsinLinux

/// Drives the assembler: looks at each opened file, and in /proc whether an execution came to pass.
///
/// Owns, for each process that something is awaited of, its /proc directory and pidfd; both are closed as soon as the
/// execution is told. The descriptors that come with events are closed as soon as each is looked at; what has to be
/// known of them is in the journal. Lives on the source's thread.
struct ExecWatch: ~Copyable, Sendable {
    /// A process between the first open and the news.
    struct Suspect {
        var held: HeldProcess?
        /// Read at the first open, while the process could not have ended: what it keeps when it executes.
        var surroundings: Process?
        var since: UInt64
        /// Seen to have ended while more opens were awaited.
        var isEnding = false
        /// Complete, and to be found in /proc.
        var execution: ExecAssembler.Execution?
        var attempts = 0
        /// When it was looked for first.
        var firstLook: ProcStat?
        /// Seen to run another program than was opened.
        var runsOther = false
        /// The same, when the queue was found empty: of what it ran then no open is to come.
        var runsUnannounced = false
        /// Monotonic, microseconds.
        var nextAttempt = UInt64.max
    }

    let reader: ProcessReader
    var journal: OpenJournal
    var twin: TwinQueue
    var assembler = ExecAssembler()
    var suspects: [Int32: Suspect] = [:]
    var images = ImageTable(limit: 65_536)
    var records: [SensorRecord] = []
    var marker = FileSystemMarker(mask: .openExec)

    /// Opens read between two deliveries.
    static let batch = 64
    /// Each holds two descriptors.
    private static let suspectLimit = 400
    /// How long an execution may take from its last open to its first instruction.
    static let patienceUSec: UInt64 = 10_000_000

    init(reader: ProcessReader, journal: consuming OpenJournal, twin: consuming TwinQueue) {
        self.reader = reader
        self.journal = journal
        self.twin = twin
    }

    /// Learns what runs now, so that a later execution of the same program by the same process shows in /proc.
    mutating func learnBaseline() throws(SystemError) {
        for pid in try Proc.pids() {
            guard let directory = try? ProcDirectory(pid: pid), let stat = try? directory.stat() else { continue }
            images.learn(stat)
        }
    }

    mutating func takeRecords() -> [SensorRecord] {
        let taken = records
        records.removeAll(keepingCapacity: true)
        return taken
    }

    // MARK: Input

    /// Takes an open, and returns who caused it and in which mount namespace.
    mutating func opened(
        _ read: consuming OpenJournal.Read
    ) -> (process: HeldProcess, mountNamespace: UInt64)? {
        let note = read.note
        let pid = read.event.pid
        // 0: a process outside of this one's pid namespace. The daemon's own executions are no news.
        guard pid > 0, pid != Proc.ownPid, let file = read.event.file.take(), !note.path.isEmpty else {
            journal.settle(pid)
            return nil
        }
        let format = ExecutableFormat { try? file.read(count: $1, at: $0) }
        note.setFormat(format)
        let now = note.monotonicUSec
        let held = hold(pid, read.event.process.take(), isGone: read.event.processIsGone, now)
        note.setStartTime(suspects[pid]?.surroundings?.startTimeNSec ?? 0)
        assemble(ExecAssembler.Open(note, format), of: pid, held, now)
        guard let held, let namespace = suspects[pid]?.surroundings?.namespaces?.mount else { return nil }
        return (held, namespace)
    }

    mutating func assemble(_ open: ExecAssembler.Open, of pid: Int32, _ held: HeldProcess?, _ now: UInt64) {
        let actions = assembler.opened(pid, open) { path in
            held.flatMap { Self.locate(path, seenBy: $0.directory) }
        }
        for action in actions {
            switch action {
            case .superseded(let execution):
                tellSuperseded(execution, pid, beforeLast: true)
                renewSurroundings(of: pid, isOtherProgram: true)
            case .verify(let execution):
                renewSurroundings(of: pid, isOtherProgram: false)
                suspects[pid]?.execution = execution
                suspects[pid]?.since = now
                suspects[pid]?.attempts = 0
                suspects[pid]?.firstLook = nil
                suspects[pid]?.runsOther = false
                suspects[pid]?.runsUnannounced = false
                verify(pid, now)
            }
        }
        // What was begun before, and neither told nor gone on with, has failed.
        switch assembler.hasBegun(pid, with: open) {
        case true?: journal.settle(pid, beforeLast: true)
        case false?: break
        case nil: journal.settle(pid)
        }
    }

    /// The kernel's queue was empty.
    mutating func drained(nowUSec: UInt64) {
        // What has ended causes no more events, but some may have come after the queue was found empty: so a process is
        // let go when the queue is empty once more.
        for (pid, suspect) in suspects where suspect.execution == nil {
            if suspect.isEnding {
                tellEnded(pid)
            } else if suspect.held?.pidfd.hasEnded ?? true {
                suspects[pid]?.isEnding = true
                suspects[pid]?.nextAttempt = nowUSec
            } else if nowUSec > suspect.since + Self.patienceUSec {
                forget(pid)
            }
        }
        // An open is in the queue before its program runs.
        for (pid, suspect) in suspects where suspect.runsOther { suspects[pid]?.runsUnannounced = true }
        assembler.drained()
        twin.drained()
        journal.makeRoom(keepingNewest: false)
    }

    /// Looks again at the processes that had not begun their new program.
    mutating func retry(nowUSec: UInt64) {
        for (pid, suspect) in suspects where suspect.nextAttempt <= nowUSec { verify(pid, nowUSec) }
    }

    /// Whether everything that was taken in is told.
    var isSettled: Bool { suspects.isEmpty && records.isEmpty }

    /// When to call `retry`: monotonic microseconds.
    var nextRetry: UInt64? {
        let next = suspects.values.map(\.nextAttempt).min() ?? .max
        return next == .max ? nil : next
    }

    // MARK: Holding

    private mutating func hold(_ pid: Int32, _ given: consuming PidFD?, isGone: Bool, _ now: UInt64) -> HeldProcess? {
        if let held = suspects[pid]?.held, held.pidfd.ownsNumber { return held }
        return suspect(pid, isGone ? nil : HeldProcess(pid: pid, given), now)
    }

    /// - Parameter known: of a process that is gone.
    mutating func suspect(_ pid: Int32, _ held: HeldProcess?, known: Process? = nil, _ now: UInt64) -> HeldProcess? {
        if let suspect = suspects[pid] {
            // Most likely the same process, which has ended between the two events. Should the number have got a new
            // owner, and that be gone too, then the opened files do not fit together.
            guard held != nil else { return suspect.held }
            tellEnded(pid, beforeLast: true)
            assembler.forget(pid)
        }
        if suspects.count >= Self.suspectLimit { makeRoom() }
        let surroundings = held.flatMap { try? reader.surroundings($0.directory) }
        suspects[pid] = Suspect(held: held, surroundings: surroundings ?? known, since: now)
        return held
    }

    /// What the process had at an earlier open may have been another user's: setpriv(1) executes a program as one user
    /// after it was executed by another.
    ///
    /// - Parameter isOtherProgram: something was executed in between, so the users of then are not those of now; where
    ///   these cannot be learnt they are unknown.
    private mutating func renewSurroundings(of pid: Int32, isOtherProgram: Bool) {
        guard let held = suspects[pid]?.held, let before = suspects[pid]?.surroundings else { return }
        let ids = try? held.directory.status()
        if let ids, ids.uid == before.uid, ids.gid == before.gid { return }
        if ids != nil, let now = try? reader.surroundings(held.directory) {
            suspects[pid]?.surroundings = now
        } else if isOtherProgram {
            suspects[pid]?.surroundings = before.withoutUsers
        }
    }

    /// Somebody keeps hundreds of executions hanging: the oldest has to be told as it is.
    mutating func makeRoom() {
        guard let oldest = suspects.min(by: { $0.value.since < $1.value.since }) else { return }
        if let execution = oldest.value.execution { tellSuperseded(execution, oldest.key) }
        forget(oldest.key)
    }

    mutating func forget(_ pid: Int32) {
        assembler.forget(pid)
        suspects[pid] = nil
        journal.settle(pid)
    }

    /// In the process's own root, which a container's is not this one's.
    static func locate(_ path: [UInt8], seenBy directory: borrowing ProcDirectory) -> FileIdentity? {
        // A relative path begins at the working directory, and is as rare as suspicious.
        guard path.first == UInt8(ascii: "/"), let root = try? directory.root(),
            let file = try? root.locate(inRoot: path, followingLinks: true)
        else { return nil }
        return try? file.status().identity
    }
}

extension Process {
    fileprivate var withoutUsers: Process {
        var members = members
        members.uid = nil
        members.gid = nil
        members.effectiveUid = nil
        members.effectiveGid = nil
        return Process(members)
    }
}
