import TocsinLinux

/// A fanotify group that outlives this process where descriptors are kept, with its marks and what is queued in it.
///
/// Owns the group and a page of memory that is kept beside it. Reading takes events out of the queue; a word in that
/// page says whether some were read and are not delivered yet, so that the next process knows whether any died with
/// this one. Which they were, nobody can know.
struct PreservedGroup: ~Copyable, Sendable {
    let group: FanotifyGroup
    /// It was kept by an earlier process.
    let isAdopted: Bool
    /// As `isAdopted`, and everything that the earlier process had read was delivered.
    let missedNothing: Bool
    private let page: MemoryFile
    private let memory: MemoryMapping
    private let name: String
    private let store: (any DescriptorKeeping)?

    private static let pageBytes = 4096

    /// - Parameters:
    ///   - name: with a version: a change of what the group reports, or of how it is marked, is another.
    ///   - make: where none is kept.
    static func open(
        name: String, store: (any DescriptorKeeping)?, make: () throws(SystemError) -> FanotifyGroup
    ) throws(SystemError) -> PreservedGroup {
        let kept = store?.takeKept(name)
        let keptPage = store?.takeKept(pageName(name))
        if let kept, let keptPage, kept.isFanotifyGroup, let page = adopt(keptPage) {
            let memory = try page.map(byteCount: pageBytes, writable: true)
            return PreservedGroup(FanotifyGroup(adopting: kept), page, memory, name, store, isAdopted: true)
        }
        let group = try make()
        let page = try MemoryFile(name: "tocsin-\(name)", byteCount: pageBytes)
        try page.add([.shrink, .grow, .seal])
        let memory = try page.map(byteCount: pageBytes, writable: true)
        return PreservedGroup(group, page, memory, name, store, isAdopted: false)
    }

    private init(
        _ group: consuming FanotifyGroup, _ page: consuming MemoryFile, _ memory: consuming MemoryMapping,
        _ name: String, _ store: (any DescriptorKeeping)?, isAdopted: Bool
    ) {
        missedNothing = isAdopted && memory.bytes.load(as: UInt64.self) == 0
        self.group = group
        self.page = page
        self.memory = memory
        self.name = name
        self.store = store
        self.isAdopted = isAdopted
    }

    /// Has the group kept. Not before it is marked: a group without marks would be taken up as if it had missed nothing.
    func keep() {
        guard !isAdopted, let store else { return }
        // In this order there is no group without its page.
        store.keep(page.descriptor, as: Self.pageName(name))
        store.keep(group.descriptor, as: name)
    }

    /// Before a read.
    func beginReading() { memory.bytes.storeBytes(of: 1, as: UInt64.self) }

    /// Everything that was read is delivered.
    func settle() { memory.bytes.storeBytes(of: 0, as: UInt64.self) }

    private static func pageName(_ name: String) -> String { "\(name)-page" }

    private static func adopt(_ descriptor: consuming FileDescriptor) -> MemoryFile? {
        let file = MemoryFile(adopting: descriptor)
        guard let seals = try? file.seals(), seals.isSuperset(of: [.shrink, .grow]),
            (try? file.byteCount()) == pageBytes
        else { return nil }
        return file
    }
}
