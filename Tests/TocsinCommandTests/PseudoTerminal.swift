import CTestSystem
import Glibc
import TestSupport

/// A terminal without a screen. Owns both descriptors.
final class PseudoTerminal {
    private let primary: Int32
    /// For the program; stays open here, so that what it wrote is kept after its end.
    let replica: Int32

    init() throws {
        var ends: (primary: Int32, replica: Int32) = (-1, -1)
        guard test_terminal(&ends.primary, &ends.replica) == 0 else {
            throw Subprocess.Failure.system(operation: "openpty", errno: errno)
        }
        (primary, replica) = ends
    }

    deinit {
        close(primary)
        close(replica)
    }

    /// What was written to it, as far as it was not taken before.
    func shown() -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(primary, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
    }
}
