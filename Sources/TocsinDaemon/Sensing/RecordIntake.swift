import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import TocsinSensors

/// The way of one source's records from its thread to the event loop, which alone logs them.
///
/// A batch in memory of this process is handed over while its source waits: so the kernel's queue fills and counts what
/// it drops, instead of this memory. A queue that outlives this process is read by the loop itself, batch by batch, and
/// gives up a record only when it is in the log.
final class RecordIntake: RecordReceiver {
    private let eventLoop: any EventLoop
    private let progress: IntakeProgress
    private let log: Log
    /// A look at the queue is on its way; more of them would find what that one finds.
    private let isDue = Atomic(false)
    /// One is scheduled.
    private let isPatient = Atomic(false)
    /// Batches in a row that were followed by more.
    private let batches = Atomic(0)
    /// Of the queue's bell.
    private let channel = Mutex<(any Channel)?>(nil)
    /// The queue, where nothing was left in it but what is still being written: its source sleeps until something comes
    /// that somebody waits for.
    private let resting: NIOLoopBoundBox<(any RecordQueue)?>

    private static let batchesInARow = 8
    private static let breath = TimeAmount.microseconds(100)

    /// Some ten thousands of records: as many forks and ends as wait for nobody in a ring of the usual size.
    private static let batchesToCatchUp = 128

    /// At a record that is being written: it takes a microsecond, unless whoever writes it is not running.
    private static let looksAtUnfinished = 8

    /// When to look at a queue in which a record was being written, if nothing is heard of it.
    private static let patience = TimeAmount.milliseconds(10)

    /// Logs what the closure hands out, on the loop.
    typealias Log = @Sendable (_ read: ((consuming SensorRecord) -> Void) -> Void) -> Void

    init(on eventLoop: any EventLoop, progress: IntakeProgress, log: @escaping Log) {
        self.eventLoop = eventLoop
        self.progress = progress
        self.log = log
        resting = .makeEmptyBox(eventLoop: eventLoop)
    }

    func take(_ records: [SensorRecord]) {
        progress.handed()
        eventLoop.performAndWait {
            self.log { take in for record in records { take(record) } }
            self.progress.taken()
        }
    }

    func listen(to bell: Int32, of queue: any RecordQueue) -> Bool {
        let bootstrap = NIOPipeBootstrap(group: eventLoop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(BellHandler { self.look(at: queue) })
            }
        }
        // Where this fails for an eventfd, NIO has closed it.
        guard let channel = try? bootstrap.takingOwnershipOfDescriptor(input: bell).wait() else { return false }
        self.channel.withLock { $0 = channel }
        return true
    }

    func empty(_ queue: any RecordQueue) {
        guard !isDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
        progress.handed()
        eventLoop.execute {
            // Before the look: what comes after it is announced again.
            self.isDue.store(false, ordering: .sequentiallyConsistent)
            self.look(at: queue)
            self.progress.taken()
        }
    }

    private func look(at queue: any RecordQueue) {
        resting.value = nil
        follow(takeBatch(of: queue), queue)
    }

    private func follow(_ rest: QueueRest, _ queue: any RecordQueue) {
        // What follows then has the loop look at its sockets first.
        if rest != .more { batches.store(0, ordering: .relaxed) }
        switch rest {
        case .nothing: resting.value = queue
        case .more: goOn(with: queue)
        case .unfinished:
            resting.value = queue
            lookLater(at: queue)
        }
    }

    /// Logs what has come to the queue and nobody was woken for; and what a probe is writing at the moment, because what has
    /// happened since lies behind it. Nothing where more than that is there: then what there is comes in its turn. On the
    /// loop.
    func catchUp() {
        guard let queue = resting.value else { return }
        resting.value = nil
        var rest = QueueRest.more
        var looks = 0
        for _ in 0..<Self.batchesToCatchUp
        where rest == .more || rest == .unfinished && looks < Self.looksAtUnfinished {
            rest = takeBatch(of: queue)
            if rest == .unfinished { looks += 1 }
        }
        follow(rest, queue)
    }

    /// The loop looks at its sockets only when no task is left. So after some batches, and after what they have caused,
    /// it has none for a moment: else a storm could keep subscribers from being heard and written to.
    private func goOn(with queue: any RecordQueue) {
        guard batches.add(1, ordering: .relaxed).newValue % Self.batchesInARow == 0 else { return empty(queue) }
        eventLoop.execute {
            self.eventLoop.scheduleTask(in: Self.breath) { self.empty(queue) }
        }
    }

    private func lookLater(at queue: any RecordQueue) {
        guard !isPatient.exchange(true, ordering: .relaxed) else { return }
        eventLoop.scheduleTask(in: Self.patience) {
            self.isPatient.store(false, ordering: .relaxed)
            self.empty(queue)
        }
    }

    func finish(_ queue: any RecordQueue) {
        if let channel = channel.withLock({ $0.take() }) { try? channel.close().wait() }
        // From here, batch by batch, so that the loop has its turns.
        let rest = Mutex(QueueRest.more)
        while rest.withLock({ $0 }) == .more {
            progress.handed()
            eventLoop.performAndWait {
                self.resting.value = nil
                let left = self.takeBatch(of: queue)
                rest.withLock { $0 = left }
                self.progress.taken()
            }
        }
    }

    private func takeBatch(of queue: any RecordQueue) -> QueueRest {
        log(queue.read)
        return queue.release()
    }
}

/// Calls for each time that a bell has rung.
private final class BellHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let rang: () -> Void

    init(_ rang: @escaping () -> Void) { self.rang = rang }

    /// How often it rang before it was heard says nothing.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelReadComplete(context: ChannelHandlerContext) { rang() }
}

/// How far the loop is behind the sources; for the watchdog. Counted by their threads and the loop, read by the loop.
final class IntakeProgress: Sendable {
    private let handedOver = Atomic<UInt64>(0)
    private let takenOver = Atomic<UInt64>(0)

    func handed() { handedOver.wrappingAdd(1, ordering: .relaxed) }
    func taken() { takenOver.wrappingAdd(1, ordering: .relaxed) }

    var completed: UInt64 { takenOver.load(ordering: .relaxed) }
    var hasWork: Bool { handedOver.load(ordering: .relaxed) > completed }
}

extension EventLoop {
    /// Runs on the loop while the calling thread, which must be another, waits.
    func performAndWait(_ work: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        execute {
            work()
            done.signal()
        }
        done.wait()
    }
}
