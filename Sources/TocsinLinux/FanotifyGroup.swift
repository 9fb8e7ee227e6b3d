import CTocsinLinux
import Glibc

/// A fanotify group (`fanotify(7)`): what the kernel tells about files, in one queue.
package struct FanotifyGroup: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    /// `FAN_REPORT_…`, `FAN_CLASS_…` and others of `fanotify_init(2)`.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// With each event a pidfd of who caused it. Since 5.15.
        package static let reportPidFD = Flags(rawValue: UInt32(FAN_REPORT_PIDFD))
        /// Instead of a descriptor the handle of the directory, and the name in it. Since 5.9.
        package static let reportNames = Flags(rawValue: UInt32(FAN_REPORT_DIR_FID | FAN_REPORT_NAME))
        /// The handle of the object itself too. Since 5.9.
        package static let reportFiles = Flags(rawValue: UInt32(FAN_REPORT_FID))
        /// The handle of the file also with creation, deletion and renaming. Since 5.17.
        package static let reportTargets = Flags(rawValue: UInt32(FAN_REPORT_TARGET_FID))
        package static let unlimitedMarks = Flags(rawValue: UInt32(FAN_UNLIMITED_MARKS))
    }

    package struct Mask: OptionSet, Hashable, Sendable {
        package let rawValue: UInt64
        package init(rawValue: UInt64) { self.rawValue = rawValue }

        package static let openExec = Mask(rawValue: UInt64(FAN_OPEN_EXEC))
        package static let create = Mask(rawValue: UInt64(FAN_CREATE))
        package static let delete = Mask(rawValue: UInt64(FAN_DELETE))
        package static let closeWrite = Mask(rawValue: UInt64(FAN_CLOSE_WRITE))
        package static let modify = Mask(rawValue: UInt64(FAN_MODIFY))
        package static let attributes = Mask(rawValue: UInt64(FAN_ATTRIB))
        package static let movedFrom = Mask(rawValue: UInt64(FAN_MOVED_FROM))
        package static let movedTo = Mask(rawValue: UInt64(FAN_MOVED_TO))
        /// Both names in one event. Since 5.17.
        package static let rename = Mask(rawValue: UInt64(FAN_RENAME))
        package static let onDirectory = Mask(rawValue: UInt64(FAN_ONDIR))
        package static let overflow = Mask(rawValue: UInt64(FAN_Q_OVERFLOW))
    }

    /// A notification group that does not block. Needs CAP_SYS_ADMIN (EPERM); EINVAL where the kernel is older than a
    /// flag. The queue is bounded by /proc/sys/fs/fanotify/max_queued_events: what comes on top is dropped, told by
    /// one `overflow` event, and not counted.
    package init(_ flags: Flags) throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try syscall("fanotify_init") {
                tocsin_fanotify_init(
                    flags.rawValue | UInt32(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK),
                    // Reading what was executed is not to change its access time.
                    UInt32(O_RDONLY | O_CLOEXEC | tocsin_O_NOATIME))
            })
    }

    /// Whether the kernel can report pidfds: since 5.15.
    package static let knowsPidFDs = (try? FanotifyGroup(.reportPidFD)) != nil

    /// Takes over a group from before a restart: see `FileDescriptor.isFanotifyGroup`.
    package init(adopting descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Adds `mask` for the whole file system that `file`, which may be opened with `O_PATH`, is on, whatever mount of
    /// whatever namespace it is reached by. Since 4.20. Again for the same file system is no error.
    package func markFileSystem(of file: borrowing FileDescriptor, _ mask: Mask) throws(SystemError) {
        // fanotify_mark(2) takes no O_PATH descriptor itself.
        let path = "/proc/self/fd/\(file.rawValue)"
        try syscall("fanotify_mark") {
            tocsin_fanotify_mark(
                descriptor.rawValue, UInt32(FAN_MARK_ADD | FAN_MARK_FILESYSTEM), mask.rawValue, AT_FDCWD, path)
        }
    }

    /// Adds `mask` for one directory and the entries of it, where its file system cannot be marked as a whole. What is
    /// in directories below is not covered.
    package func markDirectory(_ directory: borrowing FileDescriptor, _ mask: Mask) throws(SystemError) {
        let path = "/proc/self/fd/\(directory.rawValue)"
        try syscall("fanotify_mark") {
            tocsin_fanotify_mark(
                descriptor.rawValue, UInt32(FAN_MARK_ADD | FAN_MARK_ONLYDIR),
                mask.rawValue | UInt64(FAN_EVENT_ON_CHILD), AT_FDCWD, path)
        }
    }
}

extension FileDescriptor {
    package var isFanotifyGroup: Bool { (try? path()) == Array("anon_inode:[fanotify]".utf8) }
}

// MARK: - Events

/// One event. Owns the descriptors that the kernel opened for it.
package struct FanotifyEvent: ~Copyable {
    package let mask: FanotifyGroup.Mask
    /// Thread-group id, 0 where the process is in no namespace of the reader.
    package let pid: Int32
    /// What was opened; nil in a group that reports handles, and for an overflow.
    package var file: FileDescriptor?
    /// Who did it; nil where it was gone already, or the group does not report it.
    package var process: PidFD?
    /// The kernel said that the process had been reaped when the event was read.
    package let processIsGone: Bool
    package let objects: [Object]

    /// A file by handle: itself, or the directory it is in and its name there.
    package struct Object: Hashable, Sendable {
        package var role: Role
        package var handle: FileHandle
        /// nil where only the object itself was reported.
        package var name: [UInt8]?
    }

    package enum Role: Hashable, Sendable {
        case file, directory, oldDirectory, newDirectory
    }
}

extension FanotifyGroup {
    /// Reads as many events as there are and find room, without a look at them: see `events`. nil where there was none.
    ///
    /// What the kernel has taken out of its queue is in `buffer` before this process can be killed: between two events
    /// it looks at no signal. The one exception is a page of the buffer that would have to be brought in for a process
    /// that is being killed, so each page has to be touched before. (fs/notify/fanotify/fanotify_user.c,
    /// `fanotify_read`.)
    ///
    /// In a group that reports descriptors a file that the kernel cannot open, for want of descriptors (EMFILE, ENFILE)
    /// or of permission on a FUSE file system, costs the event, unnoticed unless it is the first of a read: such a
    /// group is read by `read(noting:)`.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        try descriptor.read(into: buffer)
    }

    /// Reads one event of a group that reports descriptors, and notes at once which file it is about. nil where there
    /// was none. A file that cannot be opened costs the event and is thrown, and reading may go on: see
    /// `SystemError.costsOneEvent`.
    ///
    /// - Parameter reportsPidFD: the group was made so.
    package func read(noting note: NotedOpen, reportsPidFD: Bool) throws(SystemError) -> FanotifyEvent? {
        // Room for one, not for two.
        let size =
            MemoryLayout<fanotify_event_metadata>.size
            + (reportsPidFD ? MemoryLayout<fanotify_event_info_pidfd>.size : 0)
        guard try note.read(descriptor, size: size) else { return nil }
        var event: FanotifyEvent?
        guard Self.events(in: note.event(size: size), ownsDescriptors: true, { event = consume $0 }) == size else {
            throw SystemError(operation: "read fanotify", code: EBADMSG)
        }
        return event
    }

    /// Gives away each event that was read into `buffer`, as far as they are whole. Returns how many bytes that were.
    ///
    /// - Parameter ownsDescriptors: false where another process has read them: the numbers mean nothing here.
    @discardableResult
    package static func events(
        in buffer: UnsafeRawBufferPointer, ownsDescriptors: Bool, _ body: (consuming FanotifyEvent) -> Void
    ) -> Int {
        // Events are padded to four bytes only, so no load may expect more.
        var rest = buffer
        let headSize = MemoryLayout<fanotify_event_metadata>.size
        while rest.count >= headSize {
            let head = rest.loadUnaligned(as: fanotify_event_metadata.self)
            let length = Int(head.event_len)
            guard head.vers == FANOTIFY_METADATA_VERSION, length >= headSize, length <= rest.count else { break }
            let information = UnsafeRawBufferPointer(rebasing: rest[headSize..<length])
            guard isWhole(information) else { break }
            body(event(head, information, ownsDescriptors))
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
        }
        return buffer.count - rest.count
    }

    /// Whether records fill it exactly.
    private static func isWhole(_ information: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset + MemoryLayout<fanotify_event_info_header>.size <= information.count {
            let header = information.loadUnaligned(fromByteOffset: offset, as: fanotify_event_info_header.self)
            guard header.info_type != 0, Int(header.len) >= MemoryLayout<fanotify_event_info_header>.size else {
                return false
            }
            offset += Int(header.len)
        }
        return offset == information.count
    }

    /// `information`: records of a type, a length, and what the type says.
    private static func event(
        _ head: fanotify_event_metadata, _ information: UnsafeRawBufferPointer, _ ownsDescriptors: Bool
    ) -> FanotifyEvent {
        var process: PidFD?
        var isGone = false
        var objects: [FanotifyEvent.Object] = []
        var rest = information
        while rest.count >= MemoryLayout<fanotify_event_info_header>.size {
            let header = rest.loadUnaligned(as: fanotify_event_info_header.self)
            let length = Int(header.len)
            guard length >= MemoryLayout<fanotify_event_info_header>.size, length <= rest.count else { break }
            let record = UnsafeRawBufferPointer(rebasing: rest[..<length])
            switch Int32(header.info_type) {
            case FAN_EVENT_INFO_TYPE_PIDFD:
                let number = record.loadUnaligned(fromByteOffset: 4, as: Int32.self)
                if number >= 0, ownsDescriptors { process = PidFD(owning: FileDescriptor(owning: number)) }
                isGone = number == FAN_NOPIDFD
            case FAN_EVENT_INFO_TYPE_FID: objects += object(.file, record, isNamed: false)
            case FAN_EVENT_INFO_TYPE_DFID: objects += object(.directory, record, isNamed: false)
            case FAN_EVENT_INFO_TYPE_DFID_NAME: objects += object(.directory, record, isNamed: true)
            case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: objects += object(.oldDirectory, record, isNamed: true)
            case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: objects += object(.newDirectory, record, isNamed: true)
            default: break
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
        }
        let file = head.fd >= 0 && ownsDescriptors ? FileDescriptor(owning: head.fd) : nil
        return FanotifyEvent(
            mask: Mask(rawValue: head.mask), pid: head.pid, file: file, process: process, processIsGone: isGone,
            objects: objects)
    }

    /// Header (4 bytes), file system id (8), handle size (4), handle type (4), handle, name with NUL and padding.
    private static func object(
        _ role: FanotifyEvent.Role, _ record: UnsafeRawBufferPointer, isNamed: Bool
    ) -> [FanotifyEvent.Object] {
        guard record.count >= 20 else { return [] }
        let size = Int(record.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        guard size <= TOCSIN_MAX_HANDLE, 20 + size <= record.count else { return [] }
        let handle = FileHandle(
            fileSystem: record.loadUnaligned(fromByteOffset: 4, as: UInt64.self),
            type: record.loadUnaligned(fromByteOffset: 16, as: Int32.self), bytes: Array(record[20..<(20 + size)]))
        let name = isNamed ? Array(record[(20 + size)...].prefix { $0 != 0 }) : nil
        return [FanotifyEvent.Object(role: role, handle: handle, name: name)]
    }
}

extension SystemError {
    /// From `FanotifyGroup.markFileSystem` in a group that reports handles: the file system has some, but none that
    /// could be opened (EOPNOTSUPP), or several ids within it (EXDEV). Its directories can be marked.
    package var needsDirectoryMarks: Bool { code == EOPNOTSUPP || code == EXDEV }

    /// From `FanotifyGroup.read(noting:)`: the kernel could not open the file of an event and has dropped that event
    /// only.
    package var costsOneEvent: Bool {
        // ENODEV, ENXIO: a file system or device that went away. ESTALE, EIO: a file server that did.
        isOutOfDescriptors || isPermission || [ENODEV, ENXIO, ESTALE, EIO, ETXTBSY, ENOMEM].contains(code)
    }
}
