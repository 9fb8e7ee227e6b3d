internal import ArgumentParser
import Glibc
package import TocsinClient

/// What the exit status says, after `sysexits.h`, whose EX_USAGE the argument parser uses for a wrong command line.
package enum ExitStatus: Int32, CaseIterable {
    case failure = 1
    /// EX_USAGE
    case usage = 64
    /// EX_UNAVAILABLE
    case unavailable = 69
    /// EX_TEMPFAIL
    case tryLater = 75
    /// EX_PROTOCOL
    case otherVersion = 76
    /// EX_NOPERM
    case noPermission = 77

    package init(_ error: TocsinError) {
        self =
            switch error {
            case .noSocket, .notListening, .connectFailed: .unavailable
            case .permissionDenied: .noPermission
            case .notImplemented, .malformedReply, .unknown: .otherVersion
            case .timedOut, .limitExceeded, .shuttingDown: .tryLater
            case .invalidParameter: .usage
            case .disconnected, .cancelled, .bufferTooSmall, .cursorExpired, .alreadyOpen, .noSuchSession: .failure
            }
    }

    package static let explanation = """
        EXIT STATUS
          0    what was asked for is done
          1    another failure, such as a lost connection
          64   the command line is wrong, or the daemon refuses a part of it
          69   the service cannot be reached
          75   no event in time, or a limit is reached: try again later
          76   the service is of another version, or is not tocsin
          77   no permission to use the socket
          130  interrupted (SIGINT)
          141  the reader of the output went away (SIGPIPE)
        """

    var code: ExitCode { ExitCode(rawValue) }
}

/// Runs a command's work and turns its failure into a message, the way out and an exit status.
func reportingFailure(_ work: () async throws -> Void) async throws {
    do {
        try await TocsinClient.onEventLoop(work)
    } catch let error as TocsinError {
        // A part of it may be the service's own words.
        StandardOutput.complain(
            "tocsin: " + ShellQuoting.phrase(error.description) + (error.wayOut.map { "\n" + $0 } ?? ""))
        throw ExitStatus(error).code
    } catch let error as OutputError {
        StandardOutput.complain("tocsin: cannot write: \(error.reason)")
        throw ExitStatus.failure.code
    }
}
