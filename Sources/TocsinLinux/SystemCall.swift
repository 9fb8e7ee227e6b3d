import CTocsinLinux
import Glibc

/// A system call that failed.
package struct SystemError: Error, Hashable, CustomStringConvertible {
    /// The call, and where it helps what it was applied to: "fanotify_init", "open /proc".
    package var operation: String
    /// `errno`.
    package var code: Int32

    package init(operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// What `strerror(3)` says in the C locale.
    package var reason: String { String(cString: tocsin_error_text(code)) }

    package var description: String { "\(operation): \(reason)" }

    // What callers tell apart, so that they need no numbers.

    package var isPermission: Bool { code == EPERM || code == EACCES }
    package var isInvalidArgument: Bool { code == EINVAL }
    /// The file or process is not there, or not any more.
    package var isGone: Bool { code == ENOENT || code == ESRCH }
    /// A component of the path, or its end, is a link or a file.
    package var isNoDirectory: Bool { code == ENOTDIR || code == ELOOP }
    /// No descriptors left, in this process or the system.
    package var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }
}

// The one place that looks at `errno`. It must be read before anything else can run, so `body` is the bare call.

/// Runs a system call that returns -1 on failure, again where a signal interrupted it.
@inline(__always)
@discardableResult
package func syscall<Result: SignedInteger>(
    _ operation: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if code == EINTR { continue }
        throw SystemError(operation: operation(), code: code)
    }
}

/// As `syscall`, for a descriptor that does not block: nil where the call would have to wait (`EAGAIN`).
@inline(__always)
package func syscallOrWouldBlock<Result: SignedInteger>(
    _ operation: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result? {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if code == EINTR { continue }
        if code == EAGAIN { return nil }
        throw SystemError(operation: operation(), code: code)
    }
}

/// For the pthread family, which returns the error instead of setting `errno`.
@inline(__always)
package func pthreadCall(_ operation: @autoclosure () -> String, _ body: () -> Int32) throws(SystemError) {
    let code = body()
    if code != 0 { throw SystemError(operation: operation(), code: code) }
}
