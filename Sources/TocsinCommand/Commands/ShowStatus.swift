internal import ArgumentParser
internal import TocsinClient

struct ShowStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the daemon's sources, its log, losses and readers.",
        discussion: "Root also sees every session.")

    @OptionGroup(title: "Output") var output: FormatOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run() async throws {
        try await reportingFailure {
            let status = try await TocsinClient(socketPath: connection.socket).status()
            switch output.format {
            case .json: try StandardOutput.write(JSONLine.line(status.json))
            case .text:
                let text = StatusText(style: Style(isColoured: Terminal.wantsColour), userName: LocalNames.user)
                try StandardOutput.write(text.text(of: status))
            }
        }
    }
}
