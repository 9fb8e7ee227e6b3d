internal import ArgumentParser
internal import TocsinClient
internal import TocsinEvents

struct Read: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a number of events, then end.",
        discussion: """
            Each event is waited for as long as it takes, or up to the timeout. With --timeout 0 only events that are \
            there already are read; use --after to say from where.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("How many events to read.", valueName: "events"))
    var count = 1

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Seconds to wait for each event; fractions are allowed. Exit status 75 if none comes.", valueName: "seconds"
        ))
    var timeout: Double?

    @OptionGroup(title: "Events") var events: EventOptions
    @OptionGroup(title: "Output") var output: FormatOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        guard count > 0 else { throw ValidationError("--count is a number from 1.") }
        if let timeout, !(0...1_000_000_000).contains(timeout) {
            throw ValidationError("--timeout is a number of seconds from 0.")
        }
    }

    func run() async throws {
        try await reportingFailure {
            var printer = EventPrinter(format: output.format, includeSelf: events.includeSelf)
            let client = TocsinClient(socketPath: connection.socket)
            let session = try await client.open(events.filter, after: events.after, group: events.group)
            try printer.start()
            var printed = 0
            var last: Cursor?
            while printed < count {
                let completion = try await session.read(
                    timeout: timeout.map { .milliseconds(Int64($0 * 1000)) }, allowTruncation: true,
                    acknowledge: events.group == nil ? nil : last)
                last = completion.cursor
                printed += try printer.print(CollectionOfOne(completion))
            }
            if events.group != nil, let last { try await session.acknowledge(last) }
            await session.close()
        }
    }
}
