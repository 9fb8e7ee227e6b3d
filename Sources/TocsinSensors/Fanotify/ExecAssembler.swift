import TocsinEvents
import TocsinLinux

/// Makes one execution out of the several opens that the kernel reports for it.
///
/// execve(2) of a script opens the script, its interpreter (perhaps a script again), and the interpreter's dynamic
/// linker; FAN_OPEN_EXEC tells of each, in this order, for the same process, before the new program runs. Three things
/// blur the picture:
///
/// - An execve may fail half-way: what is missing then never comes.
/// - The kernel merges an event with an equal one (same process, same file) that still waits in the queue. After
///   `sh -c 'exec ls'` only one open of the dynamic linker may be told for two executions.
/// - Two threads of a process may execute at once, and one wins.
///
/// Pure: it says which execution is complete, and whoever drives it looks into /proc whether it came to pass.
package struct ExecAssembler: Sendable {
    /// One open, as the event and the file's first bytes tell it.
    package struct Open: Sendable, Hashable {
        package var file: FileIdentity
        package var path: ByteString
        package var format: ExecutableFormat
        /// The file has a set-user-ID or set-group-ID bit.
        package var changesIDs: Bool
        /// When the event was read: wall clock and monotonic, microseconds.
        package var realtimeUSec: UInt64
        package var monotonicUSec: UInt64

        package init(
            file: FileIdentity, path: ByteString, format: ExecutableFormat, changesIDs: Bool = false,
            realtimeUSec: UInt64 = 0, monotonicUSec: UInt64 = 0
        ) {
            self.file = file
            self.path = path
            self.format = format
            self.changesIDs = changesIDs
            self.realtimeUSec = realtimeUSec
            self.monotonicUSec = monotonicUSec
        }
    }

    package struct Execution: Sendable, Hashable {
        /// What was passed to execve(2): the script, where there is one.
        package var first: Open
        /// What runs: the program, or the last interpreter.
        package var image: Open

        package init(first: Open, image: Open) {
            self.first = first
            self.image = image
        }

        package var isScript: Bool { first.file != image.file }
    }

    package enum Action: Sendable, Hashable {
        /// All opens are there: see in /proc whether the program runs.
        case verify(Execution)
        /// The process has gone on to another execution, so this one came to pass, and its traces in /proc are
        /// overwritten.
        case superseded(Execution)
    }

    private struct Progress {
        var execution: Execution
        /// Whose interpreter is awaited; nil when nothing more is to come.
        var awaiting: Open?
        /// The dynamic linker that may still come though it was taken for merged.
        var late: Open?
        var isReported = false
        var isComplete: Bool { awaiting == nil }
    }

    private var progress: [Int32: Progress] = [:]
    /// Opens of each process that may still have been in the kernel's queue when a later one was merged into them.
    private var recent: [Int32: [Open]] = [:]
    /// Those before; bounds both, where the queue never gets empty.
    private var older: [Int32: [Open]] = [:]
    private var recentOpens = 0

    /// As many opens as the kernel's queue holds unless configured otherwise: who reads one of them has read all that
    /// was queued together with an earlier one.
    private static let queueLength = 16_384

    package init() {}

    /// The next open of the process, in the order of the queue. `locate` finds the file that a path means to the
    /// process; nil where that is not known, because the process is gone. It is asked only where names do not tell.
    package mutating func opened(_ pid: Int32, _ open: Open, locate: (_ path: [UInt8]) -> FileIdentity?) -> [Action] {
        defer { remember(pid, open) }
        guard var current = progress[pid] else { return begin(pid, open, locate) }
        if let awaiting = current.awaiting, Self.matches(open, interpreterOf: awaiting, locate) {
            return extend(pid, &current, by: open, locate)
        }
        if let late = current.late, Self.matches(open, interpreterOf: late, locate) {
            progress[pid]?.late = nil
            return []
        }
        // Something new: what was complete came to pass, or the process could not execute again. What was not has
        // failed.
        var actions: [Action] = []
        if current.isComplete, !current.isReported { actions.append(.superseded(current.execution)) }
        actions += begin(pid, open, locate)
        return actions
    }

    /// Whether the process has begun an execution with this open; nil where it is about none.
    package func hasBegun(_ pid: Int32, with open: Open) -> Bool? { progress[pid].map { $0.execution.first == open } }

    /// The dynamic linker of which the process's execution waits, and of nothing else.
    package func awaitedLinker(_ pid: Int32) -> [UInt8]? {
        if case .dynamic(let path)? = progress[pid]?.awaiting?.format { path } else { nil }
    }

    /// An open that needs nothing any more, but may have been merged with a later one.
    package mutating func recall(_ pid: Int32, _ open: Open) { remember(pid, open) }

    /// The execution was found in /proc, or given up: nothing is to be said of it any more.
    package mutating func settle(_ pid: Int32) {
        progress[pid]?.isReported = true
    }

    /// The process did not go on for so long that it has failed.
    package mutating func forget(_ pid: Int32) {
        progress[pid] = nil
        recent[pid] = nil
        older[pid] = nil
    }

    /// The process is gone. What it was about to execute, where all opens had come. More may be in the queue: it may
    /// have executed several programs before the first open was read.
    package mutating func ended(_ pid: Int32) -> Execution? {
        guard let last = progress.removeValue(forKey: pid), last.isComplete, !last.isReported else { return nil }
        return last.execution
    }

    /// The kernel's queue was empty: no event can have been merged into those read before.
    package mutating func drained() {
        recent.removeAll(keepingCapacity: true)
        older.removeAll()
        recentOpens = 0
        progress = progress.filter { !$0.value.isReported }
    }

    // MARK: Private

    private mutating func begin(_ pid: Int32, _ open: Open, _ locate: ([UInt8]) -> FileIdentity?) -> [Action] {
        var next = Progress(execution: Execution(first: open, image: open))
        return advance(pid, &next, to: open, locate)
    }

    private mutating func extend(
        _ pid: Int32, _ current: inout Progress, by open: Open, _ locate: ([UInt8]) -> FileIdentity?
    ) -> [Action] {
        if case .dynamic? = current.awaiting?.format {
            current.awaiting = nil
            progress[pid] = current
            return [.verify(current.execution)]
        }
        current.execution.image = open
        return advance(pid, &current, to: open, locate)
    }

    /// `open` is the image so far: what has to come yet, or was merged with what came before?
    private mutating func advance(
        _ pid: Int32, _ current: inout Progress, to open: Open, _ locate: ([UInt8]) -> FileIdentity?
    ) -> [Action] {
        var tail = open
        // The kernel allows five interpreters in a row.
        for _ in 0..<6 {
            switch tail.format {
            case .static:
                current.awaiting = nil
                progress[pid] = current
                return [.verify(current.execution)]
            case .unknown:
                // ENOEXEC most likely. Should binfmt_misc have an interpreter, then that is what runs: its open is
                // next, and is told as an execution of its own.
                progress[pid] = nil
                return []
            case .dynamic, .script:
                guard let merged = earlier(pid, interpreterOf: tail, locate) else {
                    current.awaiting = tail
                    progress[pid] = current
                    return []
                }
                if case .dynamic = tail.format {
                    current.awaiting = nil
                    current.late = tail
                    progress[pid] = current
                    return [.verify(current.execution)]
                }
                current.execution.image = merged
                tail = merged
            }
        }
        progress[pid] = nil
        return []
    }

    /// Whether `open` can be what the kernel opened after `file`. Where the interpreter has another name, because a
    /// link leads to it, it is looked up; where that is impossible, its kind has to do.
    private static func matches(
        _ open: Open, interpreterOf file: Open, _ locate: ([UInt8]) -> FileIdentity?
    ) -> Bool {
        guard let path = file.format.interpreter, open.format != .unknown else { return false }
        if case .dynamic = file.format, open.format != .static { return false }
        return open.hasName(of: path) || (locate(path) ?? open.file) == open.file
    }

    /// The interpreter of `file` among the opens of before. For a script, only certainty will do.
    private func earlier(_ pid: Int32, interpreterOf file: Open, _ locate: ([UInt8]) -> FileIdentity?) -> Open? {
        guard let path = file.format.interpreter, recent[pid] != nil || older[pid] != nil else { return nil }
        if case .dynamic = file.format {
            return recent[pid]?.last { Self.matches($0, interpreterOf: file, locate) }
                ?? older[pid]?.last { Self.matches($0, interpreterOf: file, locate) }
        }
        guard let interpreter = locate(path) else { return nil }
        return recent[pid]?.last { $0.file == interpreter } ?? older[pid]?.last { $0.file == interpreter }
    }

    private mutating func remember(_ pid: Int32, _ open: Open) {
        if recentOpens == Self.queueLength {
            older = recent
            recent.removeAll()
            recentOpens = 0
        }
        recentOpens += 1
        // Bounded: a process that executes in a loop faster than it is read fills the kernel's queue, not this.
        var opens = recent[pid] ?? []
        if opens.count == 16 { opens.removeFirst() }
        opens.append(open)
        recent[pid] = opens
    }
}

extension ExecAssembler.Open {
    /// Whether the last components are equal.
    fileprivate func hasName(of other: [UInt8]) -> Bool {
        path.lastComponent.elementsEqual(ByteString(other).lastComponent)
    }
}

extension ExecutableFormat {
    /// The path in the file.
    fileprivate var interpreter: [UInt8]? {
        switch self {
        case .script(let interpreter), .dynamic(let interpreter): interpreter
        case .static, .unknown: nil
        }
    }
}
