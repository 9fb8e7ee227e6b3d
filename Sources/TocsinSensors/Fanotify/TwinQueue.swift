import TocsinLinux

/// A second group with the marks of the first, so that whatever the kernel told is known or in a queue at any moment.
///
/// To read an event and to note its file are several system calls. A reader that is killed between them has taken the
/// event out of the queue, the descriptor dies with it, and so, mostly, has the process that the event was about. But
/// the same event is in two queues, and is not read from both at once:
///
/// - Killed while it reads the first, the reader leaves it in the second, or has read it there and noted it.
/// - Killed while it reads the second, the reader has noted it from the first, or left it there.
///
/// The second queue is read behind the first, as many events as were read there. They mostly come in the same order;
/// what comes here first is kept as a spare until it comes there too.
///
/// Owns the group and its memory. Holds no event back: one in a queue keeps its file system mounted.
struct TwinQueue: ~Copyable, Sendable {
    private let kept: PreservedGroup
    private var memory: ReadJournal
    private var marker = FileSystemMarker(mask: .openExec)
    /// Read from the first queue, and not yet here.
    private var expected: [Key: Int] = [:]
    private var expectedCount = 0
    /// Read here, and not yet from the first queue: where it is noted.
    private var spares: [(key: Key, entry: Int)] = []
    /// Where the next note goes.
    private var end = 0

    private struct Key: Hashable {
        var pid: Int32
        var file: FileIdentity

        init(_ note: NotedOpen) {
            pid = note.pid
            file = note.identity
        }
    }

    /// Bytes for spares: some thousands, though there should be few.
    static let capacity = 1 << 20
    /// Not to be read far ahead of the first queue: there is no more than one event that only this one can tell.
    private static let spareLimit = 64
    /// What is expected longer than this was merged with another event, and does not come.
    private static let expectedLimit = 4096
    private static let used: UInt64 = 1

    init(_ group: consuming PreservedGroup, _ memory: consuming ReadJournal) {
        kept = group
        self.memory = memory
    }

    func keep() { kept.keep() }

    // MARK: Marks

    mutating func arm(_ mounts: borrowing MountTable) throws(SystemError) {
        try marker.markOwn(mounts, kept.group)
        marker.markForeign(of: try Proc.pids(), kept.group)
    }

    mutating func mountsChanged(_ mounts: borrowing MountTable) throws(SystemError) {
        try marker.markOwn(mounts, kept.group)
    }

    mutating func markForeign(_ namespace: UInt64, of directory: borrowing ProcDirectory, nowUSec: UInt64) {
        marker.markForeign(namespace, of: directory, nowUSec: nowUSec, kept.group)
    }

    // MARK: Following

    /// This was read from the first queue and noted.
    mutating func expect(_ note: NotedOpen) {
        guard !note.mask.contains(.overflow) else { return }
        let key = Key(note)
        if let spare = spares.firstIndex(where: { $0.key == key }) {
            NotedOpen(in: memory.content, at: spares.remove(at: spare).entry)?.setState(Self.used)
            if spares.isEmpty { clear() }
        } else {
            count(key)
        }
    }

    /// Reads as many events as are expected.
    mutating func follow() {
        for _ in 0..<expectedCount { guard spares.count < Self.spareLimit, readOne() else { return } }
    }

    /// The first queue was empty, and this one not read since. So what was kept as a spare before did not come there,
    /// and will not.
    mutating func drained() {
        clear()
        while spares.count < Self.spareLimit, readOne() {}
        expected.removeAll(keepingCapacity: true)
        expectedCount = 0
    }

    private mutating func count(_ key: Key) {
        if expectedCount >= Self.expectedLimit {
            expected.removeAll(keepingCapacity: true)
            expectedCount = 0
        }
        expected[key, default: 0] += 1
        expectedCount += 1
    }

    /// False where there was none, or no room is left to note it.
    private mutating func readOne() -> Bool {
        guard end + NotedOpen.byteLimit <= memory.content.count, let note = NotedOpen(in: memory.content, at: end),
            var event = try? kept.group.read(noting: note, reportsPidFD: false)
        else { return false }
        let key = Key(note)
        guard !event.mask.contains(.overflow), !take(key) else {
            NotedOpen.clear(in: memory.content, at: end)
            return true
        }
        if let file = event.file.take() {
            note.setFormat(ExecutableFormat { try? file.read(count: $1, at: $0) })
        }
        spares.append((key, end))
        end += note.byteCount
        return true
    }

    private mutating func take(_ key: Key) -> Bool {
        guard let count = expected[key] else { return false }
        expected[key] = count > 1 ? count - 1 : nil
        expectedCount -= 1
        return true
    }

    private mutating func clear() {
        guard end > 0 else { return }
        spares.removeAll(keepingCapacity: true)
        end = 0
        memory.turnOver(number: memory.number) { NotedOpen.clear(in: $0, at: 0) }
    }

    // MARK: Taking up

    /// What an earlier process has left here, and what it noted of the first queue.
    mutating func takeUp(noted: [NotedOpen]) {
        while let note = NotedOpen(in: memory.content, at: end), note.byteCount > 0,
            end + note.byteCount <= memory.content.count
        {
            if note.state != Self.used { spares.append((Key(note), end)) }
            end += note.byteCount
        }
        NotedOpen.clear(in: memory.content, at: end)
        for note in noted where !note.mask.contains(.overflow) { count(Key(note)) }
    }

    /// The first open of the process that was not noted of the first queue.
    mutating func find(_ pid: Int32) -> NotedOpen? {
        repeat {
            if let spare = spares.first(where: { $0.key.pid == pid }) {
                return NotedOpen(in: memory.content, at: spare.entry)
            }
        } while readOne()
        return nil
    }
}
