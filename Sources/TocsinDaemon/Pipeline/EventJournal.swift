import Logging
import TocsinEvents
import TocsinRules
import TocsinSystemd

/// Which events become journal entries. The entries are written on the journal's own thread; here they are only made.
struct EventJournal: ~Copyable {
    private let writer: JournalWriter
    private let logger: Logger
    private var policy: Configuration.JournalPolicy
    private var interval: Duration
    private var repeats: RepeatSuppression
    private var heldBackBefore: UInt64 = 0

    init(writer: JournalWriter, logger: Logger, _ configuration: Configuration) {
        self.writer = writer
        self.logger = logger
        policy = configuration.journalEvents
        interval = configuration.repeatInterval
        repeats = RepeatSuppression(interval)
    }

    mutating func reconfigure(_ configuration: Configuration) {
        policy = configuration.journalEvents
        guard configuration.repeatInterval != interval else { return }
        tell(repeats.endAll())
        heldBackBefore += repeats.heldBack
        interval = configuration.repeatInterval
        repeats = RepeatSuppression(interval)
    }

    mutating func take(_ event: Event) {
        if policy != .none, !event.detections.isEmpty {
            // A window in which nothing was held back ends without anything to tell, and so unnoticed until now.
            advance(to: event.monotonicUSec)
            let tree = ProcessTree(of: event)
            for detection in event.detections
            where repeats.admits(detection, of: tree, at: event.monotonicUSec) {
                writer.submit(JournalEntry(event, detection))
            }
        }
        if event.type == .gap || policy == .all { writer.submit(JournalEntry(event)) }
    }

    // MARK: Repeats

    /// Detections that were not written because they repeat one that was.
    var heldBack: UInt64 { heldBackBefore + repeats.heldBack }

    /// When `advance` has something to tell.
    var dueUSec: UInt64? { repeats.summaryDueUSec }

    mutating func advance(to monotonicUSec: UInt64) { tell(repeats.endWindows(at: monotonicUSec)) }

    private func tell(_ summaries: [RepeatSuppression.Summary]) {
        for summary in summaries {
            logger.log(
                level: .notice, .detectionsRepeated, "Rule matched again",
                metadata: [
                    "ruleID": "\(summary.detection.ruleID)", "title": "\(summary.detection.title)",
                    "count": "\(summary.count)",
                ])
        }
    }
}

extension RepeatSuppression {
    fileprivate init(_ interval: Duration) { self.init(intervalUSec: UInt64(interval / .microseconds(1))) }
}
