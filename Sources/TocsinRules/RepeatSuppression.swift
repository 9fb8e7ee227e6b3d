package import TocsinEvents

/// Decides which detections are written to the journal: the first of a rule in a process tree, then none until the
/// interval is over. Pure: the caller brings the time, and asks for what was held back.
///
/// Bounded: a rule has windows for a few trees, all tables together for some thousand; the trees beyond share one
/// window of their rule. So whoever makes new trees writes no more lines than whoever stays in one.
package struct RepeatSuppression {
    /// Windows of one rule.
    package static let treesPerRule = 32
    /// Windows of all rules, beside the shared ones.
    package static let windowLimit = 4096

    /// What was held back in one window.
    package struct Summary: Hashable {
        package let detection: Detection
        package let count: UInt64
    }

    private struct Key: Hashable {
        var ruleID: String
        /// nil for all trees that have no window of their own.
        var tree: ProcessTree?
    }

    private struct Window {
        var detection: Detection
        var endUSec: UInt64
        var heldBack: UInt64 = 0
    }

    private let intervalUSec: UInt64
    private var windows: [Key: Window] = [:]
    /// Every window's key in the order of their ends, which is that of their beginnings.
    private var order: [Key] = []
    private var ended = 0
    private var windowsOfRule: [String: Int] = [:]
    private var windowsWithSummary = 0

    /// Detections held back since the start.
    package private(set) var heldBack: UInt64 = 0

    /// - Parameter intervalUSec: 0 writes every detection.
    package init(intervalUSec: UInt64) { self.intervalUSec = intervalUSec }

    /// Whether the detection is to be written. What is over is to be taken by `endWindows` before.
    package mutating func admits(_ detection: Detection, of tree: ProcessTree, at nowUSec: UInt64) -> Bool {
        guard intervalUSec > 0 else { return true }
        var key = Key(ruleID: detection.ruleID, tree: tree)
        if windows[key] == nil, hasNoRoom(for: detection.ruleID) { key.tree = nil }
        if let window = windows[key] {
            if window.heldBack == 0 { windowsWithSummary += 1 }
            windows[key]?.heldBack += 1
            heldBack += 1
            return false
        }
        windows[key] = Window(detection: detection, endUSec: nowUSec + intervalUSec)
        order.append(key)
        windowsOfRule[detection.ruleID, default: 0] += 1
        return true
    }

    private func hasNoRoom(for ruleID: String) -> Bool {
        windows.count >= Self.windowLimit || windowsOfRule[ruleID, default: 0] >= Self.treesPerRule
    }

    /// When something was held back and its window ends at this time or later; nil where nothing is to be told.
    package var summaryDueUSec: UInt64? {
        guard windowsWithSummary > 0, ended < order.count else { return nil }
        return windows[order[ended]]?.endUSec
    }

    /// Ends the windows whose time is over and tells what each held back.
    package mutating func endWindows(at nowUSec: UInt64) -> [Summary] {
        var summaries: [Summary] = []
        while ended < order.count, let window = windows[order[ended]], window.endUSec <= nowUSec {
            end(order[ended], window, &summaries)
            ended += 1
        }
        if ended > order.count / 2 {
            order.removeFirst(ended)
            ended = 0
        }
        return summaries
    }

    /// Ends all, for another interval.
    package mutating func endAll() -> [Summary] { endWindows(at: .max) }

    private mutating func end(_ key: Key, _ window: Window, _ summaries: inout [Summary]) {
        windows[key] = nil
        if let count = windowsOfRule[key.ruleID] { windowsOfRule[key.ruleID] = count > 1 ? count - 1 : nil }
        guard window.heldBack > 0 else { return }
        windowsWithSummary -= 1
        summaries.append(Summary(detection: window.detection, count: window.heldBack))
    }
}

/// What a process belongs to: a login with all that came of it, else the oldest forebear below the first process.
package enum ProcessTree: Hashable, Sendable {
    /// Number of the audit subsystem.
    case session(UInt32)
    case root(entityID: String)
    /// Only its parent is known.
    case parent(Int32)
    case unknown

    package init(of event: Event) {
        guard let process = event.process else {
            self = .unknown
            return
        }
        if let session = process.auditSession {
            self = .session(session)
        } else if let root = event.ancestors.last(where: { $0.pid > 1 }) {
            self = .root(entityID: root.entityID)
        } else if let parent = process.parentPid, parent > 1 {
            self = .parent(parent)
        } else {
            self = .root(entityID: process.entityID)
        }
    }
}
