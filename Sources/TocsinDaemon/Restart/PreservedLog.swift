import TocsinDelivery
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// The event log in memory that outlives the daemon, where a service manager keeps it.
struct PreservedLog: ~Copyable {
    let log: EventLog
    let beginning: Beginning

    enum Beginning: Equatable {
        /// Nobody left a log.
        case new
        /// Numbers and cursors go on.
        case resumed
        /// There was a log, and it cannot be used.
        case anew(reason: String)
    }

    /// The layout of the memory has a version of its own, in its header, so that a log of another can be told of.
    static let name = "log"

    /// Takes up the log that an earlier daemon left, or begins one and has it kept.
    ///
    /// - Parameter logBytes: for records and what many of them have in common.
    init(logBytes: Int, boot: BootID, store: any DescriptorKeeping) throws {
        let byteCount = EventLog.overheadBytes + logBytes
        var refusal: String?
        if let kept = store.takeKept(Self.name) {
            do {
                log = try EventLog(resuming: try Self.map(MemoryFile(adopting: kept), byteCount), boot: boot)
                beginning = .resumed
                return
            } catch {
                refusal = "\(error)"
            }
        }
        let file = try MemoryFile(name: "tocsin-log", byteCount: byteCount)
        // Whoever else gets hold of it cannot make an access here fault.
        try file.add([.shrink, .grow, .seal])
        log = try EventLog(
            memory: try Self.map(file, byteCount), instance: .random(in: .min ... .max), boot: boot)
        store.keep(file.descriptor, as: Self.name)
        beginning = refusal.map { .anew(reason: $0) } ?? .new
    }

    /// The mapping does not need the descriptor any more, which the store has.
    private static func map(_ file: borrowing MemoryFile, _ byteCount: Int) throws -> EventLogMemory {
        guard try file.seals().isSuperset(of: [.shrink, .grow]) else {
            throw StartError("the memory of the event log is not sealed")
        }
        let size = try file.byteCount()
        guard size == byteCount else {
            throw StartError("its memory has \(size) bytes, and the configuration wants \(byteCount)")
        }
        let mapped = Mapped(try file.map(byteCount: byteCount, writable: true))
        guard let base = mapped.mapping.bytes.baseAddress else { throw StartError("an event log of no bytes") }
        return EventLogMemory(adopting: base, byteCount: byteCount) { _, _ in withExtendedLifetime(mapped) {} }
    }

    /// The mapping, for a closure to hold: it goes with the log.
    private final class Mapped: Sendable {
        let mapping: MemoryMapping
        init(_ mapping: consuming MemoryMapping) { self.mapping = mapping }
    }
}
