import CTocsinLinux
import Glibc

/// An `eventfd(2)` that the kernel itself signals when a descriptor becomes readable: for an event loop that can only
/// wait for what it can read, and without a thread that sleeps for it.
///
/// An asynchronous poll (`io_submit(2)`, IOCB_CMD_POLL) rings it, once. What is polled is not the descriptor but an
/// epoll set with it: whoever waits for a set is called with what has happened, so that the kernel rings at once, where
/// a plain wake-up would go through a thread of the kernel first (aio_poll_wake in fs/aio.c). And a set knows what has
/// happened since it was asked, where the descriptor might be ready for as long as others want.
package struct Doorbell: ~Copyable, Sendable {
    private let edges: Epoll
    private let bell: EventFD
    private let context: aio_context_t
    private var isArmed = false

    /// Of a descriptor that outlives this. Where the kernel has no asynchronous polls, or no more contexts for them
    /// (/proc/sys/fs/aio-max-nr), the error says so.
    package init(for descriptor: borrowing FileDescriptor) throws(SystemError) {
        let edges = try Epoll()
        try edges.add(descriptor, token: 0, for: [.readable, .edgeTriggered])
        let bell = try EventFD()
        var context: aio_context_t = 0
        try syscall("io_setup") { tocsin_aio_setup(&context) }
        self.edges = edges
        self.bell = bell
        self.context = context
    }

    deinit { tocsin_aio_destroy(context) }

    /// What becomes readable when it rings, and is not any more when it was read.
    package func duplicateDescriptor() throws(SystemError) -> FileDescriptor { try bell.descriptor.duplicate() }

    /// Rings at the next edge; or at once where one has come that was not forgotten, and the descriptor is still
    /// readable: a set that is polled drops what is not ready any more. Nothing where it is armed already.
    package mutating func arm() throws(SystemError) {
        guard !isArmed else { return }
        try syscall("io_submit") {
            tocsin_aio_poll(context, edges.descriptor.rawValue, bell.descriptor.rawValue)
        }
        isArmed = true
    }

    /// Whoever heard it looks now. Nothing where it has not rung.
    package mutating func answer() {
        if isArmed, tocsin_aio_take(context) != 0 { isArmed = false }
    }

    /// For who leaves the descriptor readable: it rings for later edges only.
    package func forgetEdges() throws(SystemError) { try edges.forgetEdge() }
}
