internal import Sigma
package import TocsinEvents

/// Judges one event after the other by the rules. Owns the memory that this takes, and what correlations remember.
package struct EventJudge: ~Copyable {
    private let loaded: LoadedRules
    private var detector: Detector
    private var fields: EventFields
    private var values: FieldValues
    private var matches: [Int] = []

    /// When a correlation is to be decided although nothing happens: microseconds of `CLOCK_MONOTONIC`. nil where none
    /// waits for its time.
    package private(set) var decisionDueUSec: UInt64?
    /// Detections beyond `detectionLimit`.
    package private(set) var detectionsLeftOut: UInt64 = 0

    /// The gravest detections of an event; an event is not to grow with the number of rules.
    package static let detectionLimit = 64

    package init(_ loaded: LoadedRules) {
        self.loaded = loaded
        detector = Detector(loaded.rules)
        fields = EventFields(loaded.rules, users: loaded.users)
        values = FieldValues(for: loaded.rules)
    }

    /// Adds the detections to an event. A decision that was due before is to be taken first.
    package mutating func judge(_ event: inout Event) {
        guard let stream = EventStream(event.type), !loaded.rules.rules.isEmpty else { return }
        fields.fill(&values, from: event)
        matches.removeAll(keepingCapacity: true)
        detector.detect(values, stream: stream.rawValue, at: event.monotonicUSec, into: &matches)
        decisionDueUSec = detector.correlations.nextDecision
        if !matches.isEmpty { event.detections = takeDetections() }
    }

    /// The correlations that hold because time has passed.
    package mutating func decide(at monotonicUSec: UInt64) -> [TocsinEvents.Detection] {
        matches.removeAll(keepingCapacity: true)
        detector.advance(to: monotonicUSec, into: &matches)
        decisionDueUSec = detector.correlations.nextDecision
        return takeDetections()
    }

    private mutating func takeDetections() -> [TocsinEvents.Detection] {
        var detections = matches.map { loaded.detections[$0] }
        if detections.count > Self.detectionLimit {
            detections.sort { $0.severity > $1.severity }
            detectionsLeftOut += UInt64(detections.count - Self.detectionLimit)
            detections.removeLast(detections.count - Self.detectionLimit)
        }
        return detections
    }

    // MARK: Status

    package var ruleCount: Int { loaded.rules.rules.count }
    package var refusedRules: Int { loaded.rules.refusals.count }
    /// Groups of correlations that were forgotten before their time because a bound was reached.
    package var evictedGroups: UInt64 { detector.correlations.evictedGroups }
}
