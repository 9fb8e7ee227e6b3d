import Glibc
import TestSupport

/// A control group of its own for some processes, version 1 or 2, whichever has the controller. Whoever makes it
/// removes it.
final class ControlGroup: Sendable {
    enum Controller: String { case memory, pids }

    let path: String
    private let isVersion2: Bool

    /// nil where the controller cannot be had.
    init?(_ controller: Controller) {
        guard let parent = Self.parent(of: controller) else { return nil }
        path = "\(parent.path)/tocsin-soak-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        isVersion2 = parent.isVersion2
        guard mkdir(path, 0o755) == 0 else { return nil }
    }

    /// The one that a process is in; to be removed by whoever made it. nil where the controller cannot be had.
    init?(_ controller: Controller, of pid: Int32) {
        guard let parent = Self.parent(of: controller) else { return nil }
        isVersion2 = parent.isVersion2
        // `4:memory:/path`, and for version 2 `0::/path` (cgroups(7)).
        let name = isVersion2 ? "" : controller.rawValue
        let lines = (contents(of: "/proc/\(pid)/cgroup") ?? "").split(separator: "\n")
        let fields = lines.map { $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false) }
        guard let own = fields.first(where: { $0.count == 3 && $0[1] == name[...] }) else { return nil }
        path = parent.path + own[2]
    }

    /// Ends what is left in it.
    func remove() {
        for _ in 0..<500 {
            guard rmdir(path) != 0, errno == EBUSY else { return }
            for pid in text("cgroup.procs").split(separator: "\n").compactMap({ pid_t($0) }) { kill(pid, SIGKILL) }
            usleep(10_000)
        }
    }

    static func isAvailable(_ controller: Controller) -> Bool {
        guard let group = ControlGroup(controller) else { return false }
        group.remove()
        return true
    }

    /// Starts a program in the group.
    var wrapper: [String] { ["/bin/sh", "-c", #"echo $$ > "$0/cgroup.procs" && exec "$@""#, path] }

    func limitProcesses(to count: Int) throws { try write("\(count)", to: "pids.max") }

    func limitMemory(toBytes count: Int) throws {
        try write("\(count)", to: isVersion2 ? "memory.max" : "memory.limit_in_bytes")
    }

    /// Bytes; nil without a limit.
    var memoryLimit: Int? { Int(text(isVersion2 ? "memory.max" : "memory.limit_in_bytes")) }

    /// How often the kernel had to take memory back from the group before it could give.
    var memoryReclaims: Int {
        isVersion2 ? figure("max", in: "memory.events") ?? 0 : Int(text("memory.failcnt")) ?? 0
    }

    /// Processes killed for want of memory.
    var memoryKills: Int { figure("oom_kill", in: isVersion2 ? "memory.events" : "memory.oom_control") ?? 0 }

    private func figure(_ name: String, in file: String) -> Int? {
        text(file).split(separator: "\n").map { $0.split(separator: " ") }.first { $0.first == name[...] }?.last
            .flatMap { Int($0) }
    }

    private func text(_ file: String) -> String {
        (contents(of: "\(path)/\(file)") ?? "").split(separator: "\n").joined(separator: "\n")
    }

    private func write(_ text: String, to file: String) throws {
        guard Self.write(text, to: "\(path)/\(file)") else {
            throw Subprocess.Failure.system(operation: "write \(path)/\(file)", errno: errno)
        }
    }

    private static func parent(of controller: Controller) -> (path: String, isVersion2: Bool)? {
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let controllers = contents(of: root + "/cgroup.controllers")?.split(whereSeparator: \.isWhitespace) ?? []
            guard controllers.contains(controller.rawValue[...]) else { continue }
            // The children of the root get it; harmless where they have it.
            return write("+\(controller)", to: root + "/cgroup.subtree_control") ? (root, true) : nil
        }
        let version1 = "/sys/fs/cgroup/\(controller)"
        return access(version1 + "/cgroup.procs", W_OK) == 0 ? (version1, false) : nil
    }

    static func write(_ text: String, to path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
    }
}
