import CTestSystem
import Glibc

/// Where a program writes what is read later: a file without a name, so there is no pipe to drain.
package final class WrittenOutput: Sendable {
    package let descriptor: Int32

    package init() throws(ChildProcess.Failure) {
        descriptor = test_memory_file("output")
        guard descriptor >= 0 else { throw ChildProcess.Failure(operation: "memfd_create", code: errno) }
    }

    deinit { close(descriptor) }

    /// All that was written so far.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = pread(descriptor, &chunk, chunk.count, off_t(bytes.count))
            guard count > 0 else { return bytes }
            bytes += chunk.prefix(count)
        }
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
}
