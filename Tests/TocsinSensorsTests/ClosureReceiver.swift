import TocsinSensors

/// Takes records on the source's thread, from wherever they are. Sendable as the seam wants it; it never leaves that
/// thread.
private struct ClosureReceiver: RecordReceiver, @unchecked Sendable {
    let deliver: ([SensorRecord]) -> Void

    func take(_ records: [SensorRecord]) { deliver(records) }

    func empty(_ queue: any RecordQueue) {
        repeat {
            var records: [SensorRecord] = []
            queue.read { records.append($0) }
            if !records.isEmpty { deliver(records) }
        } while queue.release() == .more
    }

    func finish(_ queue: any RecordQueue) { empty(queue) }
}

extension Source {
    /// Runs with a receiver of one closure, which is called on this thread.
    func run(_ deliver: ([SensorRecord]) -> Void) throws {
        try withoutActuallyEscaping(deliver) { try run(ClosureReceiver(deliver: $0)) }
    }
}
