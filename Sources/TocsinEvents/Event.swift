/// One thing that happened, as every subscriber is told of it.
public struct Event: Hashable, Sendable {
    /// Assigned at detection, before any filter or queue; the first is 1.
    public var sequence: UInt64
    /// Where a reader that has seen this event resumes.
    public var cursor: Cursor
    public var type: EventType
    /// Wall clock, microseconds since 1970.
    public var realtimeUSec: UInt64
    /// `CLOCK_MONOTONIC`, microseconds.
    public var monotonicUSec: UInt64
    public var process: Process?
    /// Nearest first.
    public var ancestors: [Process] = []
    public var file: File?
    public var detections: [Detection] = []
    public var gap: Gap?
    /// Names of the members shortened to honour `maxBytes`; empty where the event is whole.
    public var truncated: [String] = []
    /// Encoded size of the whole event, where it was shortened.
    public var fullBytes: Int?

    /// What every event has.
    public init(sequence: UInt64, cursor: Cursor, type: EventType, realtimeUSec: UInt64, monotonicUSec: UInt64) {
        self.sequence = sequence
        self.cursor = cursor
        self.type = type
        self.realtimeUSec = realtimeUSec
        self.monotonicUSec = monotonicUSec
    }

    // Not the same with defaults: what is nil at first and then set makes the compiler copy the whole.
    public init(
        sequence: UInt64, cursor: Cursor, type: EventType, realtimeUSec: UInt64, monotonicUSec: UInt64,
        process: Process? = nil, file: File? = nil, gap: Gap? = nil
    ) {
        self.init(
            sequence: sequence, cursor: cursor, type: type, realtimeUSec: realtimeUSec, monotonicUSec: monotonicUSec)
        self.process = process
        self.file = file
        self.gap = gap
    }

    /// The path that filters look at: the file's, else the executable's.
    public var path: ByteString? { file?.path ?? process?.executable }

    /// The highest severity among the detections.
    public var severity: Severity? { detections.map(\.severity).max() }
}

/// What happened. The interface may grow, so a name this version does not know is kept as it is.
public enum EventType: Hashable, Sendable {
    case exec, fork, exit
    case create, modify, delete, rename, attribute
    case heartbeat, gap
    /// A rule about several events holds because time has passed: the event is its detection.
    case detection
    case unknown(String)
}

extension EventType: RawRepresentable {
    /// Every type this version knows, in the order of the interface; the position is the type's code.
    public static let known: [EventType] = [
        .exec, .fork, .exit, .create, .modify, .delete, .rename, .attribute, .heartbeat, .gap, .detection,
    ]

    public init(rawValue: String) {
        self = Self.known.first { $0.rawValue == rawValue } ?? .unknown(rawValue)
    }

    public var rawValue: String {
        switch self {
        case .exec: "exec"
        case .fork: "fork"
        case .exit: "exit"
        case .create: "create"
        case .modify: "modify"
        case .delete: "delete"
        case .rename: "rename"
        case .attribute: "attribute"
        case .heartbeat: "heartbeat"
        case .gap: "gap"
        case .detection: "detection"
        case .unknown(let name): name
        }
    }

    /// Position in `known`, for bit sets; nil for an unknown type.
    public var code: UInt8? {
        switch self {
        case .exec: 0
        case .fork: 1
        case .exit: 2
        case .create: 3
        case .modify: 4
        case .delete: 5
        case .rename: 6
        case .attribute: 7
        case .heartbeat: 8
        case .gap: 9
        case .detection: 10
        case .unknown: nil
        }
    }
}

// What raw values bring along would compare and hash the names.
extension EventType {
    public static func == (left: EventType, right: EventType) -> Bool {
        guard case .unknown(let name) = left, case .unknown(let other) = right else {
            return left.code != nil && left.code == right.code
        }
        return name == other
    }

    public func hash(into hasher: inout Hasher) {
        if let code { hasher.combine(code) } else { hasher.combine(rawValue) }
    }
}

/// A file event's file. `device` is `st_dev`, `inode` is `st_ino`.
public struct File: Hashable, Sendable {
    public var path: ByteString?
    /// Where a renamed file was before.
    public var oldPath: ByteString?
    public var device: UInt64?
    public var inode: UInt64?

    public init(path: ByteString? = nil, oldPath: ByteString? = nil, device: UInt64? = nil, inode: UInt64? = nil) {
        self.path = path
        self.oldPath = oldPath
        self.device = device
        self.inode = inode
    }
}

/// A rule that the event matched.
public struct Detection: Hashable, Sendable {
    public var ruleID: String
    public var title: String
    public var severity: Severity
    public var tags: [String]

    public init(ruleID: String, title: String, severity: Severity, tags: [String] = []) {
        self.ruleID = ruleID
        self.title = title
        self.severity = severity
        self.tags = tags
    }
}

/// Sigma's levels, in rising order.
public enum Severity: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    case informational = 1
    case low, medium, high, critical

    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }

    public var name: String {
        switch self {
        case .informational: "informational"
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .critical: "critical"
        }
    }

    public static func < (lhs: Severity, rhs: Severity) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Events that are missing. `first` and `last` are sequence numbers where the events had any; `count` is absent
/// where nobody can know it (a fanotify queue does not count what it drops).
public struct Gap: Hashable, Sendable {
    public var origin: Origin
    public var first: UInt64?
    public var last: UInt64?
    public var count: UInt64?

    public init(origin: Origin, first: UInt64? = nil, last: UInt64? = nil, count: UInt64? = nil) {
        self.origin = origin
        self.first = first
        self.last = last
        self.count = count
    }

    /// Where events were lost.
    public enum Origin: String, Hashable, Sendable, CaseIterable {
        case kernel, daemon, session, restart
    }
}
