import Glibc
import NIOPosix
import TestKit

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

/// A program that runs. Its output goes to files without a name, or where the test says. One that is let go of is
/// killed.
package final class RunningSubprocess: Sendable {
    private let path: String
    private let output: WrittenOutput
    private let errors: WrittenOutput
    private let process: ChildProcess

    /// - Parameter standardOutput: Stays the caller's.
    package init(
        _ path: String, _ arguments: [String], environment: [String] = [], standardOutput: Int32? = nil
    ) throws {
        self.path = path
        output = try WrittenOutput()
        errors = try WrittenOutput()
        process = try ChildProcess(
            [path] + arguments, environment: ["PATH=/usr/bin:/bin", "TZ=UTC"] + environment,
            output: standardOutput ?? output.descriptor, errors: errors.descriptor)
    }

    package var pid: pid_t { process.pid }

    /// What it wrote so far to standard error.
    package var errorsWritten: String { errors.text }

    package func send(_ signal: Int32) { process.send(signal) }

    /// Waits for the end, on a thread that may block. Bounded: a test must finish.
    package func ended(withinSeconds seconds: Int = 30) async throws -> Subprocess {
        let status = try await NIOThreadPool.singleton.runIfActive { self.process.wait(seconds: seconds) }
        guard let status else { throw Subprocess.Failure.stillRunning(path: path) }
        return Subprocess(output: output.bytes, errors: errors.bytes, status: status)
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
