import Glibc
import Synchronization
import TestKit
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// Against the running kernel.
@Suite(.enabled(if: geteuid() == 0, "loading probes needs root"), .serialized)
struct RingBellTests {
    @Test("a receiver that listens to the bell hears of every execution, and nothing of the source's thread")
    func heard() throws {
        let source = EBPFSource(ringSize: 1 << 20)
        try source.open()
        let receiver = ListeningReceiver()
        let thread = try BlockingThread(name: "source") { try? source.run(receiver) }
        let (number, queue) = receiver.heard()
        let bell = FileDescriptor(owning: number)
        for number in 0..<200 {
            let child = try Child(["/bin/true", "\(number)"])
            var isTold = false
            while !isTold {
                let hasRung = try isReadable(bell)
                try #require(hasRung, "of execution \(number)")
                repeat {
                    queue.read { isTold = isTold || $0.exec?.arguments?.last == ByteString("\(number)") }
                } while queue.release() == .more
            }
            child.end()
        }
        #expect(receiver.calls.load(ordering: .relaxed) == 1, "for what was there before it listened")
        source.stop()
        thread.join()
        source.close()
        #expect(source.statistics.lost == 0)
    }

    private func isReadable(_ bell: borrowing FileDescriptor) throws -> Bool {
        var wanted = pollfd(fd: bell.rawValue, events: Int16(POLLIN), revents: 0)
        try syscall("poll") { poll(&wanted, 1, 10_000) }
        return try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { try bell.read(into: $0) } == 8
    }
}

private final class ListeningReceiver: RecordReceiver {
    private let heardOf = Mutex<(bell: Int32, queue: any RecordQueue)?>(nil)
    private let mayRead = Atomic(false)
    /// Of `empty`.
    let calls = Atomic(0)

    func listen(to bell: Int32, of queue: any RecordQueue) -> Bool {
        heardOf.withLock { $0 = (bell, queue) }
        return true
    }

    func empty(_ queue: any RecordQueue) {
        calls.add(1, ordering: .relaxed)
        while queue.release() == .more { queue.read { _ in } }
        mayRead.store(true, ordering: .releasing)
    }

    func take(_ records: [SensorRecord]) {}
    func finish(_ queue: any RecordQueue) {}

    /// Once there is something to hear; the descriptor is the caller's.
    func heard() -> (bell: Int32, queue: any RecordQueue) {
        while !mayRead.load(ordering: .acquiring) { usleep(1000) }
        return heardOf.withLock { $0! }
    }
}
