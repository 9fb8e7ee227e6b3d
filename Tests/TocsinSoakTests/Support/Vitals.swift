import Glibc
import TestKit
import TestSupport
import Testing

/// What the kernel says of the daemon's process: whether it lives, and what it holds.
struct Vitals {
    /// VmRSS, the event log included.
    var residentKiB: Int
    /// VmHWM: the most that was ever resident, or was since `forgetPeak`.
    var peakKiB: Int
    /// Of the event log, what was written to once. It only grows.
    var logKiB: Int
    /// RssAnon: what grows when something is never let go.
    var anonymousKiB: Int
    var descriptors: Int

    /// What the daemon may have resident besides the event log, also in a storm.
    static let bound = 24 << 10

    init(of daemon: RunningDaemon) throws {
        try self.init(of: daemon.process.pid, daemon.process.errorsWritten)
    }

    init(of pid: Int32, _ messages: @autoclosure () -> String = "") throws {
        let path = "/proc/\(pid)"
        let status = try #require(contents(of: path + "/status"), "the daemon is gone:\n\(messages())")
        residentKiB = try #require(Self.field("VmRSS", of: status), "the daemon has ended:\n\(messages())")
        peakKiB = try #require(Self.field("VmHWM", of: status))
        // Not RssShmem: where the program lies on a tmpfs, it counts there, too.
        let regions = try #require(contents(of: path + "/smaps")).split(separator: "\n")
        let log = regions.drop { !$0.contains("/memfd:tocsin-log") }.joined(separator: "\n")
        logKiB = try #require(Self.field("Rss", of: log))
        anonymousKiB = try #require(Self.field("RssAnon", of: status))
        descriptors = try #require(directoryCount(path + "/fd"))
    }

    /// What it took to start is not what a scenario takes (`proc_pid_clear_refs(5)`).
    static func forgetPeak(of pid: Int32) throws {
        let isForgotten = ControlGroup.write("5", to: "/proc/\(pid)/clear_refs")
        try #require(isForgotten, "clear_refs: \(String(cString: strerror(errno)))")
    }

    /// Besides the log never more than `bound`: so with it never more than that and what the log is configured to take.
    /// It is a bound of the release build, which `make soak` runs.
    func expectBounded(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            !Soak.isFull || peakKiB - logKiB <= Self.bound,
            "\(peakKiB) KiB at most, \(logKiB) KiB of it the log", sourceLocation: sourceLocation)
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
    var description: String {
        let peak = (peakKiB - logKiB + 512) / 1024
        return "\(peak) MiB resident at most besides \(logKiB / 1024) MiB of log, \(anonymousKiB) KiB of its own now"
    }
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
