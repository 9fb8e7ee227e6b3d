internal import TocsinEvents

/// The line that people read: what happened, by whom, in the order of importance, because lists cut at the right.
struct EventMessage {
    private(set) var bytes: [UInt8] = []

    init(_ event: Event) {
        switch event.type {
        case .exec, .fork, .exit: process(event.type, event.process)
        case .create, .modify, .delete, .rename, .attribute: file(event)
        case .gap: gap(event.gap)
        case .heartbeat: text("heartbeat \(event.sequence)")
        case .detection: text("several events together")
        case .unknown(let name): bytes.appendPrintable(name.utf8, limit: 64)
        }
    }

    /// `high: Reverse shell: exec 4711 …`
    init(_ event: Event, _ detection: Detection) {
        text(detection.severity.name + ": ")
        bytes.appendPrintable(detection.title.utf8, limit: 256)
        text(": ")
        bytes += EventMessage(event).bytes
    }

    /// `exec 4711 (uid 1000): /usr/bin/curl -s "two words"`
    private mutating func process(_ type: EventType, _ process: Process?) {
        text(type.rawValue)
        guard let process else { return }
        text(" \(process.pid)")
        if let uid = process.uid { text(" (uid \(uid))") }
        text(": ")
        program(process)
        if let code = process.exitCode { text(", status \(code)") }
        if let signal = process.exitSignal { text(", signal \(signal)") }
    }

    /// The executable in the place of the first argument, which the process chose and which may lie.
    private mutating func program(_ process: Process) {
        if let executable = process.executable ?? process.filename ?? process.comm {
            bytes.appendQuoted(executable.bytes, limit: Self.longestPath)
        } else {
            text("unknown program")
        }
        guard let rest = process.arguments?.dropFirst(), !rest.isEmpty else { return }
        text(" ")
        bytes.appendCommandLine(rest, limit: Self.longestPath)
        if process.argumentsTruncated { text("…") }
    }

    /// `rename "/etc/a b" to /etc/c by 4711 (uid 0): /usr/bin/mv …`
    private mutating func file(_ event: Event) {
        text(event.type.rawValue)
        text(" ")
        if let old = event.file?.oldPath {
            bytes.appendQuoted(old.bytes, limit: Self.longestPath)
            text(" to ")
        }
        if let path = event.file?.path {
            bytes.appendQuoted(path.bytes, limit: Self.longestPath)
        } else {
            text("unknown file")
        }
        guard let process = event.process else { return }
        text(" by \(process.pid)")
        if let uid = process.uid { text(" (uid \(uid))") }
        text(": ")
        program(process)
    }

    /// `12 events lost: kernel, 4 to 15`
    private mutating func gap(_ gap: Gap?) {
        guard let gap else { return text("events lost") }
        text(gap.count.map { "\($0) events lost" } ?? "events lost, nobody knows how many")
        text(": \(gap.origin.rawValue)")
        if let first = gap.first, let last = gap.last { text(", \(first) to \(last)") }
    }

    private mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// In bytes: two of them and the rest stay below what terminals and mails bear.
    private static let longestPath = 768
}
