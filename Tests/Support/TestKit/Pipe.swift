import CTestSystem
import Glibc

/// Both ends of a pipe, close-on-exec. Owns them.
package final class Pipe {
    package let read: Int32
    package private(set) var write: Int32

    package init() throws(ChildProcess.Failure) {
        var ends: [Int32] = [-1, -1]
        guard test_pipe(&ends) == 0 else { throw ChildProcess.Failure(operation: "pipe2", code: errno) }
        (read, write) = (ends[0], ends[1])
    }

    package func closeWrite() {
        if write >= 0 { close(write) }
        write = -1
    }

    deinit {
        closeWrite()
        close(read)
    }
}
