import TocsinLinux

/// Which file systems to mark, and by which of their mounts to reach them.
package enum FileSystemMarks {
    /// File systems of the kernel's own making that hold no file one could execute. All others are marked, so a kind
    /// that this list does not know is watched. Not autofs either: looking at it mounts.
    private static let pseudo: Set<String> = [
        "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset", "debugfs", "devpts",
        "efivarfs", "fusectl", "mqueue", "nfsd", "nsfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs",
        "selinuxfs", "smackfs", "sysfs", "tracefs",
    ]

    package static func holdsPrograms(_ mount: Mount) -> Bool { !pseudo.contains(mount.fileSystem) }

    /// The mounts of each file system, in the order of the table: any of them leads to it, unless another mount hides
    /// it.
    package static func byFileSystem(_ mounts: [Mount]) -> [[Mount]] {
        var positions: [UInt64: Int] = [:]
        var groups: [[Mount]] = []
        for mount in mounts where holdsPrograms(mount) {
            let device = UInt64(mount.major) << 32 | UInt64(mount.minor)
            if let position = positions[device] {
                groups[position].append(mount)
            } else {
                positions[device] = groups.count
                groups.append([mount])
            }
        }
        return groups
    }
}

/// Marks the file systems of mount namespaces, and remembers which namespaces it has looked at.
///
/// A mark belongs to the file system, whoever mounted it wherever; the tables only lead to it. The same device number
/// may be another file system after an unmount and a mount, so nothing is skipped for having been marked before.
struct FileSystemMarker {
    /// Mount points that cannot be reached or marked, of this process's namespace, with the reason.
    private var unreachable: [(mountPoint: [UInt8], failure: SystemError)] = []
    /// When each foreign namespace was last looked at: monotonic, microseconds.
    private var namespaces: [UInt64: UInt64] = [:]
    private let mask: FanotifyGroup.Mask
    private let own: UInt64?

    private static let namespaceLimit = 4096
    private static let namespaceIntervalUSec: UInt64 = 1_000_000

    init(mask: FanotifyGroup.Mask) {
        self.mask = mask
        own = try? ProcDirectory(pid: Proc.ownPid).namespace("mnt")
    }

    /// In words; nil where every file system is marked.
    var shortcoming: String? {
        guard let first = unreachable.first else { return nil }
        let others = unreachable.count > 1 ? " and \(unreachable.count - 1) more" : ""
        return "\(String(decoding: first.mountPoint, as: UTF8.self))\(others) not watched: \(first.failure)"
    }

    /// Marks every file system of this process's namespace. Throws where not even the root's can be marked.
    mutating func markOwn(_ table: borrowing MountTable, _ group: borrowing FanotifyGroup) throws(SystemError) {
        let root = try FileDescriptor.open("/")
        try group.markFileSystem(of: root, mask)
        unreachable = mark(try table.read(), root, group)
    }

    /// Marks what is mounted only in the namespaces of other processes.
    mutating func markForeign(of pids: [Int32], _ group: borrowing FanotifyGroup) {
        let now = Clock.monotonicUSec()
        for pid in pids {
            guard let directory = try? ProcDirectory(pid: pid), let namespace = try? directory.namespace("mnt")
            else { continue }
            markForeign(namespace, of: directory, nowUSec: now, group)
        }
    }

    /// Marks what is mounted only in the namespace of a process, looking at each namespace at most once a second.
    ///
    /// No descriptor tells of changes there: one of its mountinfo would keep all its mounts alive. So a file system
    /// that a container mounts for itself is found at the next execution that is seen in it.
    mutating func markForeign(
        _ namespace: UInt64, of directory: borrowing ProcDirectory, nowUSec: UInt64, _ group: borrowing FanotifyGroup
    ) {
        if namespace == own { return }
        if let last = namespaces[namespace], nowUSec < last + Self.namespaceIntervalUSec { return }
        if namespaces.count >= Self.namespaceLimit { namespaces.removeAll(keepingCapacity: true) }
        namespaces[namespace] = nowUSec
        guard let root = try? directory.root(), let mounts = try? directory.mounts(limit: 1 << 20) else { return }
        _ = mark(mounts, root, group)
    }

    private func mark(
        _ mounts: [Mount], _ root: borrowing FileDescriptor, _ group: borrowing FanotifyGroup
    ) -> [(mountPoint: [UInt8], failure: SystemError)] {
        var failures: [(mountPoint: [UInt8], failure: SystemError)] = []
        for fileSystem in FileSystemMarks.byFileSystem(mounts) {
            var failure: SystemError?
            for mount in fileSystem {
                do throws(SystemError) {
                    // No links: a mount point has none, unless its owner is changing it right now.
                    let place = try root.locate(inRoot: mount.mountPoint, followingLinks: false)
                    // Another mount may lie over this one.
                    guard try place.mountID() == mount.id else { continue }
                    try group.markFileSystem(of: place, mask)
                    failure = nil
                    break
                } catch { failure = error }
            }
            if let failure { failures.append((fileSystem[0].mountPoint, failure)) }
        }
        return failures
    }
}
