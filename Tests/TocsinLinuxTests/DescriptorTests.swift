import Glibc
import Synchronization
import Testing
import TocsinLinux

@Suite struct DescriptorTests {
    @Test("a descriptor is closed at the end of its life, and only then")
    func closesOnce() throws {
        // Another test may get a number at once, so the proof is a pipe whose reader sees the end.
        let reader = try {
            let pipe = try FileDescriptor.pipe()
            try pipe.writer.writeAll([1, 2])
            try pipe.writer.writeAll([3])
            return try pipe.reader.duplicate()
        }()
        #expect(try reader.readToEnd(limit: 10) == [1, 2, 3])
    }

    @Test("what is opened is not inherited by programs")
    func closeOnExec() throws {
        let opened = try FileDescriptor.open("/dev/null")
        let duplicate = try opened.duplicate()
        #expect(fcntl(opened.rawValue, F_GETFD) & FD_CLOEXEC == FD_CLOEXEC)
        #expect(fcntl(duplicate.rawValue, F_GETFD) & FD_CLOEXEC == FD_CLOEXEC)
    }

    @Test("a released descriptor stays open")
    func release() throws {
        let number = try FileDescriptor.open("/dev/null").release()
        let again = FileDescriptor(owning: number)
        #expect(try again.status().mode & S_IFMT == S_IFCHR)
    }

    @Test("a failing call says what was tried and why")
    func failure() {
        #expect(throws: SystemError(operation: "open /nonexistent", code: ENOENT)) {
            _ = try FileDescriptor.open("/nonexistent").rawValue
        }
        #expect(SystemError(operation: "open /x", code: ENOENT).description == "open /x: No such file or directory")
    }

    @Test("reading stops at the limit, however long the file is")
    func limit() throws {
        let zero = try FileDescriptor.open("/dev/zero")
        #expect(try zero.readToEnd(limit: 5000, hint: 1000).count == 5000)
    }

    @Test("what a file or a link said takes as much memory as it is long, not as much as it might have been")
    func exactMemory() throws {
        let process = try FileDescriptor.openDirectory("/proc/self")
        for said in [try process.open(at: "comm").readToEnd(limit: 4096), try process.readLink(at: "exe")] {
            // malloc(3) rounds up.
            #expect(!said.isEmpty && said.capacity < said.count + 32)
        }
    }

    @Test("an eventfd wakes epoll from another thread")
    func wake() throws {
        let epoll = try Epoll()
        let event = try EventFD()
        try epoll.add(event.descriptor, token: 7)
        #expect(try epoll.wait(timeoutMSec: 0).isEmpty)
        let shared = SharedEvent(event: event)
        let thread = try BlockingThread(name: "test") { shared.event.signal() }
        let ready = try epoll.wait(timeoutMSec: 10_000)
        #expect(ready.map(\.token) == [7])
        shared.event.reset()
        #expect(try epoll.wait(timeoutMSec: 0).isEmpty)
        thread.join()
    }

    @Test("a timer counts the expirations that nobody looked at")
    func timer() throws {
        let timer = try TimerFD()
        let epoll = try Epoll()
        try epoll.add(timer.descriptor, token: 1)
        #expect(try timer.takeExpirations() == 0)
        try timer.start(afterNSec: 1_000_000, everyNSec: 1_000_000)
        var expirations: UInt64 = 0
        while expirations < 3 {
            #expect(try epoll.wait(timeoutMSec: 10_000).count == 1)
            expirations += try timer.takeExpirations()
        }
        try timer.disarm()
    }

    @Test("a pidfd knows whether its process runs, has ended, or is gone")
    func pidfd() throws {
        let own = try PidFD(pid: getpid())
        #expect(own.ownsNumber && !own.hasEnded)
        let child = try spawn(["/bin/true"])
        let held = try PidFD(pid: child)
        let epoll = try Epoll()
        try epoll.add(held.descriptor, token: 1)
        #expect(try epoll.wait(timeoutMSec: 10_000).count == 1)
        #expect(held.hasEnded && held.ownsNumber)
        waitpid(child, nil, 0)
        #expect(held.hasEnded && !held.ownsNumber)
    }

    @Test("a thread runs its body with its name and is joined")
    func thread() throws {
        let seen = Mutex("")
        let thread = try BlockingThread(name: "tocsin-much-too-long") {
            let comm = try? FileDescriptor.open("/proc/thread-self/comm").readToEnd(limit: 64)
            seen.withLock { $0 = String(decoding: comm ?? [], as: UTF8.self) }
        }
        thread.join()
        #expect(seen.withLock { $0 } == "tocsin-much-too\n")
    }

    @Test("a sealed memory file keeps its size and is shared by its mappings")
    func memory() throws {
        let file = try MemoryFile(name: "test", byteCount: 8192)
        let writer = try file.map(byteCount: 8192, writable: true)
        try file.add([.shrink, .grow, .futureWrite])
        #expect(try file.seals().isSuperset(of: [.shrink, .grow, .futureWrite]))
        #expect(throws: SystemError(operation: "mmap", code: EPERM)) {
            _ = try file.map(byteCount: 8192, writable: true).bytes.count
        }
        let adopted = MemoryFile(adopting: try file.descriptor.duplicate())
        let reader = try adopted.map(byteCount: try adopted.byteCount(), writable: false)
        writer.bytes[5000] = 99
        #expect(reader.bytes[5000] == 99)
        #expect(ftruncate(file.descriptor.rawValue, 0) == -1)
    }
}

private final class SharedEvent: Sendable {
    let event: EventFD
    init(event: consuming EventFD) { self.event = event }
}

private func spawn(_ arguments: [String]) throws -> pid_t {
    var pid = pid_t()
    let pointers = arguments.map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    let code = posix_spawn(&pid, arguments[0], nil, nil, pointers, nil)
    if code != 0 { throw SystemError(operation: "posix_spawn \(arguments[0])", code: code) }
    return pid
}
