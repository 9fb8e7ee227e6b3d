import CTestSystem
import Glibc
import Synchronization

/// A started program, in a process group of its own. One that is let go of is killed, with its group.
///
/// Owns the process until it is waited for. Owns no descriptor that it is given.
package final class ChildProcess: Sendable {
    package let pid: pid_t
    private let handle: Int32
    private let isReaped = Atomic(false)

    package struct Failure: Error, CustomStringConvertible {
        package let operation: String
        package let code: Int32

        package var description: String { "\(operation): \(String(cString: strerror(code)))" }
    }

    /// - Parameters:
    ///   - arguments: the first is the program, a path or a name in `PATH`.
    ///   - environment: nil for that of this process.
    ///   - input: nil for nothing to read.
    ///   - diesWithTest: the kernel kills it when this process dies, however it may; unless it takes on other credentials.
    package init(
        _ arguments: [String], environment: [String]? = nil, input: Int32? = nil, output: Int32, errors: Int32,
        diesWithTest: Bool = true
    ) throws(Failure) {
        let words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        let variables: [UnsafeMutablePointer<CChar>?]? = environment.map { $0.map { strdup($0) } + [nil] }
        defer { for pointer in words + (variables ?? []) { free(pointer) } }
        var pid: pid_t = 0
        let code = words.withUnsafeBufferPointer { words in
            func spawn(_ environment: UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Int32 {
                var program = test_program(
                    arguments: words.baseAddress, environment: environment, input: input ?? -1, output: output,
                    errors: errors, dies_with_parent: diesWithTest)
                return test_spawn(&pid, &program)
            }
            return variables?.withUnsafeBufferPointer { spawn($0.baseAddress) } ?? spawn(nil)
        }
        guard code == 0 else { throw Failure(operation: "start \(arguments[0])", code: code) }
        self.pid = pid
        handle = test_pidfd(pid)
    }

    deinit {
        // Not reaped, so the number is still this process's, and its group's.
        if !isReaped.load(ordering: .relaxed) {
            kill(-pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(handle)
    }

    package func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits for the end, once: the status as a shell has it, 128 and the signal's number where one ended it. nil where
    /// the program still runs after this time.
    package func wait(seconds: Int? = nil) -> Int32? {
        var end = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        var ready: Int32
        repeat {
            ready = poll(&end, 1, seconds.map { Int32($0) * 1000 } ?? -1)
        } while ready < 0 && errno == EINTR
        guard ready == 1 else { return nil }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        isReaped.store(true, ordering: .relaxed)
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
