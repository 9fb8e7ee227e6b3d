import Glibc
internal import TocsinClient
internal import TocsinEvents

/// Events on standard output, in the format asked for, without those of this very process group.
struct EventPrinter {
    private let format: Format
    private let text: EventText
    private let own: OwnEvents?
    /// Kept for its memory.
    private var lines: [UInt8] = []

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

    /// Prints what has arrived, with one write.
    /// - Returns: How many events were ones to print.
    /// - Throws: `OutputError`, and `TocsinError` for an event that cannot be understood, once those before it are
    ///   printed.
    mutating func print(_ completions: some Sequence<Completion>) throws -> Int {
        lines.removeAll(keepingCapacity: true)
        var count = 0
        let failure: TocsinError?
        do throws(TocsinError) {
            for completion in completions where own?.contain(completion.json) != true {
                try append(completion)
                count += 1
            }
            failure = nil
        } catch {
            failure = error
        }
        if !lines.isEmpty { try StandardOutput.write(lines) }
        if let failure { throw failure }
        return count
    }

    private mutating func append(_ completion: Completion) throws(TocsinError) {
        switch format {
        case .text:
            lines.append(contentsOf: text.lines(of: try completion.event(.summary)).utf8)
        case .json: JSONLine.append(completion.json.bytes, to: &lines)
        }
    }
}
