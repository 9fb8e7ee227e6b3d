import Glibc
import YAML

// All file access of this module. Descriptors and directory streams are closed where they are opened.

extension RuleCollection {
    /// Reads a rule file, or every `.yml` and `.yaml` file below a directory, in the order of their paths.
    ///
    /// Hidden entries are passed over, and so are links to directories, which could lead round in a circle. What cannot
    /// be read is refused like a rule that cannot be understood.
    /// - Parameter objection: says of each file and directory, by owner, group and mode of `stat(2)`, why it is not to
    ///   be
    ///   trusted; what is in such a directory is refused with it.
    public mutating func add(
        path: String, objection: (_ owner: UInt32, _ group: UInt32, _ mode: UInt32) -> String? = { _, _, _ in nil }
    ) {
        var status = stat()
        guard stat(path, &status) == 0 else { return refuse(file: path, reason: Self.reason(errno)) }
        guard status.st_mode & S_IFMT == S_IFDIR else { return addFile(path, objection) }
        var files: [String] = []
        collect(path, status, depth: 0, into: &files, objection)
        for file in files.sorted() { addFile(file, objection) }
    }

    private static let greatestDepth = 32
    private static let greatestCount = 50_000

    private mutating func collect(
        _ directory: String, _ status: stat, depth: Int, into files: inout [String],
        _ objection: (UInt32, UInt32, UInt32) -> String?
    ) {
        if let reason = objection(status.st_uid, status.st_gid, status.st_mode) {
            return refuse(file: directory, reason: reason)
        }
        guard depth < Self.greatestDepth else {
            return refuse(file: directory, reason: "directories nested deeper than \(Self.greatestDepth)")
        }
        guard let stream = opendir(directory) else { return refuse(file: directory, reason: Self.reason(errno)) }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            // The name's declared size is no bound: it is as long as the entry says.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            let path = directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                collect(path, status, depth: depth + 1, into: &files, objection)
            } else if name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
                guard files.count < Self.greatestCount else {
                    return refuse(file: directory, reason: "more than \(Self.greatestCount) rule files")
                }
                files.append(path)
            }
        }
    }

    private mutating func addFile(_ path: String, _ objection: (UInt32, UInt32, UInt32) -> String?) {
        // Without O_NONBLOCK a FIFO among the rules would stop the reader for good.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return refuse(file: path, reason: Self.reason(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return refuse(file: path, reason: "not a regular file")
        }
        if let reason = objection(status.st_uid, status.st_gid, status.st_mode) {
            return refuse(file: path, reason: reason)
        }
        let limit = YAMLLimits().bytes
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            var error: Int32 = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                let result = read(descriptor, buffer.baseAddress, buffer.count)
                error = result < 0 ? errno : 0
                count = max(0, result)
            }
            if error == EINTR { continue }
            guard error == 0 else { return refuse(file: path, reason: Self.reason(error)) }
            if chunk.isEmpty { return add(bytes, file: path) }
            bytes += chunk
        }
        refuse(file: path, reason: "larger than \(limit) bytes")
    }

    private static func reason(_ error: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard strerror_r(error, &buffer, buffer.count - 1) == 0 else { return "error \(error)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
