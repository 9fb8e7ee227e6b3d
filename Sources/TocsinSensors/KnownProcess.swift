import TocsinEvents

/// What is remembered of a process for its descendants and for its end, in little memory: there may be thousands.
struct KnownProcess: ~Copyable {
    let key: ProcessKey
    private let entityID: String
    private let startTimeNSec: UInt64
    private let parentPid: Int32?
    private let uid: UInt32?
    private let effectiveUid: UInt32?
    private let comm: ByteString?
    private let unit: String?
    private let container: String?
    let running: KnownProgram

    init(_ process: borrowing Process, running: consuming KnownProgram) {
        self.running = running
        key = process.key
        entityID = process.entityID
        startTimeNSec = process.startTimeNSec
        parentPid = process.parentPid
        uid = process.uid
        effectiveUid = process.effectiveUid
        comm = process.comm
        unit = process.unit
        container = process.container
    }

    /// Bytes that it takes, with its places in a table, but without what it runs; measured, about.
    var byteCount: Int {
        220 + (comm?.allocatedBytes ?? 0) + (unit?.allocatedBytes ?? 0) + (container?.allocatedBytes ?? 0)
    }

    /// With what an ancestor is told of.
    var process: Process {
        var process = Process.Members(entityID: entityID, pid: key.pid, startTimeNSec: startTimeNSec)
        process.parentPid = parentPid
        process.uid = uid
        process.effectiveUid = effectiveUid
        process.comm = comm
        process.controlGroup = Process.ControlGroup(unit: unit, container: container)
        process.sharedProgram = running.program
        return Process(process)
    }
}
