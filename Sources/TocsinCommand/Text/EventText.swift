package import TocsinEvents

/// An event as a person reads it: one aligned line, and one more for each detection.
///
///     Nov 22 22:15:33.123  exec        1234  root      /usr/bin/curl -s https://example.com  (bash 1200, cron.service)
///
/// Whatever a process chose (paths, arguments, names) passes through `ShellQuoting`. What stands in round or square
/// brackets, and the ellipsis, is tocsin's own: a word that holds these characters is quoted.
package struct EventText: Sendable {
    package var style: Style
    /// Wall clock in microseconds to `Nov 22 22:15:33.123`, 19 columns.
    package var timestamp: @Sendable (UInt64) -> String
    package var userName: @Sendable (UInt32) -> String
    package var signalName: @Sendable (Int32) -> String?

    package init(
        style: Style, timestamp: @escaping @Sendable (UInt64) -> String,
        userName: @escaping @Sendable (UInt32) -> String, signalName: @escaping @Sendable (Int32) -> String?
    ) {
        self.style = style
        self.timestamp = timestamp
        self.userName = userName
        self.signalName = signalName
    }

    package var header: String {
        var text = ""
        appendLine(to: &text, time: "TIME" + String(repeating: " ", count: 15), type: "TYPE", pid: "PID", user: "USER")
        return style(.bold, text + "WHAT") + "\n"
    }

    /// Lines, each ended by a line feed.
    package func lines(of event: Event) -> String {
        var text = ""
        // Most lines are not longer.
        text.reserveCapacity(256)
        let process = event.process
        appendLine(
            to: &text, time: style(.dim, timestamp(event.realtimeUSec)),
            type: ShellQuoting.word(ByteString(event.type.rawValue)), tone: Style.Tone.of(event.type),
            pid: process.map { String($0.pid) } ?? "-",
            user: process?.uid.map { ShellQuoting.word(ByteString(userName($0))) } ?? "-")
        text += subject(of: event)
        let context = context(of: event)
        if !context.isEmpty {
            text += "  "
            text += style(.dim, "(" + context.joined(separator: ", ") + ")")
        }
        text += "\n"
        for detection in event.detections { text += line(of: detection) }
        return text
    }

    // MARK: Columns

    /// All columns but the last.
    private func appendLine(
        to text: inout String, time: String, type: String, tone: Style.Tone? = nil, pid: String, user: String
    ) {
        text += time
        text += "  "
        text += style(tone, type)
        text += padding(after: type, to: 9)
        text += "  "
        text += padding(after: pid, to: 7)
        text += pid
        text += "  "
        text += user
        text += padding(after: user, to: 8)
        text += "  "
    }

    /// Too long a value moves the rest of its line; it is never cut.
    private func padding(after text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count))
    }

    private func line(of detection: Detection) -> String {
        let name = detection.severity.name
        return String(repeating: " ", count: 21) + style(Style.Tone.of(detection.severity), name)
            + padding(after: name, to: 13) + "  " + style(.bold, ShellQuoting.phrase(detection.title)) + "  "
            + style(.dim, "[" + ShellQuoting.phrase(detection.ruleID) + "]") + "\n"
    }

    // MARK: What happened

    private func subject(of event: Event) -> String {
        if let gap = event.gap { return style(.alarm, GapText.sentence(gap)) }
        if let file = event.file { return subject(of: file) }
        guard let process = event.process else { return "#\(event.sequence)" }
        let command = CommandText.command(of: process)
        return event.type == .exit ? command + ending(of: process) : command
    }

    private func subject(of file: File) -> String {
        let path = file.path.map(ShellQuoting.word) ?? "(path unknown)"
        guard let oldPath = file.oldPath else { return path }
        return ShellQuoting.word(oldPath) + " -> " + path
    }

    private func ending(of process: Process) -> String {
        var text = ""
        if let signal = process.exitSignal, signal != 0 {
            text = "  [killed by " + (signalName(signal).map { "SIG" + $0 } ?? "signal \(signal)") + "]"
        } else if let code = process.exitCode {
            text = "  [exited \(code)]"
        }
        if let runTime = process.runTimeNSec { text += " after " + DurationText.text(nanoseconds: runTime) }
        return text
    }

    /// Around the event: who started it, or for a file who did it, and where.
    private func context(of event: Event) -> [String] {
        guard let process = event.process else { return [] }
        var words: [String] = []
        if event.file != nil {
            words.append("by " + CommandText.name(of: process))
        } else if let parent = event.ancestors.first {
            words.append("by " + CommandText.name(of: parent) + " \(parent.pid)")
        } else if let parent = process.parentPid {
            words.append(parent > 0 ? "by \(parent)" : "by a process outside of the pid namespace")
        }
        if let unit = process.unit { words.append(ShellQuoting.word(ByteString(unit))) }
        if let container = process.container {
            words.append("container " + ShellQuoting.word(ByteString(String(container.prefix(12)))))
        }
        words += Process.ExecFlags.names.filter { process.flags.contains($0.flag) }.map(\.name)
        if process.gone { words.append("gone before all was read") }
        return words
    }
}
