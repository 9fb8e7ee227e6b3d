/// One line of `/proc/PID/mountinfo` (`proc_pid_mountinfo(5)`).
package struct Mount: Hashable, Sendable {
    package var id: UInt64
    package var parent: UInt64
    /// Device number of the file system, as `stat(2)` of its files mostly tells (btrfs differs).
    package var major: UInt32
    package var minor: UInt32
    /// The directory of the file system that is mounted.
    package var root: [UInt8]
    /// Seen from the root of the process whose table it is.
    package var mountPoint: [UInt8]
    package var options: [UInt8]
    package var fileSystem: String

    package init?(parsing line: ArraySlice<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " "))
        // Six fields, optional fields, a dash, three fields.
        guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { $0.elementsEqual([UInt8(ascii: "-")]) }),
            dash + 1 < fields.count, let id = UInt64(decimal: fields[0]), let parent = UInt64(decimal: fields[1])
        else { return nil }
        let device = fields[2].split(separator: UInt8(ascii: ":"))
        guard device.count == 2, let major = UInt32(decimal: device[0]), let minor = UInt32(decimal: device[1])
        else { return nil }
        self.id = id
        self.parent = parent
        self.major = major
        self.minor = minor
        root = Self.unescape(fields[3])
        mountPoint = Self.unescape(fields[4])
        options = Array(fields[5])
        fileSystem = String(decoding: fields[dash + 1], as: UTF8.self)
    }

    /// All lines that can be read.
    package static func table(parsing bytes: [UInt8]) -> [Mount] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { Mount(parsing: $0) }
    }

    /// The kernel writes space, tab, newline, backslash and `#` as `\` and three octal digits.
    private static func unescape(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(UInt8(ascii: "\\")) else { return Array(text) }
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
                bytes.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 << 3 | Int($1 - 0x30) }))
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}

/// The mounts of this process's mount namespace, and word of their changes.
package struct MountTable: ~Copyable, Sendable {
    /// Becomes ready with `priority` and `error` when a mount comes or goes, and stays so until it is read.
    package let descriptor: FileDescriptor

    /// A table larger than this is cut: a container host has a few thousand mounts of some 150 bytes.
    private static let limit = 16 << 20

    package init() throws(SystemError) {
        descriptor = try FileDescriptor.open("/proc/self/mountinfo")
    }

    package func read() throws(SystemError) -> [Mount] {
        try descriptor.rewind()
        return Mount.table(parsing: try descriptor.readToEnd(limit: Self.limit, hint: 16 << 10))
    }
}
