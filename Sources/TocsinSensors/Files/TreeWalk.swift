import TocsinEvents
import TocsinLinux

/// Walks the directories that lead to watched files: marks what they are on, and teaches the tree their handles.
///
/// A mark comes before the look, so whatever changes during the walk is reported afterwards. Paths are resolved without
/// following any link: users own some of the directories, and must not lead the daemon elsewhere.
struct TreeWalk {
    /// How a file system is watched.
    private enum Coverage {
        /// All of it, so that new directories need nothing.
        case whole
        /// Directory by directory, where the kernel cannot do better: overlayfs without nfs_export=on, and subvolumes
        /// of btrfs before Linux 6.8.
        case directories
        case none
    }

    /// Kept as long as no mount changes; by device number.
    private var coverage: [UInt64: Coverage] = [:]
    /// What cannot be watched, and why.
    private(set) var failures: [(path: ByteString, failure: SystemError)] = []

    private static let mask: FanotifyGroup.Mask = [
        .create, .delete, .closeWrite, .attributes, .rename, .onDirectory,
    ]
    /// Of one directory: more is not looked at, though it is watched where the file system is marked as a whole.
    private static let entryLimit = 65_536

    /// Everything anew, from the root.
    mutating func walkAll(_ paths: WatchedPaths, _ tree: inout WatchedTree, _ group: borrowing FanotifyGroup) {
        coverage.removeAll()
        failures.removeAll()
        tree.forgetAll()
        _ = walk("/", expecting: nil, paths, &tree, group)
    }

    /// What is below `start` where that has the handle `expected`. Returns what was found of
    /// watched files and directories.
    mutating func walk(
        _ start: ByteString, expecting expected: FileHandle?, _ paths: WatchedPaths, _ tree: inout WatchedTree,
        _ group: borrowing FanotifyGroup
    ) -> [(path: ByteString, handle: FileHandle)] {
        let root: FileDescriptor
        do throws(SystemError) { root = try FileDescriptor.open("/") } catch {
            failures.append((start, error))
            return []
        }
        var found: [(path: ByteString, handle: FileHandle)] = []
        var pending = [start]
        while let path = pending.popLast() {
            do throws(SystemError) {
                let directory = try root.locate(inRoot: path.bytes, followingLinks: false)
                let status = try directory.status()
                guard status.isDirectory, try cover(directory, status, group) else { continue }
                let fileSystem = try directory.fileSystemID()
                let handle = try directory.handle(fileSystem: fileSystem)
                if path == start, let expected, handle != expected { return found }
                guard tree.learn(directory: handle, path) else { continue }
                if path != start, paths.contains(path) { found.append((path, handle)) }
                for entry in try directory.entries(limit: Self.entryLimit) {
                    let child = path.appending(entry.name)
                    if entry.isDirectory != false, paths.leads(child) { pending.append(child) }
                    guard entry.isDirectory != true, paths.contains(child),
                        let file = try? directory.handle(of: entry.name, fileSystem: fileSystem)
                    else { continue }
                    tree.learn(file: file, child)
                    found.append((child, file))
                }
            } catch {
                // Gone since it was listed, or a link: no directory to watch.
                if !error.isGone, !error.isNoDirectory { failures.append((path, error)) }
            }
        }
        return found
    }

    /// Whether each directory on the file system of `directory` has to be marked by itself.
    func marksDirectories(on device: UInt64) -> Bool {
        if case .directories? = coverage[device] { true } else { false }
    }

    private mutating func cover(
        _ directory: borrowing FileDescriptor, _ status: FileStatus, _ group: borrowing FanotifyGroup
    ) throws(SystemError) -> Bool {
        let device = status.identity.device
        switch coverage[device] {
        case .whole?: return true
        case Coverage.none?: return false
        case .directories?: break
        case nil:
            do throws(SystemError) {
                try group.markFileSystem(of: directory, Self.mask)
                coverage[device] = .whole
                return true
            } catch {
                guard error.needsDirectoryMarks else {
                    coverage[device] = Coverage.none
                    throw error
                }
                coverage[device] = .directories
            }
        }
        try group.markDirectory(directory, Self.mask)
        return true
    }
}
