package import TocsinEvents

/// What a process runs, as one line that cannot be mistaken.
package enum CommandText {
    /// Longer command lines are cut in text; JSON has them whole. An argument counts with the NUL that ends it, so that
    /// many empty ones, too, are many.
    package static let maximumBytes = 4096

    /// The executable first, because `argv[0]` is whatever the caller liked; `argv[0]` in brackets where it says
    /// something else; then the arguments.
    package static func command(of process: Process) -> String {
        guard let executable = process.executable ?? process.filename else {
            guard let arguments = process.arguments, !arguments.isEmpty else {
                return process.comm.map { "[" + ShellQuoting.word($0) + "]" } ?? "(unknown)"
            }
            return "[?] " + list(arguments[...], cut: process.argumentsTruncated)
        }
        var text = ShellQuoting.word(executable)
        guard let arguments = process.arguments else { return text + "  [arguments unknown]" }
        guard let zeroth = arguments.first else { return text + "  [no arguments]" }
        let expected: [ByteString?] = [executable, process.filename, ByteString(Array(executable.lastComponent))]
        if !expected.contains(zeroth) { text += " [" + ShellQuoting.word(zeroth) + "]" }
        let rest = list(arguments.dropFirst(), cut: process.argumentsTruncated)
        return rest.isEmpty ? text : text + " " + rest
    }

    /// The short name.
    package static func name(of process: Process) -> String {
        if let comm = process.comm { return ShellQuoting.word(comm) }
        if let executable = process.executable { return ShellQuoting.word(ByteString(Array(executable.lastComponent))) }
        return "\(process.pid)"
    }

    private static func list(_ arguments: Arguments.SubSequence, cut: Bool) -> String {
        var words: [String] = []
        var left = maximumBytes
        for (index, argument) in zip(arguments.indices, arguments) {
            guard argument.bytes.count <= left else {
                let shown = argument.bytes.prefix(max(0, left))
                if !shown.isEmpty { words.append(ShellQuoting.word(ByteString(Array(shown)))) }
                let rest = arguments[index...].reduce(-shown.count) { $0 + $1.bytes.count + 1 }
                words.append("… [\(rest) more bytes]")
                return words.joined(separator: " ")
            }
            left -= argument.bytes.count + 1
            words.append(ShellQuoting.word(argument))
        }
        // The daemon, too, keeps command lines only up to a bound.
        if cut { words.append("…") }
        return words.joined(separator: " ")
    }
}

package enum GapText {
    package static func sentence(_ gap: Gap) -> String {
        let amount =
            switch gap.count {
            case 1: "1 event lost"
            case let count?: "\(count) events lost"
            case nil: "events lost"
            }
        let place =
            switch gap.origin {
            case .kernel: "in the kernel's queue"
            case .daemon: "in the daemon"
            case .session: "because this reader fell behind"
            case .restart: "across a restart of the daemon"
            }
        let sentence = amount + " " + place + (gap.count == nil ? ", nobody can know how many" : "")
        guard let first = gap.first, let last = gap.last else { return sentence }
        return sentence + (first == last ? " (number \(first))" : " (numbers \(first) to \(last))")
    }
}

package enum DurationText {
    /// As `systemd.time(7)` writes spans, to three digits or the millisecond.
    package static func text(nanoseconds: UInt64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let seconds = milliseconds / 1000
        switch seconds {
        case 0: return milliseconds == 0 ? "\(nanoseconds / 1000)us" : "\(milliseconds)ms"
        case 1..<60: return "\(seconds).\(milliseconds % 1000 / 100)s"
        case 60..<3600: return "\(seconds / 60)min \(seconds % 60)s"
        case 3600..<86400: return "\(seconds / 3600)h \(seconds % 3600 / 60)min"
        default: return "\(seconds / 86400)d \(seconds % 86400 / 3600)h"
        }
    }
}
