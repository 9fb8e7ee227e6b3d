import TocsinEvents
import TocsinSensors

/// Tells of each process who started it: from what the probes told, else from /proc.
///
/// The table is right only while a source tells it of every fork and every end. Without one, numbers would be given
/// away behind its back, so /proc is asked anew each time.
struct Ancestry: ~Copyable {
    private var table = ProcessTable()
    private var proc: ProcAncestry
    private var followsForks = false

    init(reader: ProcessReader) { proc = ProcAncestry(reader: reader) }

    /// The source has begun to record, and none of its records has come yet: whoever is in /proc now and in no record
    /// was there before.
    mutating func begin(_ source: SourceName) {
        guard source == .ebpf else { return }
        followsForks = true
        table.seed(proc.everyone())
    }

    mutating func end(_ source: SourceName) {
        guard source == .ebpf else { return }
        followsForks = false
        table = ProcessTable()
    }

    mutating func observe(_ type: EventType, _ process: borrowing Process) -> ProcessTable.Observation {
        followsForks ? table.observe(type, process) : .news(running: nil)
    }

    /// Of the process that did it; nil where that is not known.
    mutating func lineage(of event: borrowing Event) -> Lineage? {
        guard let process = event.process else { return nil }
        let known = followsForks ? table.lineage(of: process) : .unknown
        // The record of the parent's fork may have been lost.
        return known.ancestors.isEmpty ? proc.lineage(of: process) : known
    }
}
