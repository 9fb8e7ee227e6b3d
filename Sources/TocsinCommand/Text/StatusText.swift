package import TocsinClient
internal import TocsinEvents

/// The daemon's state for eyes: losses first caught by colour, everything else aligned.
package struct StatusText: Sendable {
    private let style: Style
    private let userName: @Sendable (UInt32) -> String

    package init(style: Style, userName: @escaping @Sendable (UInt32) -> String) {
        self.style = style
        self.userName = userName
    }

    package func text(of status: Status) -> String {
        var text =
            style(.bold, "tocsin \(phrase(status.version))") + "  " + phrase(status.state) + "  "
            + style(.dim, "instance \(phrase(status.instance)), boot \(phrase(status.bootID))") + "\n\n"
        text += section("Sources", sources(status.sources))
        text += section("Records", records(status.sources))
        text += section("Log", [log(status)])
        text += section("Events", ["\(status.seen) seen, \(status.delivered) delivered"])
        text += section("Lost", [losses(status)])
        text += section(
            "Readers", ["\(counted(status.sessionCount, "session")), \(counted(status.pendingReads, "read")) pending"])
        text += section("Rules", ["\(status.rules)"])
        if !status.refused.isEmpty { text += section("Refused", refusals(status.refused)) }
        if let sessions = status.sessions, !sessions.isEmpty { text += section("Sessions", self.sessions(sessions)) }
        return text
    }

    // MARK: Private

    private func section(_ title: String, _ lines: [String]) -> String {
        var text = ""
        for (index, line) in lines.enumerated() {
            text +=
                (index == 0
                    ? title + String(repeating: " ", count: 10 - title.count) : String(repeating: " ", count: 10))
            text += line + "\n"
        }
        return text
    }

    private func sources(_ sources: [Status.Source]) -> [String] {
        guard !sources.isEmpty else { return ["none"] }
        var table = Table([
            ("NAME", .left), ("STATE", .left), ("SEEN", .right), ("LOST", .right), ("LIMITATION", .left),
        ])
        for source in sources {
            table.add([
                phrase(source.name), phrase(source.state), count(source.seen), count(source.lost),
                phrase(source.note ?? ""),
            ])
        }
        return headed(table)
    }

    /// Both sides of a kernel's queue, where the kernel's side counts; else nothing.
    private func records(_ sources: [Status.Source]) -> [String] {
        var table = Table([
            ("SOURCE", .left), ("TYPE", .left), ("SEEN", .right), ("SUBMITTED", .right), ("LOST", .right),
            ("DELIVERED", .right),
        ])
        var failures: [String] = []
        for source in sources {
            guard let records = source.records else { continue }
            for count in records {
                table.add([
                    phrase(source.name), phrase(count.type.rawValue), "\(count.seen)", "\(count.submitted)",
                    "\(count.lost)", "\(count.delivered)",
                ])
            }
            let parts = [
                (source.shortened ?? 0, "cut short"), (source.undecodable ?? 0, "not understood"),
                (source.skipped ?? 0, "skipped by the kernel"),
            ]
            for (count, what) in parts where count > 0 {
                failures.append(style(.alarm, "\(count) \(what)") + " (\(phrase(source.name)))")
            }
        }
        return table.isEmpty ? [] : headed(table) + failures
    }

    private func sessions(_ sessions: [Status.Session]) -> [String] {
        var table = Table([
            ("SESSION", .left), ("PID", .right), ("USER", .left), ("GROUP", .left), ("PENDING", .right),
            ("QUEUED", .right), ("DELIVERED", .right), ("LOST", .right),
        ])
        for session in sessions {
            table.add([
                phrase(session.session), "\(session.pid)", phrase(userName(session.uid)),
                session.group.map { ShellQuoting.word(ByteString($0)) } ?? "-", "\(session.pendingReads)",
                "\(session.queued)", "\(session.delivered)", "\(session.lost)",
            ])
        }
        return headed(table)
    }

    private func headed(_ table: Table) -> [String] {
        let lines = table.lines
        return [style(.dim, lines[0])] + lines.dropFirst()
    }

    private func log(_ status: Status) -> String {
        var text = (status.logBytes.map { "\(size($0)) of " } ?? "") + size(status.logCapacity)
        if let oldest = status.oldestCursor, oldest.sequence < status.lastSequence {
            text += ", numbers \(oldest.sequence + 1) to \(status.lastSequence)"
        }
        return text
    }

    private func losses(_ status: Status) -> String {
        let parts: [(count: UInt64?, place: String)] = [
            (status.lostKernel, "in the kernel"), (status.lostDaemon, "in the daemon"),
            (status.lostJournal, "not written to the journal"),
        ]
        let told = parts.compactMap { part in part.count.map { (count: $0, place: part.place) } }
        return told.map { style($0.count > 0 ? .alarm : nil, "\($0.count) \($0.place)") }.joined(separator: ", ")
    }

    private func refusals(_ refusals: [Status.Refusal]) -> [String] {
        var table = Table([("LIMIT", .left), ("TIMES", .right)])
        for refusal in refusals { table.add([phrase(refusal.limit), "\(refusal.count)"]) }
        return headed(table)
    }

    /// What is not told to everybody.
    private func count(_ count: UInt64?) -> String { count.map(String.init) ?? "-" }

    private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)" + (count == 1 ? "" : "s") }

    private func phrase(_ text: String) -> String { ShellQuoting.phrase(text) }

    private func size(_ bytes: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var tenths = bytes * 10
        var unit = 0
        while tenths >= 10240, unit < units.count - 1 {
            tenths /= 1024
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
