import TocsinEvents
import TocsinLinux

/// Knows every directory that leads to watched files by its handle, and follows what happens to them.
///
/// The kernel names a directory by a handle, and the whole file system's events come in the order in which they
/// happened. So nothing has to be looked up at the time of an event, when the directory may be renamed or gone: a
/// handle that is not known here belongs to a directory that does not matter, and the path of one that is known is the
/// path that it had at that moment.
///
/// Pure: it is told what a walk found and what the kernel reports, and asks for a walk where something came in from
/// outside. Both tables are bounded.
package struct WatchedTree: Sendable {
    /// A report of the kernel. In `directory` and `name` is where it happened, in `from` where a renamed file was; nil
    /// where that is on no watched file system.
    package struct Report: Sendable, Hashable {
        package var mask: FanotifyGroup.Mask
        package var at: Place?
        package var from: Place?
        package var file: FileHandle?

        package init(mask: FanotifyGroup.Mask, at: Place? = nil, from: Place? = nil, file: FileHandle? = nil) {
            self.mask = mask
            self.at = at
            self.from = from
            self.file = file
        }
    }

    package struct Place: Sendable, Hashable {
        package var directory: FileHandle
        package var name: [UInt8]

        package init(directory: FileHandle, name: [UInt8]) {
            self.directory = directory
            self.name = name
        }
    }

    package struct Change: Sendable, Hashable {
        package var type: EventType
        package var path: ByteString
        package var oldPath: ByteString?
        package var file: FileHandle?

        package init(type: EventType, path: ByteString, oldPath: ByteString? = nil, file: FileHandle? = nil) {
            self.type = type
            self.path = path
            self.oldPath = oldPath
            self.file = file
        }
    }

    package enum Action: Sendable, Hashable {
        case tell(Change)
        /// By another name of the file than the path, or by none: to be told if the path has this file still. The walk
        /// after a mount may have met a file under a name that it was given only after the report.
        case tellIfLinked(Change)
        /// A directory was made. Where each directory has to be marked by itself, it is time to do so.
        case entered(ByteString, FileHandle)
        /// A directory came in from outside with all that is in it: walk it, if it still has this handle.
        case walk(ByteString, FileHandle)
    }

    private let paths: WatchedPaths
    private var directories: [FileHandle: ByteString] = [:]
    /// Watched files, so that one is known when it is written by another name (a hard link).
    private var files: [FileHandle: ByteString] = [:]
    private var handles: [ByteString: FileHandle] = [:]
    private let directoryLimit: Int
    private let fileLimit: Int
    /// Directories and files that found no room.
    package private(set) var refused = 0

    package init(_ paths: WatchedPaths, directoryLimit: Int = 32_768, fileLimit: Int = 32_768) {
        self.paths = paths
        self.directoryLimit = directoryLimit
        self.fileLimit = fileLimit
    }

    package var directoryCount: Int { directories.count }

    // MARK: Learning

    /// A directory, by a walk. False where it leads to no watched file, or there is no room.
    package mutating func learn(directory handle: FileHandle, _ path: ByteString) -> Bool {
        guard paths.leads(path) else { return false }
        if directories[handle] == nil, directories.count >= directoryLimit {
            refused += 1
            return false
        }
        directories[handle] = path
        return true
    }

    /// A file, by a walk.
    package mutating func learn(file handle: FileHandle, _ path: ByteString) {
        guard paths.contains(path) else { return }
        if let old = handles[path], old != handle { files[old] = nil }
        if files[handle] == nil, files.count >= fileLimit {
            refused += 1
            return
        }
        // A second watched name of a known file: either will do.
        if let other = files[handle], other != path { handles[other] = nil }
        files[handle] = path
        handles[path] = handle
    }

    /// Before a walk from the start.
    package mutating func forgetAll() {
        directories.removeAll(keepingCapacity: true)
        files.removeAll(keepingCapacity: true)
        handles.removeAll(keepingCapacity: true)
        refused = 0
    }

    // MARK: Following

    /// `exists` is asked for a path that was both created and deleted before the kernel's report was read: the kernel
    /// merges that into one without an order. `locate` is asked for the directory at the other end of a rename that
    /// leaves or enters what is known, near a directory of the same file system.
    package mutating func follow(
        _ report: Report, exists: (ByteString) -> Bool, locate: (FileHandle, _ near: ByteString) -> ByteString?
    ) -> [Action] {
        if report.mask.contains(.rename) { return followRename(report, locate) }
        let isDirectory = report.mask.contains(.onDirectory)
        guard let place = report.at, let parent = directories[place.directory] else {
            return throughAnotherName(report)
        }
        let path = place.name == [UInt8(ascii: ".")] ? parent : parent.appending(place.name)
        var types = Self.types(of: report.mask)
        if types.first == .create, types.last == .delete, exists(path) {
            types.removeLast()
            types.insert(.delete, at: 0)
        }
        var actions: [Action] = []
        if let file = report.file {
            for type in types {
                switch type {
                case .create where isDirectory:
                    if learn(directory: file, path) { actions.append(.entered(path, file)) }
                case .create: learn(file: file, path)
                case .delete where isDirectory: directories[file] = nil
                case .delete where files[file] == path: forget(file: path)
                default: break
                }
            }
        }
        guard matters(path, isDirectory: isDirectory) else { return actions + throughAnotherName(report) }
        return types.map { .tell(Change(type: $0, path: path, file: report.file)) } + actions
    }

    /// A watched file; or something that is no directory where one is expected on the way to watched files, as a link
    /// that leads elsewhere.
    private func matters(_ path: ByteString, isDirectory: Bool) -> Bool {
        paths.contains(path) || (!isDirectory && paths.isOnTheWay(path))
    }

    /// In the order in which they mostly happen.
    private static func types(of mask: FanotifyGroup.Mask) -> [EventType] {
        var types: [EventType] = []
        if mask.contains(.create) { types.append(.create) }
        if mask.contains(.closeWrite) { types.append(.modify) }
        if mask.contains(.attributes) { types.append(.attribute) }
        if mask.contains(.delete) { types.append(.delete) }
        return types
    }

    /// A watched file was written, or its metadata or number of names changed, by a name that is not watched.
    private func throughAnotherName(_ report: Report) -> [Action] {
        guard let file = report.file, let path = files[file] else { return [] }
        return Self.types(of: report.mask).filter { $0 == .modify || $0 == .attribute }
            .map { .tellIfLinked(Change(type: $0, path: path, file: file)) }
    }

    private mutating func followRename(
        _ report: Report, _ locate: (FileHandle, _ near: ByteString) -> ByteString?
    ) -> [Action] {
        let oldParent = report.from.flatMap { directories[$0.directory] }
        let newParent = report.at.flatMap { directories[$0.directory] }
        let old = oldParent.flatMap { parent in report.from.map { parent.appending($0.name) } }
        let new = newParent.flatMap { parent in report.at.map { parent.appending($0.name) } }
        var actions: [Action] = []
        if report.mask.contains(.onDirectory) {
            actions = moveDirectory(report.file, to: new)
        } else if let file = report.file {
            if let old, files[file] == old { forget(file: old) }
            // What had the new name is gone, by this name.
            if let new {
                forget(file: new)
                learn(file: file, new)
            }
        }
        // A directory on the way counts too: with it, all that is watched below comes or goes.
        guard [old, new].contains(where: { $0.map { paths.contains($0) || paths.isOnTheWay($0) } ?? false }) else {
            return actions
        }
        func elsewhere(_ place: Place?, near parent: ByteString?) -> ByteString? {
            guard let place, let parent else { return nil }
            return locate(place.directory, parent)?.appending(place.name)
        }
        if let path = new ?? elsewhere(report.at, near: oldParent) {
            let oldPath = old ?? elsewhere(report.from, near: newParent)
            return [.tell(Change(type: .rename, path: path, oldPath: oldPath, file: report.file))] + actions
        }
        // Gone to where nobody can tell, it is deleted as far as the watched place goes.
        return (old.map { [.tell(Change(type: .delete, path: $0, file: report.file))] } ?? []) + actions
    }

    private mutating func moveDirectory(_ handle: FileHandle?, to new: ByteString?) -> [Action] {
        guard let handle else { return [] }
        guard let known = directories[handle] else {
            guard let new, paths.leads(new) else { return [] }
            return [.walk(new, handle)]
        }
        let below = known.appending([])
        let moved = directories.filter { $0.key == handle || $0.value.bytes.starts(with: below.bytes) }
        for (handle, path) in moved {
            directories[handle] = nil
            if let new { _ = learn(directory: handle, new.appendingTail(of: path, after: known)) }
        }
        for (path, file) in handles.filter({ $0.key.bytes.starts(with: below.bytes) }) {
            forget(file: path)
            if let new { learn(file: file, new.appendingTail(of: path, after: known)) }
        }
        // What did not matter there may matter here.
        guard let new, paths.leads(new) else { return [] }
        return [.walk(new, handle)]
    }

    private mutating func forget(file path: ByteString) {
        if let handle = handles.removeValue(forKey: path) { files[handle] = nil }
    }
}

extension ByteString {
    /// `name` in this directory; ends in `/` where the name is empty.
    func appending(_ name: [UInt8]) -> ByteString {
        ByteString(bytes == [UInt8(ascii: "/")] ? bytes + name : bytes + [UInt8(ascii: "/")] + name)
    }

    /// This, and what `path` has more than `beginning`.
    fileprivate func appendingTail(of path: ByteString, after beginning: ByteString) -> ByteString {
        ByteString(bytes + path.bytes.dropFirst(beginning.bytes.count))
    }
}
