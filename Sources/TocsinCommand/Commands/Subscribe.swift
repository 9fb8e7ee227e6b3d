internal import ArgumentParser
internal import TocsinClient

struct Subscribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print events as they happen, until interrupted.",
        discussion: """
            Keeps read requests pending in the daemon, which completes one for each event. When the daemon restarts, \
            the command reconnects and goes on where it was; events that are lost are reported as gaps.
            """)

    @OptionGroup(title: "Events") var events: EventOptions
    @OptionGroup(title: "Output") var output: FormatOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    // As many as the daemon lets pend by default. With few, a storm waits for the command to ask again and again.
    @Option(
        help: ArgumentHelp(
            "Read requests that pend at most, 1 to 1024; further ones are sent half as many at a time.",
            valueName: "reads"))
    var depth = 64

    func validate() throws {
        guard (1...1024).contains(depth) else { throw ValidationError("--depth is a number from 1 to 1024.") }
    }

    func run() async throws {
        try await reportingFailure {
            var printer = EventPrinter(format: output.format, includeSelf: events.includeSelf)
            let client = TocsinClient(socketPath: connection.socket)
            let stream = client.events(events.filter, after: events.after, group: events.group, depth: depth) {
                if $0.attempt == 1 {
                    StandardOutput.complain("tocsin: \(ShellQuoting.phrase($0.reason.description)); reconnecting")
                }
            }
            try printer.start()
            for try await batch in stream.completions.batches { _ = try printer.print(batch) }
        }
    }
}
