import Glibc
import TocsinLinux

/// A directory of its own for a test, removed with all that is in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/tocsin-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(operation: "mkdtemp", code: errno) }
        path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.removeAll(path)
    }

    private static func removeAll(_ path: String) {
        guard unlink(path) != 0, let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { removeAll(path + "/" + name) }
        }
        closedir(directory)
        rmdir(path)
    }

    /// Writes an executable file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        let descriptor = try FileDescriptor.open(file, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o755)
        try descriptor.writeAll(Array(text.utf8))
        return file
    }

    /// Copies a program and returns its path.
    func copy(_ source: String, to name: String) throws -> String {
        let bytes = try FileDescriptor.open(source).readToEnd(limit: 64 << 20)
        let file = path + "/" + name
        try FileDescriptor.open(file, flags: O_WRONLY | O_CREAT, mode: 0o755).writeAll(bytes)
        return file
    }
}

/// A file system over a temporary directory, unmounted at the end of its life.
final class TemporaryMount: Sendable {
    let path: String
    private let directory: TemporaryDirectory

    init(on directory: TemporaryDirectory, kind: String = "tmpfs", options: String? = nil) throws {
        self.directory = directory
        path = directory.path
        try syscall("mount") {
            guard let options else { return mount(kind, directory.path, kind, 0, nil) }
            return options.withCString { mount(kind, directory.path, kind, 0, $0) }
        }
    }

    func copy(_ source: String, to name: String) throws -> String {
        let bytes = try FileDescriptor.open(source).readToEnd(limit: 64 << 20)
        let file = path + "/" + name
        try FileDescriptor.open(file, flags: O_WRONLY | O_CREAT, mode: 0o755).writeAll(bytes)
        return file
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }
}
