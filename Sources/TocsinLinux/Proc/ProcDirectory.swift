import CTocsinLinux
import Glibc

/// `/proc/PID` of one process, held open.
///
/// The directory belongs to the process, not to its number: when the process is gone every read fails with ESRCH or
/// ENOENT, also where the number has a new owner. So what is read here is never another process's, as long as the
/// directory was opened while the number was the right process's; a `PidFD` can tell that afterwards.
package struct ProcDirectory: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Fails with ENOENT where no process has the number.
    package init(pid: Int32) throws(SystemError) {
        descriptor = try FileDescriptor.open("/proc/\(pid)", flags: tocsin_O_PATH | O_DIRECTORY)
    }

    /// Contents of a file of one record, at most `limit` bytes.
    package func read(_ name: String, limit: Int = 64 << 10, hint: Int = 1024) throws(SystemError) -> [UInt8] {
        let file = try descriptor.open(at: name)
        return try file.readToEnd(limit: limit, hint: hint, untilShortRead: true)
    }

    /// The mounts that the process sees. The text is cut at `limit` bytes.
    package func mounts(limit: Int) throws(SystemError) -> [Mount] {
        let file = try descriptor.open(at: "mountinfo")
        return Mount.table(parsing: try file.readToEnd(limit: limit, hint: 16 << 10))
    }

    package func stat() throws(SystemError) -> ProcStat {
        let bytes = try read("stat")
        guard let stat = ProcStat(parsing: bytes) else {
            throw SystemError(operation: "parse /proc/PID/stat", code: EBADMSG)
        }
        return stat
    }

    package func status() throws(SystemError) -> ProcStatus {
        let bytes = try read("status", hint: 4096)
        guard let status = ProcStatus(parsing: bytes) else {
            throw SystemError(operation: "parse /proc/PID/status", code: EBADMSG)
        }
        return status
    }

    /// Target of a link such as `exe` or `cwd`.
    package func link(_ name: String) throws(SystemError) -> [UInt8] { try descriptor.readLink(at: name) }

    /// The file that a link such as `exe` leads to. Fails for a zombie and a kernel thread, and without permission.
    package func identity(of name: String) throws(SystemError) -> FileIdentity {
        try descriptor.status(at: name).identity
    }

    /// Inode number of a namespace: `pid`, `mnt`, `net`, `user`. `namespaces(7)`.
    package func namespace(_ name: String) throws(SystemError) -> UInt64 {
        try descriptor.status(at: "ns/\(name)").identity.inode
    }

    /// As `identity(of:)`, with mode, owner and link count.
    package func status(of name: String) throws(SystemError) -> FileStatus { try descriptor.status(at: name) }

    /// The file that it runs, to be read.
    package func executable() throws(SystemError) -> FileDescriptor { try descriptor.open(at: "exe") }

    /// As `stat` and `identity(of: "exe")`, of each of its threads that are there, the first one before the others. At
    /// most `limit`, and none that ends meanwhile.
    package func threads(limit: Int) throws(SystemError) -> [(stat: ProcStat, executable: FileIdentity?)] {
        let tasks = try descriptor.open(at: "task", flags: tocsin_O_PATH | O_DIRECTORY)
        var threads: [(ProcStat, FileIdentity?)] = []
        for task in try tasks.entries(limit: limit) {
            let name = String(decoding: task.name, as: UTF8.self)
            guard let thread = try? ProcDirectory(descriptor: tasks.open(at: name, flags: tocsin_O_PATH | O_DIRECTORY)),
                let stat = try? thread.stat()
            else { continue }
            threads.append((stat, try? thread.identity(of: "exe")))
        }
        return threads
    }

    private init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// The root directory of the process in its mount namespace, to resolve the process's paths from.
    package func root() throws(SystemError) -> FileDescriptor {
        try descriptor.open(at: "root", flags: tocsin_O_PATH | O_DIRECTORY)
    }
}

/// What of /proc belongs to no process.
package enum Proc {
    /// Every process now, in the order of the kernel: by number.
    package static func pids() throws(SystemError) -> [Int32] {
        guard let directory = opendir("/proc") else { throw SystemError(operation: "open /proc", code: errno) }
        defer { closedir(directory) }
        var pids: [Int32] = []
        while let entry = readdir(directory) {
            let pid = withUnsafeBytes(of: &entry.pointee.d_name) { number($0) }
            if let pid { pids.append(pid) }
        }
        return pids
    }

    package static var ownPid: Int32 { getpid() }

    /// Of the running kernel: 36 characters, `random(4)`.
    package static func bootID() throws(SystemError) -> String {
        let file = try FileDescriptor.open("/proc/sys/kernel/random/boot_id")
        let bytes = try file.readToEnd(limit: 64)
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func number(_ name: UnsafeRawBufferPointer) -> Int32? {
        var value: Int32 = 0
        for (index, byte) in name.enumerated() {
            if byte == 0 { return index > 0 ? value : nil }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), value < Int32.max / 10 else { return nil }
            value = value * 10 + Int32(byte - UInt8(ascii: "0"))
        }
        return nil
    }
}
