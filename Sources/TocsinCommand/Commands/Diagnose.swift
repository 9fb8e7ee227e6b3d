internal import ArgumentParser
internal import JSON
internal import TocsinClient
internal import TocsinDoctor

struct Diagnose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tell what works here, what does not and why, and which queue loses events.",
        discussion: """
            Looks at the kernel and asks the daemon. Changes nothing.

            EXIT STATUS
              0   everything works as well as it can, and nothing was lost
              1   it works, but with a lesser source, or something was lost
              2   it does not work
            """)

    @OptionGroup(title: "Output") var output: FormatOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run() async throws {
        try await reportingFailure {
            let findings = Doctor(facts: .current()).findings(daemon: await daemonState())
            switch output.format {
            case .json: try StandardOutput.write(FindingsText.json(findings))
            case .text: try StandardOutput.write(FindingsText.text(findings, Style(isColoured: Terminal.wantsColour)))
            }
            let worst = findings.map(\.state).max() ?? .good
            if worst != .good { throw ExitCode(worst.rawValue) }
        }
    }

    private func daemonState() async -> Result<Doctor.DaemonState, Doctor.Unreachable> {
        do {
            return .success(Doctor.DaemonState(try await TocsinClient(socketPath: connection.socket).status()))
        } catch let error as TocsinError {
            return .failure(Doctor.Unreachable(reason: error.description, wayOut: error.wayOut))
        } catch {
            return .failure(Doctor.Unreachable(reason: "\(error)", wayOut: nil))
        }
    }
}

extension Doctor.DaemonState {
    fileprivate init(_ status: Status) {
        self.init(
            sources: status.sources.map { Source(name: $0.name, state: $0.state, lost: $0.lost ?? 0, note: $0.note) },
            lostDaemon: status.lostDaemon, lostJournal: status.lostJournal ?? 0,
            tellsLosses: status.lostKernel != nil,
            slowReaders: (status.sessions ?? []).filter { $0.lost > 0 }.map { ($0.pid, $0.lost) })
    }
}
