/// What filters look at, beside the paths. Trivial to copy: it is kept in the event log with each event, so a filter
/// is evaluated without looking at JSON.
package struct EventFacts: Hashable, Sendable {
    /// `EventType.code`; `unknownType` for a type this version does not know.
    package var typeCode: UInt8
    /// `Severity.rawValue` of the gravest detection, 0 without detections.
    package var severity: UInt8
    /// Real user id of the process; nil where it is unknown.
    package var uid: UInt32?
    package var realtimeUSec: UInt64
    package var monotonicUSec: UInt64

    package static let unknownType: UInt8 = 255

    package init(typeCode: UInt8, severity: UInt8, uid: UInt32?, realtimeUSec: UInt64, monotonicUSec: UInt64) {
        self.typeCode = typeCode
        self.severity = severity
        self.uid = uid
        self.realtimeUSec = realtimeUSec
        self.monotonicUSec = monotonicUSec
    }

    package init(_ event: borrowing Event) {
        var severity: UInt8 = 0
        for detection in event.detections { severity = max(severity, detection.severity.rawValue) }
        self.init(
            typeCode: event.type.code ?? Self.unknownType, severity: severity, uid: event.process?.uid,
            realtimeUSec: event.realtimeUSec, monotonicUSec: event.monotonicUSec)
    }
}
