import TocsinEvents
import TocsinLinux

/// A fanotify group that outlives this process where descriptors are kept, with its marks, what is queued in it, and
/// the journal of what was read from it.
///
/// Owns the group and the journal's memory. Neither is any good without the other, so they are taken up together or
/// not at all.
struct PreservedGroup: ~Copyable, Sendable {
    let group: FanotifyGroup
    /// It was kept by an earlier process: nothing is missing since.
    let isAdopted: Bool
    private let memory: MemoryFile
    private let name: String
    private let store: (any DescriptorKeeping)?

    /// A group and what of it is to be told first.
    struct Opened: ~Copyable {
        let group: PreservedGroup
        let journal: ReadJournal
    }

    /// - Parameters:
    ///   - name: with a version: a change of what the group reports, or of how it is marked, is another.
    ///   - capacity: bytes of each half of the journal, a multiple of 64.
    ///   - isWanted: whether one that was kept is of use.
    ///   - make: where none is kept.
    static func open(
        name: String, capacity: Int, boot: BootID, store: (any DescriptorKeeping)?, isWanted: Bool = true,
        make: () throws(SystemError) -> FanotifyGroup
    ) throws(SystemError) -> Opened {
        let byteCount = ReadJournal.byteCount(capacity: capacity)
        if let kept = store?.takeKept(name), let keptMemory = store?.takeKept(journalName(name)),
            isWanted, kept.isFanotifyGroup, let memory = adopt(keptMemory, byteCount),
            let journal = ReadJournal(resuming: try memory.map(byteCount: byteCount, writable: true), boot: boot)
        {
            return Opened(
                group: PreservedGroup(
                    group: FanotifyGroup(adopting: kept), isAdopted: true, memory: memory, name: name, store: store),
                journal: journal)
        }
        let group = try make()
        let memory = try MemoryFile(name: "tocsin-\(name)", byteCount: byteCount)
        try memory.add([.shrink, .grow, .seal])
        let journal = ReadJournal(beginning: try memory.map(byteCount: byteCount, writable: true), boot: boot)
        return Opened(
            group: PreservedGroup(group: group, isAdopted: false, memory: memory, name: name, store: store),
            journal: journal)
    }

    /// Has the group kept. Not before it is marked: a group without marks would be taken up as if it had missed
    /// nothing.
    func keep() {
        guard !isAdopted, let store else { return }
        // In this order there is no group without its journal.
        store.keep(memory.descriptor, as: Self.journalName(name))
        store.keep(group.descriptor, as: name)
    }

    private static func journalName(_ name: String) -> String { "\(name)-journal" }

    private static func adopt(_ descriptor: consuming FileDescriptor, _ byteCount: Int) -> MemoryFile? {
        let file = MemoryFile(adopting: descriptor)
        guard let seals = try? file.seals(), seals.isSuperset(of: [.shrink, .grow]),
            (try? file.byteCount()) == byteCount
        else { return nil }
        return file
    }
}
