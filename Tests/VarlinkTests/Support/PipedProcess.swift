import Glibc
import TestKit

/// A program that a test runs: standard input and output are pipes, and it does not outlive the test.
final class PipedProcess {
    private let process: ChildProcess
    private let input: Pipe
    private let output: Pipe
    private var buffered: [UInt8] = []

    /// - Parameter path: An absolute path, or a name that is looked up in `PATH`.
    init(_ path: String, _ arguments: [String]) throws {
        input = try Pipe()
        output = try Pipe()
        process = try ChildProcess(
            [path] + arguments, input: input.read, output: output.write, errors: output.write)
        output.closeWrite()
    }

    /// The project's own program, which stands beside the test bundle.
    convenience init(certification arguments: [String], maximumDescriptors: Int? = nil) throws {
        var program = Self.directory(of: CommandLine.arguments[0]) + "/varlink-certification"
        // swift test runs a helper of the toolchain, and names the bundle in its arguments.
        if access(program, X_OK) != 0, let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) {
            program = Self.directory(of: bundle) + "/varlink-certification"
        }
        let limit = maximumDescriptors.map { "ulimit -n \($0);" } ?? ""
        try self.init("sh", ["-c", "\(limit) exec \"$@\"", "sh", program] + arguments)
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    func send(_ signal: Int32) { process.send(signal) }

    /// The next line of what it prints; nil at the end.
    func readLine() throws -> String? {
        while true {
            if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffered[..<end], as: UTF8.self)
                buffered.removeSubrange(...end)
                return line
            }
            guard try readMore() else { return nil }
        }
    }

    /// Waits for its end: what it printed, and its exit status; a signal counts from 128 as in a shell.
    func finish() throws -> (output: String, status: Int32) {
        while try readMore() {}
        return (String(decoding: buffered, as: UTF8.self), process.wait() ?? -1)
    }

    private func readMore() throws -> Bool {
        var poll = pollfd(fd: output.read, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, 60_000) > 0 else { throw TimedOut() }
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = read(output.read, &chunk, chunk.count)
        if count > 0 { buffered += chunk[..<count] }
        return count > 0
    }
}
