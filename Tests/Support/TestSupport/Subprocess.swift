import CTestSystem
import Glibc
import NIOPosix
import Synchronization

/// How a program ended and what it wrote.
package struct Subprocess {
    package var output: [UInt8]
    package var errors: [UInt8]
    /// As a shell reports it: 128 and the signal's number where one ended it.
    package var status: Int32

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: errors, as: UTF8.self) }

    package enum Failure: Error {
        case system(operation: String, errno: Int32)
        case stillRunning(path: String)
    }

    package static func run(_ path: String, _ arguments: [String], environment: [String] = []) async throws
        -> Subprocess
    {
        try await RunningSubprocess(path, arguments, environment: environment).ended()
    }
}

/// A program that runs. Its output goes to files without a name (no pipe to drain), or where the test says.
///
/// Owns the two files and the process: one that is let go of is killed.
package final class RunningSubprocess: Sendable {
    package let pid: pid_t
    private let path: String
    private let output: Int32
    private let errors: Int32
    private let process: Int32
    private let isReaped = Atomic(false)

    /// - Parameter standardOutput: Stays the caller's.
    package init(
        _ path: String, _ arguments: [String], environment: [String] = [], standardOutput: Int32? = nil
    ) throws {
        self.path = path
        output = test_memory_file("output")
        errors = test_memory_file("errors")
        guard output >= 0, errors >= 0 else { throw Subprocess.Failure.system(operation: "memfd_create", errno: errno) }
        let words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        let variables: [UnsafeMutablePointer<CChar>?] =
            (["PATH=/usr/bin:/bin", "TZ=UTC"] + environment).map { strdup($0) } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var pid: pid_t = 0
        let result = test_spawn(&pid, path, words, variables, standardOutput ?? output, errors)
        guard result == 0 else { throw Subprocess.Failure.system(operation: "posix_spawn \(path)", errno: result) }
        self.pid = pid
        process = test_pidfd(pid)
    }

    deinit {
        // Not reaped, so the number is still this process's, and its group's.
        if !isReaped.load(ordering: .relaxed) {
            kill(-pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(output)
        close(errors)
        close(process)
    }

    /// What it wrote so far to standard error.
    package var errorsWritten: String { String(decoding: Self.contents(of: errors), as: UTF8.self) }

    package func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits for the end, on a thread that may block. Bounded: a test must finish.
    package func ended() async throws -> Subprocess {
        try await NIOThreadPool.singleton.runIfActive { try self.wait() }
    }

    private func wait() throws -> Subprocess {
        var descriptor = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        while poll(&descriptor, 1, 30_000) != 1 {
            guard errno == EINTR, descriptor.revents == 0 else { throw Subprocess.Failure.stillRunning(path: path) }
        }
        var status: Int32 = 0
        guard waitpid(pid, &status, 0) == pid else {
            throw Subprocess.Failure.system(operation: "waitpid", errno: errno)
        }
        isReaped.store(true, ordering: .relaxed)
        let signal = status & 0x7F
        return Subprocess(
            output: Self.contents(of: output), errors: Self.contents(of: errors),
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal)
    }

    private static func contents(of descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = pread(descriptor, &chunk, chunk.count, off_t(bytes.count))
            guard count > 0 else { return bytes }
            bytes += chunk.prefix(count)
        }
    }
}

/// The programs that were built with these tests: they lie beside the test bundle.
package enum BuiltProgram {
    package static func path(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw Subprocess.Failure.system(operation: "readlink", errno: errno) }
        let bundle = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = bundle.lastIndex(of: "/") else { return name }
        return bundle[..<slash] + "/\(name)"
    }
}
