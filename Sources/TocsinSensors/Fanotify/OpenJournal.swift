import TocsinEvents
import TocsinLinux

/// The opens that were read and are not all told and logged, one entry each, in a journal that outlives this process.
///
/// An execution is told with a number when all of its opens have come, which may be long after the first was read, and
/// after others that began later. So each open keeps the number that its execution was told by. The next process tells
/// once more, under the same numbers, what may not be logged; and goes on with what was not told.
struct OpenJournal: ~Copyable, Sendable {
    private var memory: ReadJournal
    private let reportsPidFD: Bool
    /// Where the next entry goes.
    private var end = 0
    /// Entries of each process that are not told, in their order.
    private var pending: [Int32: [Int]] = [:]
    /// What the next record is told by.
    private var nextNumber: UInt64
    /// Behind the last entry is an event that an earlier process read and had no time to note.
    private var holdsLast = false

    /// Bytes: some 4,000 opens, of which those of the executions in progress stay.
    static let capacity = 1 << 20

    /// The state of an entry is one more than the number it was told by, or one of these.
    private static let untold: UInt64 = 0
    private static let nothingToTell = UInt64.max
    private static let firstRole: UInt16 = 1
    private static let imageRole: UInt16 = 2

    /// In memory of zeros, or with what another process left: see `takeUp`.
    init(_ memory: consuming ReadJournal, reportsPidFD: Bool) {
        nextNumber = memory.number
        self.reportsPidFD = reportsPidFD
        self.memory = memory
    }

    // MARK: Reading

    /// An event that was read, and where it is noted.
    struct Read: ~Copyable {
        var event: FanotifyEvent
        let entry: Int
        let note: NotedOpen
    }

    /// Whether there is room for another entry: see `makeRoom`.
    var hasRoom: Bool { end + NotedOpen.byteLimit <= memory.content.count }

    /// Reads one event. There must be room.
    mutating func read(_ group: borrowing FanotifyGroup) throws(SystemError) -> Read? {
        guard hasRoom, let note = NotedOpen(in: memory.content, at: end),
            let event = try group.read(noting: note, reportsPidFD: reportsPidFD)
        else { return nil }
        let entry = end
        end += note.byteCount
        pending[event.pid, default: []].append(entry)
        return Read(event: event, entry: entry, note: note)
    }

    func note(at entry: Int) -> NotedOpen? { NotedOpen(in: memory.content, at: entry) }

    // MARK: What became of them

    /// The execution is told: whoever takes this up tells it by the same number. nil where no entry could carry one.
    ///
    /// - Parameter beforeLast: the process's latest open has begun another.
    mutating func tell(_ pid: Int32, _ execution: ExecAssembler.Execution, beforeLast: Bool) -> UInt64? {
        let notes = take(pid, beforeLast: beforeLast).compactMap { note(at: $0) }
        guard !notes.isEmpty else { return nil }
        defer { nextNumber += 1 }
        // The roles first: an entry with a number has them. The first open last: with its number all have theirs.
        let first = notes.firstIndex { $0.identity == execution.first.file } ?? 0
        notes[first].setRoles(notes[first].roles | Self.firstRole)
        if let image = notes.last(where: { $0.identity == execution.image.file }) {
            image.setRoles(image.roles | Self.imageRole)
        }
        for (index, note) in notes.enumerated() where index != first { note.setState(nextNumber + 1) }
        notes[first].setState(nextNumber + 1)
        return nextNumber
    }

    /// A loss is told.
    mutating func tellLoss(_ entry: Int, of pid: Int32) -> UInt64 {
        defer { nextNumber += 1 }
        pending[pid]?.removeAll { $0 == entry }
        note(at: entry)?.setState(nextNumber + 1)
        return nextNumber
    }

    /// Nothing is to be told of what the process opened.
    mutating func settle(_ pid: Int32, beforeLast: Bool = false) {
        for entry in take(pid, beforeLast: beforeLast) { note(at: entry)?.setState(Self.nothingToTell) }
    }

    /// Everything told so far is logged.
    mutating func delivered() {
        if memory.number != nextNumber { memory.setNumber(nextNumber) }
        if holdsLast { NotedOpen.clear(in: memory.content, at: end) }
        holdsLast = false
    }

    private mutating func take(_ pid: Int32, beforeLast: Bool) -> [Int] {
        guard var entries = pending.removeValue(forKey: pid) else { return [] }
        if beforeLast, let last = entries.popLast() { pending[pid] = [last] }
        return entries
    }

    // MARK: Room

    /// Lets go of what is logged. Where more is read than this holds before the queue was ever empty, the newest of it
    /// stays too: the kernel may have merged a later event with one of them.
    mutating func makeRoom(keepingNewest: Bool) {
        guard end > 0 else { return }
        let logged = memory.number
        let oldestKept = keepingNewest ? end - memory.content.count / 4 : end
        let content = memory.content
        var moved: [Int: Int] = [:]
        var newEnd = 0
        memory.turnOver(number: logged) { other in
            var entry = 0
            while entry < end, let note = NotedOpen(in: content, at: entry), note.byteCount > 0 {
                if !Self.isOver(note, logged: logged) || entry >= oldestKept {
                    UnsafeMutableRawBufferPointer(rebasing: other[newEnd..<(newEnd + note.byteCount)])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: content[entry..<(entry + note.byteCount)]))
                    moved[entry] = newEnd
                    newEnd += note.byteCount
                }
                entry += note.byteCount
            }
            NotedOpen.clear(in: other, at: newEnd)
        }
        end = newEnd
        pending = pending.mapValues { $0.compactMap { moved[$0] } }
    }

    /// Whether nothing is to be told of it any more, where everything before number `logged` is logged.
    private static func isOver(_ note: NotedOpen, logged: UInt64) -> Bool {
        note.state == nothingToTell || note.state != untold && note.state <= logged
    }

    // MARK: Taking up

    /// What a dead process has left.
    struct Left {
        /// Told by these numbers, rising, and perhaps not logged.
        var told: [(number: UInt64, first: NotedOpen, image: NotedOpen)] = []
        /// All others, in their order; `isOver`: nothing is to be told of it any more.
        var others: [(note: NotedOpen, isOver: Bool)] = []
        /// An event of which was noted nothing but the process.
        var last: NotedOpen?
        /// All that were noted.
        var notes: [NotedOpen] = []
    }

    /// Notes the event behind the last entry after all, from what another queue told of it.
    mutating func complete(_ last: NotedOpen, from other: NotedOpen) -> NotedOpen? {
        guard holdsLast, let note = other.copy(to: memory.content, at: end, boottimeNSec: last.boottimeNSec) else {
            return nil
        }
        holdsLast = false
        pending[note.pid, default: []].append(end)
        end += note.byteCount
        return note
    }

    /// Once, before the first `read`. The notes are good until `makeRoom`.
    mutating func takeUp() -> Left {
        var left = Left()
        readEntries(&left)
        var told: [UInt64: (first: NotedOpen, image: NotedOpen)] = [:]
        for note in left.notes where note.state != Self.untold && !Self.isOver(note, logged: memory.number) {
            // A loss has no roles.
            if note.roles & Self.firstRole != 0 || note.mask.contains(.overflow) { told[note.state] = (note, note) }
        }
        var entry = 0
        for note in left.notes {
            if Self.isOver(note, logged: memory.number) {
                left.others.append((note, isOver: true))
            } else if told[note.state] != nil {
                if note.roles & Self.imageRole != 0 { told[note.state]?.image = note }
            } else {
                // What has a number nevertheless was about to be told when its reader was killed.
                note.setRoles(0)
                note.setState(Self.untold)
                pending[note.pid, default: []].append(entry)
                left.others.append((note, isOver: false))
            }
            entry += note.byteCount
        }
        for (state, group) in told.sorted(by: { $0.key < $1.key }) {
            nextNumber = max(nextNumber, state)
            left.told.append((state - 1, group.first, group.image))
        }
        return left
    }

    private mutating func readEntries(_ left: inout Left) {
        let content = memory.content
        while let note = NotedOpen(in: content, at: end) {
            guard note.byteCount > 0 else {
                holdsLast = note.wasRead
                if holdsLast { left.last = note }
                return
            }
            // Never, unless somebody else wrote here.
            guard note.byteCount.isMultiple(of: 8), end + note.byteCount <= content.count else { return }
            left.notes.append(note)
            end += note.byteCount
        }
    }
}
