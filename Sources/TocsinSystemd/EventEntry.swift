package import TocsinEvents

// What an event looks like in the journal. Pure: an event gives an entry.
//
// OBJECT_PID= makes journald add the unit, user and command line of the observed process as OBJECT_SYSTEMD_UNIT= and
// so on, as long as it is alive and the sender is root; `journalctl -u` and `systemctl status` look for that field. A
// process that lives for a millisecond is gone by then, so the unit that was read at detection is sent along.

extension JournalEntry {
    /// An event, whatever rules say of it.
    package init(_ event: Event) {
        self.init(Priority(event), MessageID(event.type))
        field("MESSAGE", printable: EventMessage(event).bytes)
        fields(of: event)
    }

    /// One detection of an event: an entry each, so that a rule's fields stand together.
    package init(_ event: Event, _ detection: Detection) {
        self.init(Priority(detection.severity), .detection)
        field("MESSAGE", printable: EventMessage(event, detection).bytes)
        field("TOCSIN_RULE_ID", detection.ruleID)
        field("TOCSIN_RULE_TITLE", detection.title)
        field("TOCSIN_SEVERITY", detection.severity.name)
        for tag in detection.tags.prefix(32) { field("TOCSIN_TAGS", tag) }
        fields(of: event)
    }

    private mutating func fields(of event: Event) {
        field("TOCSIN_TYPE", event.type.rawValue)
        field("TOCSIN_SEQUENCE", event.sequence)
        field("TOCSIN_CURSOR", event.cursor.description)
        field("TOCSIN_REALTIME_USEC", event.realtimeUSec)
        if let process = event.process { fields(of: process) }
        if let parent = event.ancestors.first {
            field("TOCSIN_PARENT_EXECUTABLE", parent.executable)
            field("TOCSIN_PARENT_ARGUMENTS", arguments: parent.arguments)
        }
        if let file = event.file {
            field("TOCSIN_FILE", file.path)
            field("TOCSIN_FILE_OLD", file.oldPath)
        }
        if let gap = event.gap {
            field("TOCSIN_GAP_ORIGIN", gap.origin.rawValue)
            field("TOCSIN_GAP_COUNT", gap.count)
            field("TOCSIN_GAP_FIRST", gap.first)
            field("TOCSIN_GAP_LAST", gap.last)
        }
    }

    private mutating func fields(of process: Process) {
        field("OBJECT_PID", process.pid)
        field("OBJECT_SYSTEMD_UNIT", process.unit)
        field("TOCSIN_ENTITY_ID", process.entityID)
        field("TOCSIN_PARENT_PID", process.parentPid)
        field("TOCSIN_UID", process.uid)
        field("TOCSIN_EFFECTIVE_UID", process.effectiveUid)
        field("TOCSIN_LOGIN_UID", process.loginUid)
        field("TOCSIN_COMM", process.comm)
        field("TOCSIN_EXECUTABLE", process.executable)
        field("TOCSIN_FILENAME", process.filename)
        field("TOCSIN_ARGUMENTS", arguments: process.arguments)
        field("TOCSIN_WORKING_DIRECTORY", process.workingDirectory)
        field("TOCSIN_CGROUP", process.cgroup)
        field("TOCSIN_CONTAINER", process.container)
        field("TOCSIN_EXIT_CODE", process.exitCode)
        field("TOCSIN_EXIT_SIGNAL", process.exitSignal)
    }

    private mutating func field(_ name: StaticString, arguments: Arguments?) {
        guard let arguments else { return }
        var line: [UInt8] = []
        line.appendCommandLine(arguments, limit: Self.maximumValue)
        field(name, printable: line)
    }
}

extension MessageID {
    /// nil for a type that this version does not know.
    init?(_ type: EventType) {
        switch type {
        case .exec: self = .processStarted
        case .fork: self = .processForked
        case .exit: self = .processEnded
        case .create, .modify, .delete, .rename, .attribute: self = .fileChanged
        case .heartbeat: self = .heartbeat
        case .gap: self = .gap
        case .detection: self = .detection
        case .unknown: return nil
        }
    }
}

extension Priority {
    init(_ event: Event) {
        switch event.type {
        case .gap: self = .warning
        case .heartbeat: self = .debug
        default: self = .info
        }
    }
}

extension [UInt8] {
    /// Arguments, each quoted where it has to be, with single spaces between them.
    mutating func appendCommandLine(_ arguments: some Sequence<ByteString>, limit: Int) {
        let start = count
        for (index, argument) in arguments.enumerated() {
            if index > 0 { append(UInt8(ascii: " ")) }
            let left = limit - (count - start)
            guard left > 0 else {
                append(contentsOf: "…".utf8)
                return
            }
            appendQuoted(argument.bytes, limit: left)
        }
    }
}
