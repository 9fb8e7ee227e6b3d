import TocsinEvents
import TocsinLinux

/// Going on where a process ended that had read opens, and had not told or not logged what came of them.
///
/// Descriptors and /proc directories that it held are gone with it. A process that still runs is found again by its
/// number and start time, and told as if nothing had been; of one that has ended, what was noted is told, as `gone`.
extension ExecWatch {
    mutating func resume(_ group: borrowing FanotifyGroup) {
        let left = journal.takeUp()
        twin.takeUp(noted: left.notes)
        for told in left.told { retell(told.number, told.first, told.image) }
        for (note, isOver) in left.others { isOver ? recall(note) : goOn(with: note) }
        guard let last = left.last else { return }
        if let found = twin.find(last.pid), let note = journal.complete(last, from: found) {
            twin.expect(note)
            goOn(with: note)
        } else {
            guess(last)
        }
    }

    /// Once more under its number: who logs it knows whether it is logged.
    private mutating func retell(_ number: UInt64, _ first: NotedOpen, _ image: NotedOpen) {
        guard !first.mask.contains(.overflow) else { return tellOverflow(number: number) }
        let execution = ExecAssembler.Execution(
            first: ExecAssembler.Open(first, first.executableFormat),
            image: ExecAssembler.Open(image, image.executableFormat))
        // A later one may have been merged with these.
        recall(first)
        if image.identity != first.identity { recall(image) }
        let held = sameProcess(as: first)
        if let held, let snapshot = try? reader.snapshot(held.directory), snapshot.executable == execution.image.file {
            images.learn(snapshot.stat)
            return tell(execution, snapshot.process, number: number)
        }
        var process = trace(of: execution, known(of: first), first.pid)
        process.gone = held == nil
        tell(execution, process, number: number)
    }

    private mutating func recall(_ note: NotedOpen) {
        assembler.recall(note.pid, ExecAssembler.Open(note, note.executableFormat))
    }

    /// As if it was read now.
    private mutating func goOn(with note: NotedOpen) {
        let pid = note.pid
        guard pid > 0, !note.path.isEmpty else { return journal.settle(pid) }
        let now = Clock.monotonicUSec()
        let held = suspect(pid, sameProcess(as: note), known: known(of: note), now)
        assemble(ExecAssembler.Open(note, note.executableFormat), of: pid, held, now)
    }

    /// An event of which nothing is known but the process: its reader was killed between taking it out of the queue and
    /// noting its file, and the other queue had no room for it.
    private mutating func guess(_ note: NotedOpen) {
        guard !note.mask.contains(.overflow) else { return records.append(SensorRecord(now: .gap(count: nil))) }
        let pid = note.pid
        guard pid > 0 else { return }
        let now = Clock.monotonicUSec()
        if let linker = assembler.awaitedLinker(pid) {
            // The only thing it can have opened, if the execution came to pass.
            let open = ExecAssembler.Open(
                file: FileIdentity(device: 0, inode: 0), path: ByteString(linker), format: .static,
                realtimeUSec: Clock.realtimeUSec(), monotonicUSec: now)
            return assemble(open, of: pid, suspect(pid, sameProcess(as: note), now), now)
        }
        guard let held = sameProcess(as: note), let status = try? held.directory.status(of: "exe"),
            let path = try? held.directory.link("exe")
        else { return records.append(SensorRecord(now: .abandoned(count: 1))) }
        // Most likely what runs now; /proc decides.
        let open = ExecAssembler.Open(
            file: status.identity, path: ProcessReader.name(path, isUnlinked: status.links == 0).0, format: .static,
            changesIDs: status.mode & 0o6000 != 0, realtimeUSec: Clock.realtimeUSec(), monotonicUSec: now)
        assemble(open, of: pid, suspect(pid, held, now), now)
    }

    // MARK: Processes

    /// The process of the open, if it has not ended: its number may have got a new owner.
    private func sameProcess(as note: NotedOpen) -> HeldProcess? {
        guard let held = HeldProcess(pid: note.pid, nil), let stat = try? held.directory.stat() else { return nil }
        let isSame =
            note.startTimeNSec != 0 ? stat.startTimeNSec == note.startTimeNSec : stat.startTimeNSec <= note.boottimeNSec
        return isSame ? held : nil
    }

    /// nil where not even the start time is known.
    private func known(of note: NotedOpen) -> Process? {
        guard note.startTimeNSec != 0 else { return nil }
        let entityID = ProcessKey(pid: note.pid, startTimeNSec: note.startTimeNSec).entityID(in: reader.boot)
        return Process(entityID: entityID, pid: note.pid, startTimeNSec: note.startTimeNSec)
    }
}

extension ExecAssembler.Open {
    init(_ note: NotedOpen, _ format: ExecutableFormat) {
        self.init(
            file: note.identity, path: ProcessReader.name(note.path, isUnlinked: note.links == 0).0, format: format,
            changesIDs: note.mode & 0o6000 != 0, realtimeUSec: note.realtimeUSec, monotonicUSec: note.monotonicUSec)
    }
}

extension NotedOpen {
    private enum Kind: UInt16 {
        case notLookedAt, unknown, `static`, script, dynamic
    }

    func setFormat(_ format: ExecutableFormat) {
        switch format {
        case .unknown: setFormat(kind: Kind.unknown.rawValue, text: [])
        case .static: setFormat(kind: Kind.static.rawValue, text: [])
        case .script(let interpreter): setFormat(kind: Kind.script.rawValue, text: interpreter)
        case .dynamic(let interpreter): setFormat(kind: Kind.dynamic.rawValue, text: interpreter)
        }
    }

    /// Where the reader was killed before it looked, the file is most likely a program with any dynamic linker.
    var executableFormat: ExecutableFormat {
        let (kind, text) = format
        return switch Kind(rawValue: kind) {
        case .unknown: .unknown
        case .static: .static
        case .script: .script(interpreter: text)
        case .dynamic: .dynamic(interpreter: text)
        case .notLookedAt, nil: lookAgain()
        }
    }

    private func lookAgain() -> ExecutableFormat {
        guard let root = try? FileDescriptor.open("/"),
            let place = try? root.locate(inRoot: path, followingLinks: false),
            (try? place.status().identity) == identity,
            let file = try? FileDescriptor.open("/proc/self/fd/\(place.rawValue)")
        else { return .dynamic(interpreter: []) }
        return ExecutableFormat { try? file.read(count: $1, at: $0) }
    }
}
