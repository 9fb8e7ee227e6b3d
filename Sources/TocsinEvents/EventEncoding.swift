public import JSON

// The way from an event to the JSON of `io.tocsin.Events`. Runs once for each event, on the event loop.

extension JSONWriter {
    public mutating func event(_ event: Event) { _ = self.event(event, lineage: nil) }

    /// - Parameter lineage: where the event's ancestors come from, if they are encoded already.
    /// - Returns: what was left out: the ancestors, where they are encoded already.
    package mutating func event(_ event: Event, lineage: Lineage?) -> Passage {
        var passage = Passage()
        beginObject()
        member("sequence", event.sequence)
        name("cursor")
        string(hexadecimal: event.cursor.instance, decimal: event.cursor.sequence)
        member("type", event.type.rawValue)
        member("realtimeUSec", event.realtimeUSec)
        member("monotonicUSec", event.monotonicUSec)
        if let process = event.process {
            name("process")
            self.process(process)
        }
        if !event.ancestors.isEmpty {
            name("ancestors")
            if let lineage {
                passage = Passage(number: lineage.number, text: lineage.json, offset: count)
                leaveOut()
            } else {
                processes(event.ancestors)
            }
        }
        if let file = event.file {
            name("file")
            self.file(file)
        }
        if !event.detections.isEmpty {
            name("detections")
            beginArray()
            for detection in event.detections { self.detection(detection) }
            endArray()
        }
        if let gap = event.gap {
            name("gap")
            self.gap(gap)
        }
        if !event.truncated.isEmpty { member("truncated", event.truncated) }
        member("fullBytes", event.fullBytes)
        endObject()
        return passage
    }

    mutating func processes(_ processes: [Process]) {
        beginArray()
        for process in processes { self.process(process) }
        endArray()
    }

    // What is shared is handed over as it is: then what is in it needs no reference of its own.

    private mutating func process(_ process: Process) {
        beginObject()
        member("entityId", process.entityID)
        member("pid", process.pid)
        member("parentPid", process.parentPid)
        member("processGroup", process.processGroup)
        member("startTimeNSec", process.startTimeNSec)
        member("uid", process.uid)
        member("gid", process.gid)
        member("effectiveUid", process.effectiveUid)
        member("effectiveGid", process.effectiveGid)
        member("loginUid", process.loginUid)
        member("auditSession", process.auditSession)
        member("tty", process.tty)
        text("comm", base64: "commBase64", process.comm)
        if let program = process.sharedProgram { self.program(program) }
        text("workingDirectory", base64: "workingDirectoryBase64", process.workingDirectory)
        if let group = process.sharedGroup { controlGroup(group) }
        if let namespaces = process.namespaces {
            name("namespaces")
            // Nearly all processes are in the same ones.
            repeated([namespaces.pid, namespaces.mount, namespaces.network, namespaces.user]) { writer in
                writer.beginObject()
                writer.member("pid", namespaces.pid)
                writer.member("mount", namespaces.mount)
                writer.member("network", namespaces.network)
                writer.member("user", namespaces.user)
                writer.endObject()
            }
        }
        if !process.flags.isEmpty {
            name("flags")
            beginArray()
            for (flag, name) in Process.ExecFlags.names where process.flags.contains(flag) { string(name) }
            endArray()
        }
        if process.gone { member("gone", true) }
        member("exitCode", process.exitCode)
        member("exitSignal", process.exitSignal)
        member("runTimeNSec", process.runTimeNSec)
        endObject()
    }

    private mutating func program(_ program: Shared<Process.Program>) {
        text("executable", base64: "executableBase64", program.value.executable)
        bits("executableDevice", program.value.executableDevice)
        bits("executableInode", program.value.executableInode)
        text("filename", base64: "filenameBase64", program.value.filename)
        if let arguments = program.value.arguments { self.arguments(arguments) }
        if program.value.argumentsTruncated { member("argumentsTruncated", true) }
    }

    private mutating func controlGroup(_ group: Shared<Process.ControlGroup>) {
        text("cgroup", base64: "cgroupBase64", group.value.path)
        member("unit", group.value.unit)
        member("container", group.value.container)
    }

    private mutating func arguments(_ arguments: Arguments) {
        name("arguments")
        beginArray()
        var areUTF8 = true
        arguments.forEachBytes { if !string(utf8: $0) { areUTF8 = false } }
        endArray()
        guard !areUTF8 else { return }
        name("argumentsBase64")
        beginArray()
        for argument in arguments { string(Base64.encode(argument.bytes)) }
        endArray()
    }

    private mutating func file(_ file: File) {
        beginObject()
        text("path", base64: "pathBase64", file.path)
        text("oldPath", base64: "oldPathBase64", file.oldPath)
        bits("device", file.device)
        bits("inode", file.inode)
        endObject()
    }

    private mutating func detection(_ detection: Detection) {
        beginObject()
        member("ruleId", detection.ruleID)
        member("title", detection.title)
        member("severity", detection.severity.name)
        if !detection.tags.isEmpty { member("tags", detection.tags) }
        endObject()
    }

    private mutating func gap(_ gap: Gap) {
        beginObject()
        member("origin", gap.origin.rawValue)
        member("first", gap.first)
        member("last", gap.last)
        member("count", gap.count)
        endObject()
    }

    /// Varlink's integers are signed: of the kernel's 64-bit inode numbers, which some file systems use up to the
    /// highest bit, the same bits are written.
    @inline(__always)
    private mutating func bits(_ name: StaticString, _ value: UInt64?) {
        member(name, value.map(Int64.init(bitPattern:)))
    }

    /// Returns whether it is UTF-8.
    private mutating func string(_ text: borrowing ByteString) -> Bool {
        text.bytes.span.withUnsafeBufferPointer { string(utf8: $0) }
    }

    @inline(__always)
    private mutating func text(_ name: StaticString, base64: StaticString, _ text: ByteString?) {
        guard let text else { return }
        self.name(name)
        if !string(text) { member(base64, Base64.encode(text.bytes)) }
    }
}
