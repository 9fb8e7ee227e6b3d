import Glibc
import TestKit
import TestSupport
import Testing

/// What the kernel says of the daemon's process: whether it lives, and what it holds.
struct Vitals {
    /// VmRSS, the event log included.
    var residentKiB: Int
    /// RssAnon: what grows when something is never let go.
    var anonymousKiB: Int
    var descriptors: Int

    init(of daemon: RunningDaemon) throws {
        let path = "/proc/\(daemon.process.pid)"
        let status = try #require(
            contents(of: path + "/status"), "the daemon is gone:\n\(daemon.process.errorsWritten)")
        residentKiB = try #require(
            Self.field("VmRSS", of: status), "the daemon has ended:\n\(daemon.process.errorsWritten)")
        anonymousKiB = try #require(Self.field("RssAnon", of: status))
        descriptors = try #require(directoryCount(path + "/fd"))
    }

    /// The same load once more must not have cost the same memory once more.
    func expectFlat(since middle: Vitals, sourceLocation: SourceLocation = #_sourceLocation) {
        // A sanitizer keeps what was freed, and a shadow of all memory.
        #expect(
            isSanitized || anonymousKiB <= middle.anonymousKiB + max(middle.anonymousKiB / 5, 4096),
            "\(middle.anonymousKiB) KiB in the middle, \(anonymousKiB) KiB at the end", sourceLocation: sourceLocation)
        #expect(
            descriptors <= middle.descriptors + 4,
            "\(middle.descriptors) descriptors in the middle, \(descriptors) at the end", sourceLocation: sourceLocation
        )
    }

    private static func field(_ name: String, of status: String) -> Int? {
        let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
    }
}

extension Vitals: CustomStringConvertible {
    var description: String { "\(residentKiB / 1024) MiB resident, \(anonymousKiB) KiB of its own" }
}

/// Text of a file of /proc or of a control group; nil where it cannot be read.
func contents(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
        bytes += chunk[..<count]
    }
}

private func directoryCount(_ path: String) -> Int? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
}
