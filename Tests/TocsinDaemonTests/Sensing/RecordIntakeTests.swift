import Dispatch
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing
import TocsinLinux
import TocsinSensors

@testable import TocsinDaemon

@Suite struct RecordIntakeTests {
    /// There is always more, until somebody has had enough.
    private final class EndlessQueue: RecordQueue {
        let isEmpty = Atomic(false)
        let batches = Atomic(0)

        func read(_ take: (consuming SensorRecord) -> Void) {
            take(SensorRecord(realtimeUSec: 1, monotonicUSec: 1, body: .heartbeat))
        }

        func release() -> QueueRest {
            batches.add(1, ordering: .relaxed)
            return isEmpty.load(ordering: .relaxed) ? .nothing : .more
        }
    }

    @Test("a queue that never ends does not keep the loop from its sockets", .timeLimit(.minutes(1)))
    func fairness() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let server = try await ServerBootstrap(group: group)
            .bind(unixDomainSocketPath: "/tmp/intake-\(getpid()).sock", cleanupExistingSocketFile: true).get()
        let queue = EndlessQueue()
        // Whatever happens, it must not keep a processor busy for ever.
        defer { queue.isEmpty.store(true, ordering: .relaxed) }
        let taken = Atomic(0)
        let intake = RecordIntake(on: loop, progress: IntakeProgress()) { read in
            read { _ in taken.add(1, ordering: .relaxed) }
        }
        intake.empty(queue)
        // Accepted by the same loop, which has no time but what the queue leaves it.
        let other = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let accepted = loop.makePromise(of: Void.self)
        try await server.pipeline.addHandler(Announcing(accepted)).get()
        let client = try await ClientBootstrap(group: other)
            .connect(unixDomainSocketPath: "/tmp/intake-\(getpid()).sock").get()
        try await accepted.futureResult.get()
        #expect(taken.load(ordering: .relaxed) > 0)
        queue.isEmpty.store(true, ordering: .relaxed)
        try await client.close()
        try await server.close()
        try await other.shutdownGracefully()
        try await group.shutdownGracefully()
        unlink("/tmp/intake-\(getpid()).sock")
    }

    @Test("a bell that rings has the loop look, until finish")
    func listening() throws {
        final class CountedQueue: RecordQueue {
            let looks = Atomic(0)
            let looked = DispatchSemaphore(value: 0)
            func read(_ take: (consuming SensorRecord) -> Void) {}
            func release() -> QueueRest {
                looks.add(1, ordering: .relaxed)
                looked.signal()
                return .nothing
            }
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let queue = CountedQueue()
        let bell = try EventFD()
        let intake = RecordIntake(on: group.next(), progress: IntakeProgress()) { _ in }
        #expect(intake.listen(to: try bell.descriptor.duplicate().release(), of: queue))
        for _ in 0..<3 {
            bell.signal()
            try #require(queue.looked.wait(timeout: .now() + 30) == .success)
        }
        intake.finish(queue)
        bell.signal()
        try group.syncShutdownGracefully()
        #expect(queue.looks.load(ordering: .relaxed) == 4, "three rings and the end")
    }

    @Test("what came to a sleeping queue is logged when it is asked for, and nothing is asked of a queue that is awake")
    func catchUp() throws {
        final class Counted: RecordQueue {
            let left = Atomic(1)
            let reads = Atomic(0)
            func read(_ take: (consuming SensorRecord) -> Void) {
                reads.add(1, ordering: .relaxed)
                guard left.load(ordering: .relaxed) > 0 else { return }
                left.subtract(1, ordering: .relaxed)
                take(SensorRecord(realtimeUSec: 1, monotonicUSec: 1, body: .heartbeat))
            }
            func release() -> QueueRest { left.load(ordering: .relaxed) > 0 ? .more : .nothing }
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let taken = Atomic(0)
        let intake = RecordIntake(on: loop, progress: IntakeProgress()) { read in
            read { _ in taken.add(1, ordering: .relaxed) }
        }
        let queue = Counted()
        try loop.submit {
            intake.catchUp()
            #expect(queue.reads.load(ordering: .relaxed) == 0, "it has told of nothing yet")
        }.wait()
        intake.empty(queue)
        try loop.submit {
            #expect(taken.load(ordering: .relaxed) == 1)
            queue.left.store(3, ordering: .relaxed)
            intake.catchUp()
            #expect(taken.load(ordering: .relaxed) == 4)
        }.wait()
        try group.syncShutdownGracefully()
    }

    @Test("what is left at the end is taken before finish returns")
    func finish() throws {
        final class ThreeBatches: RecordQueue {
            let left = Atomic(3)
            func read(_ take: (consuming SensorRecord) -> Void) {
                take(SensorRecord(realtimeUSec: 1, monotonicUSec: 1, body: .heartbeat))
            }
            func release() -> QueueRest {
                left.subtract(1, ordering: .relaxed).newValue > 0 ? .more : .nothing
            }
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let taken = Atomic(0)
        let progress = IntakeProgress()
        let intake = RecordIntake(on: group.next(), progress: progress) { read in
            read { _ in taken.add(1, ordering: .relaxed) }
        }
        intake.finish(ThreeBatches())
        #expect(taken.load(ordering: .relaxed) == 3 && !progress.hasWork)
        try group.syncShutdownGracefully()
    }
}

/// Fulfils its promise when a connection was accepted.
private final class Announcing: ChannelInboundHandler, Sendable {
    typealias InboundIn = Channel
    private let accepted: EventLoopPromise<Void>

    init(_ accepted: EventLoopPromise<Void>) { self.accepted = accepted }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        accepted.succeed()
        context.fireChannelRead(data)
    }
}
