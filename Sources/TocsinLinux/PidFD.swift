import CTocsinLinux
import Glibc

/// A process, held: the number can be given to another process, this descriptor cannot. `pidfd_open(2)`, since 5.3.
package struct PidFD: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    /// Takes over a descriptor that the kernel made, as fanotify does.
    package init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    package init(pid: Int32) throws(SystemError) {
        descriptor = FileDescriptor(owning: try syscall("pidfd_open") { tocsin_pidfd_open(pid) })
    }

    /// Whether the process still owns its number: it runs, or has ended and waits to be reaped.
    package var ownsNumber: Bool {
        do throws(SystemError) {
            try syscall("pidfd_send_signal") { tocsin_pidfd_send_signal(descriptor.rawValue, 0) }
            return true
        } catch {
            // EPERM is an answer of a living process.
            return error.code == EPERM
        }
    }

    /// Whether the process has ended, reaped or not.
    package var hasEnded: Bool {
        var poll = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        let ready = try? syscall("poll") { Glibc.poll(&poll, 1, 0) }
        return ready == 1 && poll.revents & Int16(POLLIN) != 0
    }
}
