// A program that a test runs: standard input and output are pipes, and it does not outlive the test.

import Glibc
import Synchronization

/// Held from making pipes to spawning: a child that is spawned in between would keep the ends of another's open.
private let spawning = Mutex(())

final class ChildProcess {
    let pid: pid_t
    private let input: CInt
    private let output: CInt
    private var buffered: [UInt8] = []
    private var isReaped = false

    /// - Parameter path: An absolute path, or a name that is looked up in `PATH`.
    init(_ path: String, _ arguments: [String]) throws {
        var inputs: [CInt] = [0, 0]
        var outputs: [CInt] = [0, 0]
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var pid: pid_t = 0
        let result = spawning.withLock { _ in
            guard pipe(&inputs) == 0, pipe(&outputs) == 0 else { return errno }
            for end in inputs + outputs { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_adddup2(&actions, inputs[0], 0)
            posix_spawn_file_actions_adddup2(&actions, outputs[1], 1)
            posix_spawn_file_actions_adddup2(&actions, outputs[1], 2)
            let result = posix_spawnp(&pid, path, &actions, nil, &argv, environ)
            close(inputs[0])
            close(outputs[1])
            return result
        }
        input = inputs[1]
        output = outputs[0]
        self.pid = pid
        guard result == 0 else {
            isReaped = true
            throw SystemError(code: result)
        }
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
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        isReaped = true
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return (String(decoding: buffered, as: UTF8.self), code)
    }

    private func readMore() throws -> Bool {
        var poll = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, 60_000) > 0 else { throw TimedOut() }
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = read(output, &chunk, chunk.count)
        if count > 0 { buffered += chunk[..<count] }
        return count > 0
    }

    deinit {
        if !isReaped {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
        close(input)
        close(output)
    }
}
