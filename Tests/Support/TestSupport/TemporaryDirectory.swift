import Glibc

/// A directory like /tmp: anybody may make files there and nobody replace another's. Gone with its owner.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        var template = Array("/tmp/tocsin-XXXXXX\0".utf8CString)
        guard let made = mkdtemp(&template), chmod(made, 0o1777) == 0 else {
            throw Subprocess.Failure.system(operation: "mkdtemp", errno: errno)
        }
        path = String(cString: made)
    }

    deinit {
        guard let entries = opendir(path) else { return }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            unlink("\(path)/\(name)")
        }
        closedir(entries)
        rmdir(path)
    }

    package func write(_ text: String, to name: String, mode: UInt32 = 0o644) throws {
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Subprocess.Failure.system(operation: "open", errno: errno) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Subprocess.Failure.system(operation: "write", errno: errno)
        }
    }
}

/// Whether this test may do what needs privilege.
package let isRoot = geteuid() == 0
