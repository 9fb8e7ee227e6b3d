import TocsinLinux

/// Reading the queue of executions: marks, batches, and the room in the journal.
extension ExecWatch: GroupWatch {
    mutating func arm(
        _ group: borrowing FanotifyGroup, _ mounts: borrowing MountTable, isAdopted: Bool
    ) throws(SystemError) {
        // Before the marks: what executes later must not be taken for what ran before. With a queue from before
        // nothing is known to have run before: what a process executed meanwhile is in both.
        if !isAdopted { try learnBaseline() }
        // What is in the first queue has to be in the second.
        try twin.arm(mounts)
        try marker.markOwn(mounts, group)
        marker.markForeign(of: try Proc.pids(), group)
    }

    mutating func mountsChanged(_ group: borrowing FanotifyGroup, _ mounts: borrowing MountTable) throws(SystemError) {
        try twin.mountsChanged(mounts)
        try marker.markOwn(mounts, group)
    }

    var shortcoming: String? { marker.shortcoming }

    /// Reads a batch, and looks again at what had to wait.
    mutating func read(_ group: borrowing FanotifyGroup, _ counters: SourceCounters) throws(SystemError) -> Bool {
        let now = Clock.monotonicUSec()
        var isDrained = false
        var met: [(process: HeldProcess, mountNamespace: UInt64)] = []
        for _ in 0..<Self.batch where !isDrained {
            makeRoomInJournal()
            do throws(SystemError) {
                guard let read = try journal.read(group) else {
                    isDrained = true
                    break
                }
                twin.expect(read.note)
                if read.event.mask.contains(.overflow) {
                    counters.overflowed()
                    tellOverflow(number: journal.tellLoss(read.entry, of: read.event.pid))
                } else if let process = opened(read) {
                    met.append(process)
                }
            } catch {
                guard error.costsOneEvent else { throw error }
                counters.lost(1)
                records.append(SensorRecord(now: .gap(count: 1)))
            }
        }
        if isDrained { drained(nowUSec: now) } else { twin.follow() }
        for (process, namespace) in met {
            twin.markForeign(namespace, of: process.directory, nowUSec: now)
            marker.markForeign(namespace, of: process.directory, nowUSec: now, group)
        }
        retry(nowUSec: now)
        return !isDrained
    }

    mutating func tellOverflow(number: UInt64) {
        var record = SensorRecord(now: .gap(count: nil))
        record.position = number
        records.append(record)
    }

    private mutating func makeRoomInJournal() {
        guard !journal.hasRoom else { return }
        journal.makeRoom(keepingNewest: true)
        // Somebody executes files of very long names, and keeps all of that hanging.
        while !journal.hasRoom, !suspects.isEmpty {
            makeRoom()
            journal.makeRoom(keepingNewest: false)
        }
    }

    mutating func delivered() { journal.delivered() }

    func keep() { twin.keep() }
}
