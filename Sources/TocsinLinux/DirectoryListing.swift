import CTocsinLinux
import Glibc

/// An entry of a directory, but for `.` and `..`.
package struct DirectoryEntry: Hashable, Sendable {
    package var name: [UInt8]
    /// nil where the file system does not tell.
    package var isDirectory: Bool?
}

extension FileDescriptor {
    /// The entries of this directory, in no order, at most `limit`. Also for a descriptor opened with `O_PATH`.
    package func entries(limit: Int) throws(SystemError) -> [DirectoryEntry] {
        let number = try readableDirectory().release()
        guard let stream = fdopendir(number) else {
            let code = errno
            _ = FileDescriptor(owning: number)
            throw SystemError(operation: "fdopendir", code: code)
        }
        // Closes the descriptor too.
        defer { closedir(stream) }
        var entries: [DirectoryEntry] = []
        while entries.count < limit, let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
            let type = Int(entry.pointee.d_type)
            entries.append(
                DirectoryEntry(name: name, isDirectory: type == Int(DT_UNKNOWN) ? nil : type == Int(DT_DIR)))
        }
        return entries
    }
}
