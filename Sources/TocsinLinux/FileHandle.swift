import CTocsinLinux
import Glibc

/// The kernel's lasting name of a file: it keeps through renames, and no later file gets it. `name_to_handle_at(2)`.
package struct FileHandle: Hashable, Sendable {
    /// `f_fsid` of `statfs(2)`.
    package var fileSystem: UInt64
    /// Of the file system's own choice, as are the bytes.
    package var type: Int32
    package var bytes: [UInt8]

    package init(fileSystem: UInt64, type: Int32, bytes: [UInt8]) {
        self.fileSystem = fileSystem
        self.type = type
        self.bytes = bytes
    }
}

extension FileDescriptor {
    /// What file handles call the file system of this file.
    package func fileSystemID() throws(SystemError) -> UInt64 {
        var id: UInt64 = 0
        try syscall("fstatfs") { tocsin_file_system_id(rawValue, &id) }
        return id
    }

    /// The handle of an entry of this directory, no link followed, or of this file itself where the name is empty.
    /// Throws EOPNOTSUPP where the file system has no handles. `fileSystem` is that of the entry.
    package func handle(of name: [UInt8] = [], fileSystem: UInt64) throws(SystemError) -> FileHandle {
        let path = name + [0]
        var handle = tocsin_file_handle()
        try syscall("name_to_handle_at") {
            path.withUnsafeBytes {
                tocsin_name_to_handle_at(rawValue, $0.bindMemory(to: CChar.self).baseAddress, &handle)
            }
        }
        let bytes = withUnsafeBytes(of: handle.f_handle) { Array($0.prefix(Int(handle.handle_bytes))) }
        return FileHandle(fileSystem: fileSystem, type: handle.handle_type, bytes: bytes)
    }

    /// Opens the file of a handle with `O_PATH`, on the file system that this descriptor, opened for reading, is on.
    /// `open_by_handle_at(2)`; needs CAP_DAC_READ_SEARCH. ESTALE where the file is gone.
    package func open(_ handle: FileHandle) throws(SystemError) -> FileDescriptor {
        var plain = tocsin_file_handle()
        guard handle.bytes.count <= Int(TOCSIN_MAX_HANDLE) else {
            throw SystemError(operation: "open_by_handle_at", code: EINVAL)
        }
        plain.handle_bytes = UInt32(handle.bytes.count)
        plain.handle_type = handle.type
        withUnsafeMutableBytes(of: &plain.f_handle) { $0.copyBytes(from: handle.bytes) }
        return FileDescriptor(
            owning: try syscall("open_by_handle_at") { tocsin_open_by_handle_at(rawValue, &plain, tocsin_O_PATH) })
    }
}
