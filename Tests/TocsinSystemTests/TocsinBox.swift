import Glibc
import NIOPosix
import SystemdBox
import TocsinClient

/// A booted systemd that runs the built daemon as its unit says.
final class TocsinBox {
    let box: SystemdBox

    /// Starts it, and returns when it is ready.
    /// - Parameters:
    ///   - configuration: content of the configuration file.
    ///   - service: lines for the section of the unit.
    ///   - hasLimits: see `SystemdBox`.
    init(configuration: String, service: String = "", hasLimits: Bool = false) throws {
        box = try SystemdBox(hasLimits: hasLimits)
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        try box.install(try Self.built("tocsind"), as: "/usr/bin/tocsind")
        for unit in ["tocsin.service", "tocsin.socket"] {
            try box.install("\(root)/systemd/\(unit)", as: "/usr/lib/systemd/system/\(unit)", mode: 0o644)
        }
        try box.install("\(root)/systemd/sysusers.d/tocsin.conf", as: "/usr/lib/sysusers.d/tocsin.conf", mode: 0o644)
        try box.run("mkdir", "-p", "/etc/tocsin")
        try box.write("/etc/tocsin/tocsin.yaml", configuration)
        try box.run("mkdir", "-p", "/etc/systemd/system/tocsin.service.d")
        try box.write(
            "/etc/systemd/system/tocsin.service.d/test.conf",
            "[Service]\n\(service)\n")
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

    /// Puts another file in the place of the program, as a package manager does.
    func replaceProgram() throws {
        try succeed(
            try box.run(
                "sh", "-c",
                "cp /usr/bin/tocsind /usr/bin/.new && echo >>/usr/bin/.new && mv /usr/bin/.new /usr/bin/tocsind"))
    }

    /// Writes into memory that systemd keeps for the daemon, as another version or boot would have left it.
    ///
    /// - Parameter name: of the memfd.
    func overwrite(_ name: String, at offset: Int, _ bytes: [UInt8]) throws {
        let directory = "/proc/\(box.leader)/fd"
        guard let listing = opendir(directory) else { throw Failure(description: directory) }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let number = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let target = try? Self.link("\(directory)/\(number)"), target.hasPrefix("/memfd:\(name) ") else {
                continue
            }
            let file = open("\(directory)/\(number)", O_RDWR | O_CLOEXEC)
            defer { close(file) }
            guard pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count else { break }
            return
        }
        throw Failure(description: "systemd keeps no memory '\(name)' that can be written")
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
        let path = try link("/proc/self/exe")
        return path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 } + "/" + name
    }

    private static func link(_ path: String) throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { readlink(path, $0, 4096) } ?? -1 }
        }
        guard count >= 0 else { throw Failure(description: "\(path): \(String(cString: strerror(errno)))") }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
