internal import Sigma
internal import TocsinEvents

/// An event's fields under the names that Sysmon for Linux gives them, which Sigma's rules for Linux use.
///
/// Finds the names once for a rule set; what no rule looks at is not even copied.
struct EventFields {
    private let target: FieldID?
    private let source: FieldID?
    private let currentDirectory: FieldID?
    private let logonID: FieldID?
    private let session: FieldID?
    private let process: ProcessFields
    private let parent: ProcessFields
    private let users: UserNames
    /// Where a command line is put together.
    private var line: [UInt8] = []

    /// The fields that a process has in both roles.
    private struct ProcessFields {
        let guid: FieldID?
        let id: FieldID?
        let image: FieldID?
        let commandLine: FieldID?
        let user: FieldID?

        init(_ rules: RuleSet, prefix: String) {
            guid = rules.field(prefix + "ProcessGuid")
            id = rules.field(prefix + "ProcessId")
            image = rules.field(prefix + "Image")
            commandLine = rules.field(prefix + "CommandLine")
            user = rules.field(prefix + "User")
        }
    }

    init(_ rules: RuleSet, users: UserNames) {
        target = rules.field("TargetFilename")
        source = rules.field("SourceFilename")
        currentDirectory = rules.field("CurrentDirectory")
        logonID = rules.field("LogonId")
        session = rules.field("TerminalSessionId")
        process = ProcessFields(rules, prefix: "")
        parent = ProcessFields(rules, prefix: "Parent")
        self.users = users
    }

    /// Puts the event's values in the place of the last event's.
    mutating func fill(_ values: inout FieldValues, from event: borrowing Event) {
        values.removeAll()
        if let file = event.file {
            if let path = file.path { values.add(target, path.bytes) }
            if let path = file.oldPath { values.add(source, path.bytes) }
        }
        guard let subject = event.process else { return }
        add(subject, process, to: &values)
        if let directory = subject.workingDirectory { values.add(currentDirectory, directory.bytes) }
        if let uid = subject.uid { values.add(logonID, integer: Int64(uid)) }
        if let number = subject.auditSession { values.add(session, integer: Int64(number)) }
        if let forebear = event.ancestors.first {
            add(forebear, parent, to: &values)
        } else if let pid = subject.parentPid {
            values.add(parent.id, integer: Int64(pid))
        }
    }

    private mutating func add(_ process: Process, _ fields: ProcessFields, to values: inout FieldValues) {
        values.add(fields.guid, process.entityID)
        values.add(fields.id, integer: Int64(process.pid))
        addImage(process, fields.image, to: &values)
        if let uid = process.uid { values.add(fields.user, users[uid]) }
        guard let arguments = process.arguments else { return }
        line.removeAll(keepingCapacity: true)
        // Joined by single spaces.
        line.append(contentsOf: arguments.bytes.dropLast().lazy.map { $0 == 0 ? UInt8(ascii: " ") : $0 })
        values.add(fields.commandLine, line)
    }

    /// The file that runs, and the path that execve(2) was given where its last component is another one: /bin/sh is
    /// dash, a script is its interpreter, and rules speak of either.
    private func addImage(_ process: Process, _ field: FieldID?, to values: inout FieldValues) {
        if let executable = process.executable {
            // As the kernel shows it, and as rules expect it.
            let hasNoName = !process.flags.isDisjoint(with: [.memfd, .deleted])
            values.add(field, hasNoName ? executable.bytes + Array(" (deleted)".utf8) : executable.bytes)
        }
        guard let filename = process.filename, filename.lastComponent != process.executable?.lastComponent else {
            return
        }
        values.add(field, absolute(filename.bytes, in: process.workingDirectory))
    }

    private func absolute(_ path: [UInt8], in directory: ByteString?) -> [UInt8] {
        guard path.first != UInt8(ascii: "/"), let directory else { return path }
        let relative = path.starts(with: "./".utf8) ? path.dropFirst(2) : path[...]
        return directory.bytes + (directory.bytes.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + relative
    }
}
