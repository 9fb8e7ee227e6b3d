import TocsinEvents
import TocsinLinux

/// Ancestors as /proc shows them now: who ended is not there, and an orphan's parent is who adopted it.
package struct ProcAncestry {
    private let reader: ProcessReader
    /// What was read of a process, good for as long as `stat` shows the same process and the same image.
    private var known: [Int32: Known] = [:]
    private var knownBytes = 0

    private struct Known {
        var startTicks: UInt64
        var image: ProcStat.Image
        /// With what an ancestor is told of.
        var process: Process
    }

    private static let (limit, byteLimit) = (4096, 2 << 20)

    package init(reader: ProcessReader) { self.reader = reader }

    /// Ends where a process is gone, or is younger than its child and so not its parent.
    package mutating func lineage(of process: borrowing Process) -> Lineage {
        var ancestors: [Process] = []
        var child = copy process
        while ancestors.count < Lineage.depth, let pid = child.parentPid, pid > 0 {
            guard let parent = current(pid),
                parent.startTimeNSec <= child.startTimeNSec, parent.entityID != child.entityID
            else { break }
            ancestors.append(parent)
            child = parent
        }
        return Lineage(ancestors)
    }

    /// Every process there is, kernel threads too: the kernel starts programs from one of them.
    package func everyone() -> [Process] {
        ((try? Proc.pids()) ?? []).compactMap { pid in
            guard let directory = try? ProcDirectory(pid: pid), let stat = try? directory.stat() else { return nil }
            return read(directory, stat)
        }
    }

    private mutating func current(_ pid: Int32) -> Process? {
        guard let directory = try? ProcDirectory(pid: pid), let stat = try? directory.stat() else { return nil }
        if let known = known[pid], known.startTicks == stat.startTicks, known.image == stat.image {
            var process = known.process
            // Both change without execve(2).
            process.parentPid = stat.parentPid
            process.comm = ByteString(stat.comm)
            return process
        }
        let process = read(directory, stat)
        if known.count >= Self.limit || knownBytes >= Self.byteLimit {
            known.removeAll(keepingCapacity: true)
            knownBytes = 0
        }
        let entry = KnownProcess(process, running: KnownProgram(process.sharedProgram))
        // Of what it replaces, too: counted again, it is only forgotten a little earlier.
        knownBytes += entry.byteCount + entry.running.byteCount
        known[pid] = Known(startTicks: stat.startTicks, image: stat.image, process: entry.process)
        return process
    }

    /// Who it is and what it runs.
    private func read(_ directory: borrowing ProcDirectory, _ stat: ProcStat) -> Process {
        var process = reader.process(of: stat).members
        if let ids = try? directory.status() {
            process.uid = ids.uid
            process.effectiveUid = ids.effectiveUid
        }
        guard !stat.isKernelThread else { return Process(process) }
        if let path = try? directory.link("exe"), let status = try? directory.status(of: "exe") {
            process.executable = ProcessReader.name(path, isUnlinked: status.links == 0).0
        }
        if let text = try? directory.read("cmdline", limit: Lineage.parentArgumentBytes) {
            process.arguments = Arguments(bytes: text)
            process.argumentsTruncated = text.count == Lineage.parentArgumentBytes
        }
        return Process(process)
    }
}
