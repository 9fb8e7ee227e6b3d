import Glibc
import TestSupport

/// A process that fills a control group's memory with pages of a file, which the kernel takes back again and again, and
/// the code of the group's programs with them. Ends when it is let go of.
final class GreedyNeighbour: Sendable {
    private let place: TemporaryDirectory
    private let process: RunningSubprocess

    init(in group: ControlGroup) throws {
        place = try TemporaryDirectory()
        process = try RunningSubprocess(
            group.wrapper[0],
            Array(group.wrapper.dropFirst())
                + ["/bin/sh", "-c", "while :; do head -c 300M /dev/zero >$0/file; done", place.path])
    }

    // The shell and what it runs.
    deinit { kill(-process.pid, SIGKILL) }
}
