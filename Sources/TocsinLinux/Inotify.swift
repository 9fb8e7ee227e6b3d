import CTocsinLinux
import Glibc

/// `inotify(7)`: changes of directories, by name, in one queue.
///
/// Watches inodes, not paths: a directory that is moved away takes its watch along.
package struct Inotify: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package struct Mask: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let create = Mask(rawValue: UInt32(IN_CREATE))
        package static let closeWrite = Mask(rawValue: UInt32(IN_CLOSE_WRITE))
        package static let attributes = Mask(rawValue: UInt32(IN_ATTRIB))
        package static let delete = Mask(rawValue: UInt32(IN_DELETE))
        package static let movedFrom = Mask(rawValue: UInt32(IN_MOVED_FROM))
        package static let movedTo = Mask(rawValue: UInt32(IN_MOVED_TO))
        /// The watched directory itself.
        package static let selfGone = Mask(rawValue: UInt32(IN_DELETE_SELF | IN_MOVE_SELF))
        /// The name is a directory's.
        package static let isDirectory = Mask(rawValue: UInt32(IN_ISDIR))
        /// Events were dropped: the queue is bounded by /proc/sys/fs/inotify/max_queued_events.
        package static let overflow = Mask(rawValue: UInt32(IN_Q_OVERFLOW))
        /// The watch is no more: its directory is deleted or unmounted.
        package static let ignored = Mask(rawValue: UInt32(IN_IGNORED))
    }

    package struct Event: Hashable, Sendable {
        /// As `watch` returned it; -1 for an overflow.
        package var watch: Int32
        package var mask: Mask
        /// Within the watched directory; empty where it is meant itself.
        package var name: [UInt8]
    }

    /// Does not block. EMFILE where the user has too many (/proc/sys/fs/inotify/max_user_instances).
    package init() throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try syscall("inotify_init1") { inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)) })
    }

    /// Watches a directory, in addition to what is watched of it already. ENOSPC where the user watches too much.
    /// - Returns: its number; the same for the same directory by whatever path.
    package func watch(_ directory: String, _ mask: Mask) throws(SystemError) -> Int32 {
        try syscall("inotify_add_watch \(directory)") {
            inotify_add_watch(descriptor.rawValue, directory, mask.rawValue | UInt32(IN_ONLYDIR) | UInt32(IN_MASK_ADD))
        }
    }

    /// The next events; empty where there are none.
    package func read() throws(SystemError) -> [Event] {
        var events: [Event] = []
        // Room for at least one event with the longest name; the kernel gives whole events only.
        let size = 16 << 10
        try withUnsafeTemporaryAllocation(byteCount: size, alignment: MemoryLayout<inotify_event>.alignment) {
            buffer throws(SystemError) in
            guard let count = try descriptor.read(into: buffer) else { return }
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= count {
                let header = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                let start = offset + MemoryLayout<inotify_event>.size
                offset = start + Int(header.len)
                guard offset <= count else { return }
                // Padded with NUL.
                let name = UnsafeRawBufferPointer(rebasing: buffer[start..<offset]).prefix { $0 != 0 }
                events.append(Event(watch: header.wd, mask: Mask(rawValue: header.mask), name: Array(name)))
            }
        }
        return events
    }
}
