import Glibc

/// A program run to its end, with its output. No Foundation, and bounded: what hangs is killed.
package struct Command {
    package var arguments: [String]
    package var timeoutSeconds = 60

    package init(_ arguments: [String]) { self.arguments = arguments }

    package struct Result: CustomStringConvertible {
        /// Exit status, or 128 and the signal, as a shell has it.
        package var status: Int32
        /// Standard output, without the last newline.
        package var output: String
        package var errors: String

        package var description: String { "status \(status)\n\(output)\n\(errors)" }
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String

        package init(description: String) { self.description = description }
    }

    /// - Throws: when the program cannot be started or does not end in time; a bad status is a result.
    package func run() throws(Failure) -> Result {
        let output = try Pipe(), errors = try Pipe()
        let process = try ChildProcess(arguments, input: -1, output: output.write, errors: errors.write)
        output.closeWrite()
        errors.closeWrite()
        var buffers: [(descriptor: Int32, bytes: [UInt8])] = [(output.read, []), (errors.read, [])]
        let deadline = Deadline(seconds: timeoutSeconds)
        while buffers.contains(where: { $0.descriptor >= 0 }) {
            var waits = buffers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            guard !deadline.isOver else {
                process.kill()
                throw Failure(
                    description: "\(arguments) did not end within \(timeoutSeconds) s: "
                        + buffers.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: "\n"))
            }
            _ = poll(&waits, UInt(waits.count), 100)
            for index in buffers.indices where waits[index].revents != 0 {
                var chunk = [UInt8](repeating: 0, count: 65536)
                let count = read(buffers[index].descriptor, &chunk, chunk.count)
                if count > 0 {
                    buffers[index].bytes += chunk[..<count]
                } else if count == 0 || errno != EINTR {
                    buffers[index].descriptor = -1
                }
            }
        }
        let status = process.wait()
        let texts = buffers.map { buffer in
            let bytes = buffer.bytes.last == UInt8(ascii: "\n") ? buffer.bytes.dropLast() : buffer.bytes[...]
            return String(decoding: bytes, as: UTF8.self)
        }
        return Result(status: status, output: texts[0], errors: texts[1])
    }
}

/// A started program, not yet reaped.
struct ChildProcess {
    let pid: pid_t

    /// - Parameter input: standard input; negative for /dev/null.
    init(_ arguments: [String], input: Int32, output: Int32, errors: Int32) throws(Command.Failure) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if input >= 0 {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var vector = arguments.map { strdup($0) } + [nil]
        defer { for argument in vector { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, nil, &vector, environ)
        guard code == 0 else {
            throw Command.Failure(description: "\(arguments[0]): \(String(cString: strerror(code)))")
        }
        self.pid = pid
    }

    func kill() {
        Glibc.kill(pid, SIGKILL)
        _ = wait()
    }

    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}

/// Both ends of a pipe, close-on-exec. Owns them.
final class Pipe {
    let read: Int32
    private(set) var write: Int32

    init() throws(Command.Failure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Command.Failure(description: "pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (read, write) = (ends[0], ends[1])
    }

    func closeWrite() {
        if write >= 0 { close(write) }
        write = -1
    }

    deinit {
        closeWrite()
        close(read)
    }
}

/// A moment of the monotonic clock after which waiting makes no sense.
package struct Deadline {
    private let end: ContinuousClock.Instant

    package init(seconds: Int) { end = .now + .seconds(seconds) }

    package var isOver: Bool { ContinuousClock.now >= end }
}
