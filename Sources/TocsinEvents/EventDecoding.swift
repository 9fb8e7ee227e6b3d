public import JSON

// The way back from the JSON of `io.tocsin.Events` to an event. Members and event types of a newer interface are
// tolerated; a declared member of another type is an error that names it, if it is decoded.

/// How much of an event is decoded.
package enum EventExtent {
    case whole
    /// What a person is told in a line: the nearest ancestor only, and of a process nothing that tells it apart from
    /// others of its name and number (groups, effective ids, session, terminal, device and inode, directory, cgroup,
    /// namespaces).
    case summary
}

extension Event {
    /// Throws `MemberError` where a required member is missing or one has the wrong type.
    public init(json: JSONValue) throws(MemberError) { try self.init(members: MemberReader(json), .whole) }

    /// The same from what was written, without a tree of it.
    package init(json: JSONText, _ extent: EventExtent = .whole) throws(MemberError) {
        try self.init(members: MemberReader(json), extent)
    }

    private init(members: MemberReader, _ extent: EventExtent) throws(MemberError) {
        func process(_ members: MemberReader) throws(MemberError) -> Process { try Process(members: members, extent) }
        try self.init(required: members)
        self.process = try members.object("process", process)
        ancestors = try members.objects("ancestors", first: extent == .whole ? .max : 1, process) ?? []
        file = try members.object("file", File.init(members:))
        detections = try members.objects("detections", Detection.init(members:)) ?? []
        gap = try members.object("gap", Gap.init(members:))
        truncated = try members.strings("truncated") ?? []
        fullBytes = try members.integer("fullBytes")
    }

    /// The cursor of an event that is not decoded otherwise. Throws `MemberError` where a member that every event has
    /// is missing or has the wrong type.
    package static func cursor(of json: JSONText) throws(MemberError) -> Cursor {
        guard case .integer(0...)? = json.value(of: "sequence"), case .string(let text)? = json.value(of: "cursor"),
            let cursor = Cursor(text), case .string? = json.value(of: "type"),
            case .integer(0...)? = json.value(of: "realtimeUSec"),
            case .integer(0...)? = json.value(of: "monotonicUSec")
        else {
            // Says what is wrong.
            return try Event(required: MemberReader(json)).cursor
        }
        return cursor
    }

    /// What every event has.
    private init(required members: MemberReader) throws(MemberError) {
        self.init(
            sequence: try members.required(integer: "sequence"),
            cursor: try members.required(cursor: "cursor"),
            type: EventType(rawValue: try members.required(string: "type")),
            realtimeUSec: try members.required(integer: "realtimeUSec"),
            monotonicUSec: try members.required(integer: "monotonicUSec"))
    }
}

extension Process {
    fileprivate init(members: MemberReader, _ extent: EventExtent) throws(MemberError) {
        self.init(try Members(members: members, extent))
    }
}

extension Process.Members {
    fileprivate init(members: MemberReader, _ extent: EventExtent) throws(MemberError) {
        self.init(
            entityID: try members.required(string: "entityId"),
            pid: try members.required(integer: "pid"),
            startTimeNSec: try members.required(integer: "startTimeNSec"))
        parentPid = try members.integer("parentPid")
        uid = try members.integer("uid")
        comm = try members.text("comm", base64: "commBase64")
        program = try Process.Program(members: members, extent)
        controlGroup = try Process.ControlGroup(members: members, extent)
        gone = try members.boolean("gone") ?? false
        exitCode = try members.integer("exitCode")
        exitSignal = try members.integer("exitSignal")
        runTimeNSec = try members.integer("runTimeNSec")
        if extent == .whole { try readDetails(members) }
    }

    /// What a summary leaves out.
    private mutating func readDetails(_ members: MemberReader) throws(MemberError) {
        processGroup = try members.integer("processGroup")
        gid = try members.integer("gid")
        effectiveUid = try members.integer("effectiveUid")
        effectiveGid = try members.integer("effectiveGid")
        loginUid = try members.integer("loginUid")
        auditSession = try members.integer("auditSession")
        tty = try members.string("tty")
        workingDirectory = try members.text("workingDirectory", base64: "workingDirectoryBase64")
        namespaces = try members.object("namespaces", Process.Namespaces.init(members:))
    }
}

extension Process.Program {
    fileprivate init(members: MemberReader, _ extent: EventExtent) throws(MemberError) {
        self.init(
            executable: try members.text("executable", base64: "executableBase64"),
            device: extent == .whole ? try members.bits("executableDevice") : nil,
            inode: extent == .whole ? try members.bits("executableInode") : nil,
            filename: try members.text("filename", base64: "filenameBase64"),
            arguments: try members.texts("arguments", base64: "argumentsBase64").map { Arguments($0) },
            argumentsTruncated: try members.boolean("argumentsTruncated") ?? false)
        for name in try members.strings("flags") ?? [] {
            // A newer interface may know more flags.
            if let (flag, _) = Process.ExecFlags.names.first(where: { $0.name == name }) { flags.insert(flag) }
        }
    }
}

extension Process.ControlGroup {
    fileprivate init(members: MemberReader, _ extent: EventExtent) throws(MemberError) {
        self.init(
            path: extent == .whole ? try members.text("cgroup", base64: "cgroupBase64") : nil,
            unit: try members.string("unit"),
            container: try members.string("container"))
    }
}

extension Process.Namespaces {
    fileprivate init(members: MemberReader) throws(MemberError) {
        self.init(
            pid: try members.required(integer: "pid"),
            mount: try members.required(integer: "mount"),
            network: try members.required(integer: "network"),
            user: try members.required(integer: "user"))
    }
}

extension File {
    fileprivate init(members: MemberReader) throws(MemberError) {
        self.init(
            path: try members.text("path", base64: "pathBase64"),
            oldPath: try members.text("oldPath", base64: "oldPathBase64"),
            device: try members.bits("device"),
            inode: try members.bits("inode"))
    }
}

extension Detection {
    fileprivate init(members: MemberReader) throws(MemberError) {
        guard let severity = try members.severity("severity") else {
            throw MemberError(member: "severity", expected: "a severity")
        }
        self.init(
            ruleID: try members.required(string: "ruleId"),
            title: try members.required(string: "title"),
            severity: severity,
            tags: try members.strings("tags") ?? [])
    }
}

extension Gap {
    fileprivate init(members: MemberReader) throws(MemberError) {
        guard let origin = Origin(rawValue: try members.required(string: "origin")) else {
            throw MemberError(
                member: "origin", expected: "one of " + Origin.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.init(
            origin: origin,
            first: try members.integer("first"),
            last: try members.integer("last"),
            count: try members.integer("count"))
    }
}

extension MemberReader {
    package func severity(_ name: String) throws(MemberError) -> Severity? {
        guard let text = try string(name) else { return nil }
        guard let severity = Severity(name: text) else {
            throw MemberError(
                member: name, expected: "one of " + Severity.allCases.map(\.name).joined(separator: ", "))
        }
        return severity
    }
}
