public import JSON

// The way back from the JSON of `io.tocsin.Events` to an event. Members and event types of a newer interface are
// tolerated; a declared member of another type is an error that names it.

extension Event {
    /// Throws `MemberError` where a required member is missing or one has the wrong type.
    public init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        try self.init(required: members)
        if let value = members.value("process") {
            do { process = try Process(json: value) } catch { throw error.inside("process") }
        }
        for (index, value) in (try members.array("ancestors") ?? []).enumerated() {
            do { ancestors.append(try Process(json: value)) } catch { throw error.inside("ancestors[\(index)]") }
        }
        if let value = members.value("file") {
            do { file = try File(json: value) } catch { throw error.inside("file") }
        }
        for (index, value) in (try members.array("detections") ?? []).enumerated() {
            do { detections.append(try Detection(json: value)) } catch { throw error.inside("detections[\(index)]") }
        }
        if let value = members.value("gap") {
            do { gap = try Gap(json: value) } catch { throw error.inside("gap") }
        }
        truncated = try members.strings("truncated") ?? []
        fullBytes = try members.integer("fullBytes")
    }

    /// The cursor of an event that is not decoded otherwise. Throws `MemberError` where a member that every event has is
    /// missing or has the wrong type.
    package static func cursor(of json: JSONText) throws(MemberError) -> Cursor {
        try Event(required: MemberReader(json)).cursor
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
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        self.init(
            entityID: try members.required(string: "entityId"),
            pid: try members.required(integer: "pid"),
            startTimeNSec: try members.required(integer: "startTimeNSec"))
        parentPid = try members.integer("parentPid")
        processGroup = try members.integer("processGroup")
        uid = try members.integer("uid")
        gid = try members.integer("gid")
        effectiveUid = try members.integer("effectiveUid")
        effectiveGid = try members.integer("effectiveGid")
        loginUid = try members.integer("loginUid")
        auditSession = try members.integer("auditSession")
        tty = try members.string("tty")
        comm = try members.text("comm")
        executable = try members.text("executable")
        executableDevice = try members.bits("executableDevice")
        executableInode = try members.bits("executableInode")
        filename = try members.text("filename")
        arguments = try members.texts("arguments")
        argumentsTruncated = try members.boolean("argumentsTruncated") ?? false
        workingDirectory = try members.text("workingDirectory")
        cgroup = try members.text("cgroup")
        unit = try members.string("unit")
        container = try members.string("container")
        if let value = members.value("namespaces") {
            do { namespaces = try Namespaces(json: value) } catch { throw error.inside("namespaces") }
        }
        for name in try members.strings("flags") ?? [] {
            // A newer interface may know more flags.
            if let (flag, _) = ExecFlags.names.first(where: { $0.name == name }) { flags.insert(flag) }
        }
        gone = try members.boolean("gone") ?? false
        exitCode = try members.integer("exitCode")
        exitSignal = try members.integer("exitSignal")
        runTimeNSec = try members.integer("runTimeNSec")
    }
}

extension Process.Namespaces {
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        self.init(
            pid: try members.required(integer: "pid"),
            mount: try members.required(integer: "mount"),
            network: try members.required(integer: "network"),
            user: try members.required(integer: "user"))
    }
}

extension File {
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
        self.init(
            path: try members.text("path"),
            oldPath: try members.text("oldPath"),
            device: try members.bits("device"),
            inode: try members.bits("inode"))
    }
}

extension Detection {
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
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
    fileprivate init(json: JSONValue) throws(MemberError) {
        let members = try MemberReader(json)
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
