import CTocsinLinux
import Glibc

/// The owner of one file descriptor: closes it once, at the end of its life.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The number, for system calls. Valid only while this owner lives; never to be closed by hand.
    package let rawValue: Int32

    /// Takes over a descriptor that nobody else closes.
    package init(owning rawValue: Int32) { self.rawValue = rawValue }

    /// Gives the descriptor away: whoever gets the number closes it.
    package consuming func release() -> Int32 {
        let number = rawValue
        discard self
        return number
    }

    // Never again after EINTR: Linux has released the number by then, and another thread may already own it
    // (close(2), "Dealing with error returns from close()").
    deinit { _ = Glibc.close(rawValue) }
}

// MARK: - Opening

extension FileDescriptor {
    /// `open(2)`, close-on-exec.
    package static func open(_ path: String, flags: Int32 = O_RDONLY, mode: UInt32 = 0) throws(SystemError)
        -> FileDescriptor
    {
        FileDescriptor(
            owning: try syscall("open \(path)") { tocsin_openat(AT_FDCWD, path, flags, mode) })
    }

    /// A place in the tree, not its content: opens nothing but directories, and waits for nothing.
    package static func openDirectory(_ path: String) throws(SystemError) -> FileDescriptor {
        try open(path, flags: tocsin_O_PATH | O_DIRECTORY)
    }

    /// `openat(2)` relative to this directory, close-on-exec.
    package func open(at path: String, flags: Int32 = O_RDONLY) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try syscall("open \(path)") { tocsin_openat(rawValue, path, flags, 0) })
    }

    /// `openat2(2)`, since 5.6: resolves a path that others wrote with this directory as its root, so that it cannot
    /// lead out of it. `O_PATH`: opens no device and waits for no FIFO. Where links are not followed, a link at the end
    /// is itself what is found, and one before it is ELOOP.
    package func locate(inRoot path: [UInt8], followingLinks: Bool) throws(SystemError) -> FileDescriptor {
        let terminated = path + [0]
        let flags = tocsin_O_PATH | (followingLinks ? 0 : O_NOFOLLOW)
        let resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (followingLinks ? 0 : RESOLVE_NO_SYMLINKS)
        return FileDescriptor(
            owning: try syscall("openat2") {
                terminated.withUnsafeBytes {
                    tocsin_openat2(
                        rawValue, $0.bindMemory(to: CChar.self).baseAddress, flags, UInt64(resolve))
                }
            })
    }

    /// `pipe2(2)`, close-on-exec: what is written to one end is read from the other.
    package static func pipe() throws(SystemError) -> Pipe {
        var ends: [Int32] = [-1, -1]
        try syscall("pipe2") { tocsin_pipe(&ends) }
        return Pipe(reader: FileDescriptor(owning: ends[0]), writer: FileDescriptor(owning: ends[1]))
    }

    package struct Pipe: ~Copyable, Sendable {
        package let reader: FileDescriptor
        package let writer: FileDescriptor
    }

    /// This directory, opened with `O_PATH`, as one that can be read.
    package func readableDirectory() throws(SystemError) -> FileDescriptor {
        try open(at: ".", flags: O_RDONLY | O_DIRECTORY)
    }

    /// A second descriptor of the same open file.
    package func duplicate() throws(SystemError) -> FileDescriptor { try Self.duplicate(of: rawValue) }

    /// As above, of one that belongs to somebody else, as to a library.
    package static func duplicate(of number: Int32) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try syscall("fcntl") { tocsin_fcntl(number, F_DUPFD_CLOEXEC, 0) })
    }
}

// MARK: - Reading and writing

extension FileDescriptor {
    /// One `read(2)` into `buffer`. 0 is the end of the file; nil where it would have to wait.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        try syscallOrWouldBlock("read") { Glibc.read(rawValue, buffer.baseAddress, buffer.count) }
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    package func read(count: Int, at offset: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(SystemError) {
                while initialized < count {
                    let got = try syscall("pread") {
                        pread(
                            rawValue, buffer.baseAddress! + initialized, count - initialized,
                            off_t(offset + initialized))
                    }
                    if got == 0 { break }
                    initialized += got
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads to the end of the file, at most `limit` bytes: a file that others make grow stays bounded.
    ///
    /// The first read asks for `hint` bytes: most files of /proc are made at the moment of the read, and one that fits
    /// into a single read is consistent. Of those that consist of one record, a read that gives less than asked is the
    /// end; `untilShortRead` then saves the read that would give nothing.
    package func readToEnd(limit: Int, hint: Int = 1024, untilShortRead: Bool = false) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var ended = false
        while !ended, bytes.count < limit {
            let chunk = min(max(hint, bytes.count), limit - bytes.count)
            // Beside the result: whoever keeps it keeps no room for what might have come.
            ended = try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: chunk) { buffer throws(SystemError) in
                let count = try syscall("read") { Glibc.read(rawValue, buffer.baseAddress, chunk) }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[..<count]))
                return count == 0 || untilShortRead && count < chunk
            }
        }
        return bytes
    }

    /// Back to the start of the file, for another `readToEnd`.
    package func rewind() throws(SystemError) {
        try syscall("lseek") { lseek(rawValue, 0, SEEK_SET) }
    }

    /// Writes all of it, waiting where the descriptor blocks.
    package func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            written += try syscall("write") {
                bytes.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress! + written, $0.count - written) }
            }
        }
    }
}

// MARK: - Metadata

/// Which file it is, for as long as it exists: `st_dev` and `st_ino`.
package struct FileIdentity: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// What `stat(2)` tells.
package struct FileStatus: Hashable, Sendable {
    package var identity: FileIdentity
    /// Type and permissions.
    package var mode: UInt32
    package var links: UInt64
    package var uid: UInt32
    package var gid: UInt32
    /// Bytes.
    package var size: Int64

    init(_ status: stat) {
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        uid = status.st_uid
        gid = status.st_gid
        size = Int64(status.st_size)
    }

    package var isRegularFile: Bool { mode & S_IFMT == S_IFREG }
    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    /// `stat(2)`; symbolic links are followed unless `followingLinks` is false.
    package static func of(_ path: String, followingLinks: Bool = true) throws(SystemError) -> FileStatus {
        try of(path, at: AT_FDCWD, followingLinks: followingLinks)
    }

    static func of(_ path: String, at directory: Int32, followingLinks: Bool) throws(SystemError) -> FileStatus {
        var status = stat()
        try syscall("stat \(path)") { fstatat(directory, path, &status, followingLinks ? 0 : AT_SYMLINK_NOFOLLOW) }
        return FileStatus(status)
    }
}

extension FileDescriptor {
    /// `fstat(2)`.
    package func status() throws(SystemError) -> FileStatus {
        var status = stat()
        try syscall("fstat") { fstat(rawValue, &status) }
        return FileStatus(status)
    }

    /// `fstatat(2)` relative to this directory, links followed.
    package func status(at path: String, followingLinks: Bool = true) throws(SystemError) -> FileStatus {
        try FileStatus.of(path, at: rawValue, followingLinks: followingLinks)
    }

    /// The target of a symbolic link in this directory, at most 4,096 bytes (`PATH_MAX`): /proc gives no more.
    package func readLink(at path: String) throws(SystemError) -> [UInt8] {
        try readLinkBytes(path, at: rawValue)
    }

    /// Number of the mount this file is on, as in mountinfo. `statx(2)`, since 5.8.
    package func mountID() throws(SystemError) -> UInt64 {
        var id: UInt64 = 0
        try syscall("statx") { tocsin_mount_id(rawValue, "", &id) }
        return id
    }

    /// The path by which the file was opened, seen from this process's root; ends in " (deleted)" where the name is
    /// gone. `proc_pid_fd(5)`.
    package func path() throws(SystemError) -> [UInt8] {
        try readLinkBytes("/proc/self/fd/\(rawValue)", at: AT_FDCWD)
    }
}

private func readLinkBytes(_ path: String, at directory: Int32) throws(SystemError) -> [UInt8] {
    let limit = Int(PATH_MAX)
    return try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: limit) { buffer throws(SystemError) in
        let count = try syscall("readlink \(path)") {
            buffer.withMemoryRebound(to: CChar.self) { readlinkat(directory, path, $0.baseAddress!, limit) }
        }
        return Array(buffer[..<count])
    }
}
