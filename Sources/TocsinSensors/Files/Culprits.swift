import TocsinEvents
import TocsinLinux

/// Who caused a file event, from /proc, each process read once for many events.
///
/// Holds a directory and a pidfd for each process of a small table, so that a remembered one is never taken for
/// another that got its number. Lives on the source's thread.
struct Culprits {
    private struct Entry {
        var held: HeldProcess
        var image: ProcStat.Image
        var process: Process
    }

    private let reader: ProcessReader
    private var entries: [Int32: Entry] = [:]

    private static let limit = 64

    init(reader: ProcessReader) { self.reader = reader }

    /// The process, with as much as can be learnt. Before it ends, and before it executes something else, that is all;
    /// afterwards only its number, and `gone`.
    ///
    /// - Parameter startedBefore: by `Clock.boottimeNSec`, where there is no pidfd to tell whether the number has got
    ///   another owner since.
    mutating func process(
        _ pid: Int32, _ pidfd: consuming PidFD?, isGone: Bool, startedBefore: UInt64? = nil
    ) -> Process {
        if let entry = entries[pid] {
            // An event of a process that has ended meanwhile is most likely of the one that is remembered.
            if isGone { return entry.process }
            if entry.held.pidfd.ownsNumber, let stat = try? entry.held.directory.stat() {
                if stat.isZombie || stat.image == entry.image { return entry.process }
            }
        }
        guard !isGone, let held = HeldProcess(pid: pid, pidfd), let snapshot = try? reader.snapshot(held.directory),
            snapshot.stat.startTimeNSec <= startedBefore ?? .max
        else {
            return entries[pid]?.process ?? reader.unknown(pid)
        }
        if entries.count >= Self.limit, entries[pid] == nil {
            entries = entries.filter { !$0.value.held.pidfd.hasEnded }
            if entries.count >= Self.limit { entries.removeAll(keepingCapacity: true) }
        }
        if snapshot.process.gone { return snapshot.process }
        entries[pid] = Entry(held: held, image: snapshot.stat.image, process: snapshot.process)
        return snapshot.process
    }

    /// Lets go of those that have ended: their descriptors would keep them in the kernel's memory.
    mutating func releaseEnded() {
        entries = entries.filter { !$0.value.held.pidfd.hasEnded }
    }
}
