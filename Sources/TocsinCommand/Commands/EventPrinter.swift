import Glibc
internal import TocsinClient
internal import TocsinEvents

/// Events on standard output, in the format asked for, without those of this very process group.
struct EventPrinter {
    private let format: Format
    private let text: EventText
    private let own: OwnEvents?

    init(format: Format, includeSelf: Bool) {
        self.format = format
        text = EventText(
            style: Style(isColoured: Terminal.wantsColour), timestamp: LocalNames.timestamp, userName: LocalNames.user,
            signalName: LocalNames.signal)
        own = includeSelf ? nil : OwnEvents(pid: getpid(), processGroup: getpgrp())
        StandardOutput.endWithItsReader()
    }

    /// Titles of the columns, where a person is looking.
    func start() throws(OutputError) {
        if format == .text, Terminal.isInteractive { try StandardOutput.write(text.header) }
    }

    /// Whether the event was one to print.
    func print(_ completion: Completion) throws -> Bool {
        if let own, own.contain(completion.json) { return false }
        switch format {
        case .text: try StandardOutput.write(text.lines(of: completion.event))
        case .json:
            var line: [UInt8] = []
            JSONLine.append(completion.json.bytes, to: &line)
            try StandardOutput.write(line)
        }
        return true
    }
}
