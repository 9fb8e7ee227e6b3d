import Glibc

/// Standard output, unbuffered: whoever reads a pipe sees each line when it is written.
///
/// Descriptor 1 belongs to the process; nothing here closes it.
package enum StandardOutput {
    /// Writes all of it, or ends the process: quietly where the reader is gone, as `tail(1)` and `journalctl -f` do.
    package static func write(_ bytes: [UInt8]) throws(OutputError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EPIPE: endOfPipe()
            // Whoever shares a terminal with a program of non-blocking habits inherits them.
            case EAGAIN: waitUntilWritable()
            default: throw OutputError(reason: String(cString: strerror(errno)))
            }
        }
    }

    package static func write(_ text: String) throws(OutputError) { try write(Array(text.utf8)) }

    package static func complain(_ text: String) {
        var bytes = Array((text + "\n").utf8)
        // One write for one message; nothing can be done about a standard error that does not take it.
        _ = Glibc.write(STDERR_FILENO, &bytes, bytes.count)
    }

    /// Ends the process when the reader of the pipe goes, also while no event comes that would make a write fail:
    /// `tocsin subscribe | head -1` ends with head.
    package static func endWithItsReader() {
        var status = stat()
        guard fstat(STDOUT_FILENO, &status) == 0 else { return }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFIFO || kind == S_IFSOCK else { return }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { _ in
                StandardOutput.awaitEndOfReader()
                return nil
            }, nil)
        if result == 0 { pthread_detach(thread) }
    }

    /// A standard descriptor that the shell closed (`>&-`) would be given to the next socket that is opened, and then
    /// lines would go there. It is taken by what can be used as little as a closed one: writing still fails with EBADF.
    package static func keepClosedDescriptorsClosed() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
            // The lowest that is free, which is this one. It ends with the process.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    // MARK: Private

    /// poll(2) reports POLLERR for the write end of a pipe without a reader, and for sockets POLLHUP, unasked.
    private static func awaitEndOfReader() {
        while true {
            var descriptor = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            let count = poll(&descriptor, 1, -1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, descriptor.revents & Int16(POLLERR | POLLHUP) != 0 else { return }
            endOfPipe()
        }
    }

    private static func waitUntilWritable() {
        var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        _ = poll(&descriptor, 1, -1)
    }

    /// SwiftNIO ignores SIGPIPE for the whole process. The conventional end is dying of it: the shell sees 141.
    private static func endOfPipe() -> Never {
        signal(SIGPIPE, SIG_DFL)
        // raise(3) delivers to this thread before it returns, unless the signal is blocked here.
        raise(SIGPIPE)
        _exit(128 + SIGPIPE)
    }
}

package struct OutputError: Error {
    package var reason: String
}
