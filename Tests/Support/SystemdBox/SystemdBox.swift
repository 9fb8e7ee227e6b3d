import Glibc
import TestKit

/// A machine of its own for a test: the real systemd as PID 1, the files of this machine below a throw-away overlay.
///
/// Owns the script that holds the box, and the leash to it: when this object goes, or the process that holds it dies
/// however it may, the box is killed and nothing of it remains. Boxes may run side by side.
package final class SystemdBox {
    /// PID of the box's systemd, outside.
    package let leader: Int32
    private let leash: Pipe
    private let script: ChildProcess

    /// Boots, and returns when the basic target is reached.
    ///
    /// - Parameter hasLimits: limits of units, as `MemoryMax=`, are in force where the machine has the controllers.
    package init(hasLimits: Bool = false) throws {
        let leash = try Pipe(), output = try Pipe()
        let text = String(decoding: PackageResources.boot_sh, as: UTF8.self)
        script = try ChildProcess(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", text, "systemd-box"]
                + (hasLimits ? ["limits"] : []),
            input: leash.read, output: output.write, errors: output.write,
            // The leash ends it: killed, it would leave the box behind.
            diesWithTest: false)
        output.closeWrite()
        self.leash = leash
        guard let line = Self.firstLine(of: output.read), let leader = Int32(line) else {
            script.send(SIGKILL)
            throw Command.Failure(description: "the box did not start: \(Self.rest(of: output.read))")
        }
        self.leader = leader
        try eventually("the box has booted") {
            let state = try systemctl("is-system-running", "--wait").output
            return state == "running" || state == "degraded"
        }
    }

    deinit {
        leash.closeWrite()
        _ = script.wait()
    }

    /// Why a box cannot be booted here; nil where it can.
    package static let obstacle: String? = {
        guard geteuid() == 0 else { return "needs root" }
        guard access("/lib/systemd/systemd", X_OK) == 0 else { return "systemd is not installed" }
        let probe = Command([
            "unshare", "--mount", "--pid", "--fork", "--net", "--cgroup", "--propagation", "private", "sh", "-c",
            "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r /mnt/c && mount -t cgroup2 cgroup2 /mnt/c && "
                + "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/r",
        ])
        do {
            let result = try probe.run()
            return result.status == 0 ? nil : "namespaces and overlay are not allowed here: \(result.errors)"
        } catch {
            return "\(error)"
        }
    }()

    // MARK: Commands

    @discardableResult
    package func run(_ arguments: String..., timeoutSeconds: Int = 60) throws -> Command.Result {
        try run(arguments, timeoutSeconds: timeoutSeconds)
    }

    package func run(_ arguments: [String], timeoutSeconds: Int = 60) throws -> Command.Result {
        var command = Command(["nsenter", "-t", "\(leader)", "-a"] + arguments)
        command.timeoutSeconds = timeoutSeconds
        return try command.run()
    }

    @discardableResult
    package func systemctl(_ arguments: String...) throws -> Command.Result {
        try run(["systemctl", "--no-pager"] + arguments)
    }

    /// `systemctl show -P`.
    package func property(_ name: String, of unit: String) throws -> String {
        try systemctl("show", "-P", name, unit).output
    }

    /// Entries that match, one JSON object a line.
    package func journal(_ arguments: String...) throws -> [Substring] {
        // What was sent before this call is on disk after it.
        try run("journalctl", "--sync")
        return try run(["journalctl", "-o", "json", "--no-pager", "--all"] + arguments).output.split(separator: "\n")
    }

    // MARK: Files

    /// A path of the box, as it is reached from outside.
    package func outside(_ path: String) -> String { "/proc/\(leader)/root\(path)" }

    package func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
        try write(path, bytes: Array(text.utf8), mode: mode)
    }

    /// Copies a file of this machine into the box.
    package func install(_ source: String, as path: String, mode: mode_t = 0o755) throws {
        let result = try Command(["install", "-D", "-m", String(mode, radix: 8), source, outside(path)]).run()
        guard result.status == 0 else { throw Command.Failure(description: "install \(path): \(result.errors)") }
    }

    private func write(_ path: String, bytes: [UInt8], mode: mode_t) throws {
        let descriptor = open(outside(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw Command.Failure(description: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw Command.Failure(description: "\(path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: Waiting

    /// Waits until the condition holds; throws when that takes longer than anything here should, with the last
    /// journal entries, because they tell why.
    package func eventually(_ what: String, seconds: Int = 30, _ condition: () throws -> Bool) throws {
        let deadline = Deadline(seconds: seconds)
        while try !condition() {
            guard !deadline.isOver else {
                let journal = try run("journalctl", "--no-pager", "-n", "40").output
                throw Command.Failure(description: "not within \(seconds) s: \(what)\n\(journal)")
            }
            usleep(20_000)
        }
    }

    private static func firstLine(of descriptor: Int32) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }

    private static func rest(of descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = max(0, read(descriptor, &bytes, bytes.count))
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
