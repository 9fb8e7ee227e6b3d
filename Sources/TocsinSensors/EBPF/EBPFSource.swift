import Glibc
import Synchronization
import TocsinDoctor
import TocsinEvents
import TocsinLinux

/// Process starts, forks and ends, from probes in the kernel.
///
/// Owns the probes from `open` to `close`. The ring is read by the receiver, through mappings of its own; other threads
/// see counters only.
package final class EBPFSource: Source {
    package let name = SourceName.ebpf

    private let ringSize: Int
    private let windowSize: Int
    private let urgent: UrgentTypes?
    private let store: (any DescriptorKeeping)?
    private let resumed = Atomic(false)
    private let stopSignal = StopSignal()
    private let counters = SourceCounters()
    private let armed = Mutex<Armed?>(nil)

    /// What exists between `open` and `close`.
    private final class Armed: Sendable {
        let probes: Probes
        let counters: ProbeCounters
        /// nil where they cannot be known.
        private let skips: SkippedRuns?

        init(_ probes: consuming Probes) throws(SystemError) {
            counters = try ProbeCounters(mapping: probes.counters)
            skips = try? SkippedRuns(of: probes)
            self.probes = probes
        }

        var skippedRuns: UInt64? {
            switch skips {
            case .some(let skips): skips.count
            case .none: nil
            }
        }
    }

    /// `ringSize` in bytes: an execution takes a kilobyte, more where its arguments are long; a fork and an exit take
    /// a tenth of that. `windowSize`, in bytes, of it are mapped at a time. Records of `urgent` types are told at once,
    /// others with those; nil is for all types.
    ///
    /// Where descriptors are kept, the probes go on recording when this process is gone, and the next one reads what it
    /// missed.
    package init(
        ringSize: Int = 16 << 20, windowSize: Int = RingBuffer.windowSize,
        urgent: UrgentTypes? = nil, store: (any DescriptorKeeping)? = nil
    ) {
        self.urgent = urgent
        self.ringSize = ringSize
        self.windowSize = windowSize
        self.store = store
    }

    package var limitation: String {
        let isNested = armed.withLock { $0?.probes.scope.pidNamespace != nil }
        return (isNested ? "Sees its own pid namespace only, and there misses nothing" : "Misses nothing")
            + "; what its queue has no room for is counted, and delivered as a gap."
    }

    package var isResumed: Bool { resumed.load(ordering: .relaxed) }

    package func open() throws(SourceError) {
        let facts = EBPFFacts.current()
        if let reason = EBPFDiagnosis(facts: facts).namespaceObstacle {
            throw SourceError(source: .ebpf, operation: "open", reason: reason)
        }
        let scope = Probes.Scope(pidNamespace: facts.nestedPidNamespace.map(UInt32.init))
        if let store, let kept = Probes.kept(in: store, ringSize: ringSize, scope: scope) {
            try resume(kept)
        } else {
            try arm(try Probes(ringSize: ringSize, scope: scope))
        }
    }

    package func keep() {
        guard let store, !isResumed, let armed = armed.withLock({ $0 }) else { return }
        armed.probes.keep(in: store)
    }

    /// Instead of `open`: takes up what an earlier reader left running.
    package func resume(_ probes: consuming Probes) throws(SourceError) {
        try arm(probes)
        resumed.store(true, ordering: .relaxed)
    }

    private func arm(_ probes: consuming Probes) throws(SourceError) {
        do throws(SystemError) {
            let new = try Armed(probes)
            try stopSignal.open()
            armed.withLock { $0 = new }
        } catch { throw SourceError(.ebpf, error) }
    }

    package func stop() { stopSignal.request() }

    package func close() {
        stopSignal.close()
        armed.withLock { $0 = nil }
    }

    package var statistics: SourceStatistics {
        var statistics = counters.statistics
        if let armed = armed.withLock({ $0 }) {
            statistics.records = armed.counters.records
            statistics.undecodable = armed.counters.undecodable
            statistics.shortened = armed.counters.shortened
            statistics.skipped = armed.skippedRuns
        }
        return statistics
    }

    package func run(_ receiver: any RecordReceiver) throws(SourceError) {
        guard let armed = armed.withLock({ $0 }) else { return }
        do throws(SystemError) { try feed(receiver, from: armed) } catch { throw SourceError(.ebpf, error) }
    }

    /// What is in the ring stays there until the receiver has logged it, so that a daemon that dies before has left it
    /// to the next.
    private func feed(_ receiver: any RecordReceiver, from armed: Armed) throws(SystemError) {
        guard let boot = BootID(try Proc.bootID()) else { throw SystemError(operation: "parse boot_id", code: EBADMSG) }
        let reader = RingReader(
            ring: try RingBuffer(
                mapping: armed.probes.ring, capacity: armed.probes.ringSize, windowSize: windowSize),
            counters: try ProbeCounters(mapping: armed.probes.counters), boot: boot,
            skippedRuns: { armed.skippedRuns ?? 0 })
        let urgent = if let urgent { urgent } else { try UrgentTypes([.exec, .fork, .exit]) }
        let queue = RingQueue(reader, counters: counters, urgent: urgent) { [stopSignal] in stopSignal.request() }
        let epoll = try Epoll()
        try stopSignal.add(to: epoll, token: 0)
        try urgent.add(to: epoll, token: 1)
        if let doorbell = Self.doorbell(for: armed.probes.ring, heardBy: receiver, queue) {
            queue.ring(doorbell)
        } else {
            // Then this thread sleeps on the ring.
            try epoll.add(armed.probes.ring, token: 2, for: [.readable, .edgeTriggered])
        }
        let waiting = Result { () throws(SystemError) in
            receiver.empty(queue)
            while !stopSignal.isRequested {
                _ = try epoll.wait()
                receiver.empty(queue)
            }
        }
        // However that ended: the receiver lets go of the bell, and a look that is still on its way finds nothing.
        queue.close()
        receiver.finish(queue)
        try waiting.get()
        if let failure = queue.failure { throw failure }
    }

    /// nil where the kernel or the receiver does without.
    private static func doorbell(
        for ring: borrowing FileDescriptor, heardBy receiver: any RecordReceiver, _ queue: RingQueue
    ) -> Doorbell? {
        do {
            let doorbell = try Doorbell(for: ring)
            let bell = try doorbell.duplicateDescriptor()
            guard receiver.listen(to: bell.release(), of: queue) else { return nil }
            return doorbell
        } catch { return nil }
    }
}
