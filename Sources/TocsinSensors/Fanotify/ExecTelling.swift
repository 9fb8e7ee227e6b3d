import TocsinEvents
import TocsinLinux

/// What is told of an execution: as /proc shows it, or where it is over already, what its opens and the process before
/// it show.
extension ExecWatch {
    /// The process has executed again, so arguments and name are those of another program.
    mutating func tellSuperseded(
        _ execution: ExecAssembler.Execution, _ pid: Int32, beforeLast: Bool = false
    ) {
        // Unless the next program runs already, these are the addresses of the one that is told now.
        if let held = suspects[pid]?.held, let stat = try? held.directory.stat(),
            (try? held.directory.identity(of: "exe")) == execution.image.file
        {
            images.learn(stat)
        }
        tell(execution, trace(of: execution, suspects[pid]?.surroundings, pid), beforeLast: beforeLast)
        suspects[pid]?.execution = nil
        suspects[pid]?.nextAttempt = .max
    }

    /// The process is gone, and with it the arguments.
    ///
    /// - Parameter beforeLast: the latest open is that of another process with the same number.
    mutating func tellEnded(_ pid: Int32, beforeLast: Bool = false) {
        let suspect = suspects.removeValue(forKey: pid)
        if let execution = assembler.ended(pid) {
            var process = trace(of: execution, suspect?.surroundings, pid)
            process.gone = true
            tell(execution, process, beforeLast: beforeLast)
        }
        journal.settle(pid, beforeLast: beforeLast)
    }

    /// What is known of an execution that cannot be seen in /proc any more.
    func trace(of execution: ExecAssembler.Execution, _ surroundings: Process?, _ pid: Int32) -> Process {
        var process = (surroundings ?? reader.unknown(pid)).members
        // The name was still that of the program before.
        process.comm = nil
        process.place(execution)
        if execution.image.changesIDs {
            process.effectiveUid = nil
            process.effectiveGid = nil
        }
        return Process(process)
    }

    mutating func tell(_ execution: ExecAssembler.Execution, _ process: Process, beforeLast: Bool = false) {
        let number = journal.tell(process.pid, execution, beforeLast: beforeLast)
        tell(execution, process, number: number)
    }

    mutating func tell(_ execution: ExecAssembler.Execution, _ process: Process, number: UInt64?) {
        var process = process
        if execution.isScript {
            process.flags.insert(.script)
            process.filename = execution.first.path
        }
        var record = SensorRecord(
            realtimeUSec: execution.first.realtimeUSec, monotonicUSec: execution.first.monotonicUSec,
            body: .process(.exec, process))
        record.position = number
        records.append(record)
    }
}

extension Process.Members {
    /// The executable as the event told it.
    mutating func place(_ execution: ExecAssembler.Execution) {
        executable = execution.image.path
        executableDevice = execution.image.file.device
        executableInode = execution.image.file.inode
    }
}
