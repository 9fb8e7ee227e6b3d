import Glibc
import NIOPosix
import SystemdBox
import TocsinClient

/// A booted systemd that runs the built daemon as its unit says.
final class TocsinBox {
    let box: SystemdBox

    /// Starts it, and returns when it is ready.
    /// - Parameter configuration: content of the configuration file.
    init(configuration: String) throws {
        box = try SystemdBox()
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        try box.install(try Self.built("tocsind"), as: "/usr/bin/tocsind")
        for unit in ["tocsin.service", "tocsin.socket"] {
            try box.install("\(root)/systemd/\(unit)", as: "/usr/lib/systemd/system/\(unit)", mode: 0o644)
        }
        try box.install("\(root)/systemd/sysusers.d/tocsin.conf", as: "/usr/lib/sysusers.d/tocsin.conf", mode: 0o644)
        try box.run("mkdir", "-p", "/etc/tocsin")
        try box.write("/etc/tocsin/tocsin.yaml", configuration)
        try succeed(try box.run("systemd-sysusers"))
        try box.systemctl("daemon-reload")
        try succeed(try box.systemctl("start", "tocsin.socket", "tocsin.service"))
    }

    var socketPath: String { box.outside("/run/tocsin/tocsin.sock") }

    /// Comes back soon: a test has no time for the daemon's manners.
    var client: TocsinClient {
        TocsinClient(
            socketPath: socketPath,
            reconnection: Reconnection(initialDelay: .milliseconds(10), maximumDelay: .milliseconds(100)))
    }

    func kill() throws { try box.systemctl("kill", "--kill-who=main", "-s", "KILL", "tocsin.service") }

    /// As `kill`, for a task of its own. False where nothing ran to be killed.
    static func kill(inBoxOf leader: Int32) async throws -> Bool {
        try await NIOThreadPool.singleton.runIfActive {
            try Command([
                "nsenter", "-t", "\(leader)", "-a", "systemctl", "kill", "--kill-who=main", "-s", "KILL",
                "tocsin.service",
            ]).run().status == 0
        }
    }

    /// Waits until the service has been started `count` times by itself, and is ready.
    func awaitRestarts(_ count: Int) throws {
        try box.eventually("restart \(count)") {
            try box.property("NRestarts", of: "tocsin.service") == "\(count)"
                && box.property("ActiveState", of: "tocsin.service") == "active"
        }
    }

    /// The daemon's own messages.
    var log: String { (try? box.run("journalctl", "--no-pager", "-n", "60", "-t", "tocsind").output) ?? "" }

    func succeed(_ result: Command.Result) throws {
        guard result.status == 0 else {
            let journal = try box.run("journalctl", "--no-pager", "-n", "40").output
            throw Failure(description: "\(result)\n\(journal)")
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The program that was built beside this test.
    private static func built(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
            throw Failure(description: "/proc/self/exe: \(String(cString: strerror(errno)))")
        }
        let path = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 } + "/" + name
    }
}
