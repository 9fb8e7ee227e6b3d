import CTocsinLinux
import Glibc

/// A thread for work that blocks in system calls, which has no place on Swift's cooperative pool.
///
/// Joined exactly once: by `join`, or at the end of its owner's life; or left to itself by `detach`.
package struct BlockingThread: ~Copyable, Sendable {
    private let thread: pthread_t

    /// Starts it. The kernel keeps 15 bytes of the name. Signals stay with the other threads: a handler here would
    /// only interrupt the call it sleeps in.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var created = pthread_t()
        let code = pthread_create(
            &created, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                tocsin_name_this_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            start.release()
            throw SystemError(operation: "pthread_create", code: code)
        }
        thread = created
    }

    /// Waits for the end of the thread.
    package consuming func join() {}

    /// Nobody waits for its end: for a thread that may hang in a call that nothing interrupts.
    package consuming func detach() {
        pthread_detach(thread)
        discard self
    }

    deinit { pthread_join(thread, nil) }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            // pthread_setname_np(3) refuses longer names; cut between characters.
            var short = name
            while short.utf8.count > 15 { short.removeLast() }
            self.name = short
            self.body = body
        }
    }
}
