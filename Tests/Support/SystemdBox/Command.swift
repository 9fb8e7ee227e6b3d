import TestKit

/// A program run to its end, with its output. No Foundation, and bounded: what hangs is killed.
package struct Command {
    package var arguments: [String]
    package var timeoutSeconds = 60

    package init(_ arguments: [String]) { self.arguments = arguments }

    package struct Result: CustomStringConvertible {
        /// Exit status, or 128 and the signal, as a shell has it.
        package var status: Int32
        /// Standard output, without the last newline.
        package var output: String
        package var errors: String

        package var description: String { "status \(status)\n\(output)\n\(errors)" }
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String

        package init(description: String) { self.description = description }
    }

    /// - Throws: when the program cannot be started or does not end in time; a bad status is a result.
    package func run() throws(Failure) -> Result {
        do {
            let output = try WrittenOutput(), errors = try WrittenOutput()
            let process = try ChildProcess(arguments, output: output.descriptor, errors: errors.descriptor)
            guard let status = process.wait(seconds: timeoutSeconds) else {
                throw Failure(
                    description: "\(arguments) did not end within \(timeoutSeconds) s: \(output.text)\n\(errors.text)")
            }
            return Result(
                status: status, output: Self.withoutLastNewline(output.text),
                errors: Self.withoutLastNewline(errors.text))
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure(description: "\(error)")
        }
    }

    private static func withoutLastNewline(_ text: String) -> String {
        text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

/// A moment of the monotonic clock after which waiting makes no sense.
package struct Deadline {
    private let end: ContinuousClock.Instant

    package init(seconds: Int) { end = .now + .seconds(seconds) }

    package var isOver: Bool { ContinuousClock.now >= end }
}
