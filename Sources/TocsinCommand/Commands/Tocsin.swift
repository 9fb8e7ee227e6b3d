package import ArgumentParser
import Glibc
internal import TocsinEvents

/// The root of the command line.
package struct Tocsin: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tocsin",
        abstract: "Watch what processes do on this machine.",
        discussion: """
            Tells the moment it happens that a process started or that a protected file changed. The daemon tocsind \
            detects the events; this command reads them from its socket.

            EXAMPLES
              tocsin subscribe                     every event, as it happens
              tocsin subscribe --type exec --uid www-data
                                                   what the web server's user runs
              tocsin subscribe --path '/etc/**' --type modify --type rename
                                                   changes below /etc
              tocsin subscribe --detections --format json | jq .detections
                                                   what the rules found
              tocsin read --count 3 --timeout 10   three events, each within ten seconds
              tocsin status                        sources, losses, readers
              tocsin doctor                        what works here, and what does not and why
              tocsin rules check                   which rules load, and why others do not

            \(ExitStatus.explanation)
            """,
        version: Version.current,
        subcommands: [Subscribe.self, Read.self, ShowStatus.self, Diagnose.self, Rules.self])

    package init() {}

    /// Does what the command line says, and ends the process.
    package static func runToEnd() -> Never {
        // Before anything opens a descriptor, and the first task would.
        StandardOutput.keepClosedDescriptorsClosed()
        Task { await run() }
        while true { pause() }
    }

    private static func run() async -> Never {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
            exit(withError: nil)
        } catch {
            let message = fullMessage(for: error)
            let code = exitCode(for: error)
            if code.isSuccess {
                // What was asked for, such as help.
                do throws(OutputError) {
                    try StandardOutput.write(message + "\n")
                } catch {
                    StandardOutput.complain("tocsin: cannot write: \(error.reason)")
                    exit(withError: ExitStatus.failure.code)
                }
            } else if !message.isEmpty {
                // The parser repeats what it does not understand, and somebody else may have chosen it.
                let quoted = quotingLineBreaks(message, of: CommandLine.arguments.dropFirst())
                let lines = quoted.split(separator: "\n", omittingEmptySubsequences: false)
                StandardOutput.complain(lines.map { ShellQuoting.phrase(String($0)) }.joined(separator: "\n"))
            }
            exit(withError: code)
        }
    }

    /// Quotes arguments that hold line breaks where the message repeats them: they must not make lines like its own.
    private static func quotingLineBreaks(_ message: String, of arguments: ArraySlice<String>) -> String {
        var message = message
        for argument in arguments {
            // The parser repeats an option's name or its value alone, too.
            let option = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            for part in [argument] + option where part.contains(where: \.isNewline) {
                message = message.split(separator: part, omittingEmptySubsequences: false)
                    .joined(separator: ShellQuoting.phrase(part))
            }
        }
        return message
    }
}
