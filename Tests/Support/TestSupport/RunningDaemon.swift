import Glibc
import NIOPosix
import TestKit
package import TocsinClient
import TocsinEvents

/// The built tocsind on a private socket, from its readiness to its end.
///
/// The test is its service manager: it listens where NOTIFY_SOCKET points, so readiness is awaited, not guessed. Owns
/// the process and the directory.
package final class RunningDaemon: Sendable {
    package let directory: TemporaryDirectory
    package let socketPath: String
    package let process: RunningSubprocess
    private let notifications: Int32

    /// - Parameters:
    ///   - configuration: content of a configuration file.
    ///   - wrapper: a program that runs it, as `setpriv`.
    package init(_ arguments: [String] = [], configuration: String = "{}", wrapper: [String] = []) throws {
        directory = try TemporaryDirectory()
        socketPath = directory.path + "/tocsin.sock"
        notifications = try Self.listen(at: directory.path + "/notify")
        try directory.write(configuration, to: "tocsin.yaml")
        let command =
            wrapper + [
                try Self.program, "--socket", socketPath, "--config", directory.path + "/tocsin.yaml",
            ] + arguments
        process = try RunningSubprocess(
            command[0], Array(command.dropFirst()), environment: ["NOTIFY_SOCKET=\(directory.path)/notify"])
    }

    deinit { close(notifications) }

    package static func ready(_ arguments: [String] = [], configuration: String = "{}", wrapper: [String] = [])
        async throws
        -> RunningDaemon
    {
        let daemon = try RunningDaemon(arguments, configuration: configuration, wrapper: wrapper)
        try await daemon.notified("READY=1")
        return daemon
    }

    /// With probes whose ring has overflowed: it slept while more processes came and went than the ring has room for.
    /// It has told of the loss.
    package static func overflowing() async throws -> RunningDaemon {
        let daemon = try await ready(["--source", "ebpf"], configuration: "ebpf: {ringSize: 64KiB}")
        let session = try await daemon.client.open(Filter(types: [.gap]))
        daemon.process.send(SIGSTOP)
        let storm = try await Subprocess.run("/bin/sh", ["-c", "for i in $(seq 300); do /bin/true; done"])
        daemon.process.send(SIGCONT)
        guard storm.status == 0 else { throw Silent(log: storm.errorText) }
        _ = try await session.read(timeout: .seconds(20))
        await session.close()
        return daemon
    }

    /// Waits until the daemon has told its service manager this.
    package func notified(_ assignment: String) async throws {
        try await NIOThreadPool.singleton.runIfActive { [self] in
            while true {
                var wait = pollfd(fd: notifications, events: Int16(POLLIN), revents: 0)
                guard poll(&wait, 1, 30_000) == 1 else { throw Silent(log: process.errorsWritten) }
                var message = [UInt8](repeating: 0, count: 4096)
                let count = recv(notifications, &message, message.count, 0)
                let lines = String(decoding: message.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
                if lines.contains(Substring(assignment)) { return }
            }
        }
    }

    package var client: TocsinClient { TocsinClient(socketPath: socketPath) }

    /// Waits until this many reads pend.
    package func pendingReads(_ count: Int) async throws {
        for _ in 0..<3000 {
            if try await client.status().pendingReads >= count { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Silent(log: process.errorsWritten)
    }

    package struct Silent: Error, CustomStringConvertible {
        package let log: String
        package init(log: String) { self.log = log }
        package var description: String { "the daemon did not say in time what was expected; its log: \(log)" }
    }

    /// TOCSIND names another build than the one beside these tests.
    static var program: String {
        get throws { try getenv("TOCSIND").map { String(cString: $0) } ?? BuiltProgram.path("tocsind") }
    }

    private static func listen(at path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, chmod(path, 0o666) == 0 else {
            throw Subprocess.Failure.system(operation: "bind \(path)", errno: errno)
        }
        return descriptor
    }
}
