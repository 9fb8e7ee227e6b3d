import Glibc

/// SIGHUP, SIGINT and SIGTERM as requests that the thread which asks takes one after another.
///
/// No handler and no thread: whoever sleeps in `next` is woken by nothing else.
package struct Signals: ~Copyable {
    package enum Request: Sendable {
        /// SIGHUP.
        case reload
        /// SIGINT, SIGTERM.
        case end
    }

    private var taken = sigset_t()

    /// Blocks them in this thread and in those it starts from now on: to be made before any other thread, which such a
    /// signal would end the process through. What comes from here on waits; of the same signal, once: signal(7).
    package init() {
        sigemptyset(&taken)
        for number in [SIGHUP, SIGINT, SIGTERM] { sigaddset(&taken, number) }
        pthread_sigmask(SIG_BLOCK, &taken, nil)
    }

    /// Sleeps until one of them is there.
    package func next() -> Request {
        var taken = taken
        var number: Int32 = 0
        // It fails only for a set that holds no signal, sigwait(3).
        sigwait(&taken, &number)
        return number == SIGHUP ? .reload : .end
    }
}
