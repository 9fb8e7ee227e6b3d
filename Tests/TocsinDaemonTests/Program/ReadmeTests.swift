import Glibc
import JSON
import TestSupport
import Testing
import TocsinLinux

/// The examples of the README, run as they stand there against a daemon that beats.
@Suite struct ReadmeTests {
    private static let beats = "sources: [heartbeat]\nheartbeat: {interval: 50ms}"

    static let hasNetcat = access("/usr/bin/nc", X_OK) == 0 || access("/bin/nc", X_OK) == 0
    static let pythonPath = getenv("PYTHONPATH").map { String(cString: $0) } ?? ""

    @Test("the shell examples print one event for each read, in order", .enabled(if: hasNetcat, "nc is not installed"))
    func shell() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.beats)
        let examples = try ReadmeExample.all("shell", socket: daemon.socketPath)
        try #require(examples.count == 2)
        for (example, count) in zip(examples, [1, 3]) {
            let end = try await Subprocess.run("/bin/sh", ["-c", example])
            #expect(end.status == 0, "\(end.errorText)")
            let sequences = try end.text.split(separator: "\n").map { line in
                try JSONValue(parsing: String(line)).objectValue?["parameters"]?.objectValue?["event"]?.objectValue?[
                    "sequence"]?
                    .integerValue
            }.compactMap { $0 }
            #expect(sequences.count == count, "\(end.text)")
            #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $1 == $0 + 1 }, "\(sequences)")
        }
    }

    @Test("the python-varlink example reads an event")
    func python() async throws {
        let environment = ["PYTHONPATH=\(Self.pythonPath)", "PATH=\(getenv("PATH").map { String(cString: $0) } ?? "")"]
        let probe = try await Subprocess.run(
            "/usr/bin/env", ["python3", "-c", "import varlink"], environment: environment)
        guard probe.status == 0 else { try Test.cancel("python-varlink is not installed") }
        let daemon = try await RunningDaemon.ready(configuration: Self.beats)
        let example = try #require(try ReadmeExample.all("python", socket: daemon.socketPath).first)
        let end = try await Subprocess.run("/usr/bin/env", ["python3", "-c", example], environment: environment)
        #expect(end.status == 0, "\(end.errorText)")
        #expect(end.text.hasPrefix("heartbeat"))
    }

    @Test("the Swift example is the program that was built, and it reads an event")
    func swift() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.beats)
        let example = try #require(try ReadmeExample.all("swift", socket: "/run/tocsin/tocsin.sock").first)
        #expect(example == (try ReadmeExample.file("Examples/listen/main.swift")))
        let end = try await Subprocess.run(BuiltProgram.path("listen"), [daemon.socketPath])
        #expect(end.status == 0, "\(end.errorText)")
        #expect(end.text.hasPrefix("heartbeat"))
    }
}

/// The code blocks of the README that are marked to be run.
enum ReadmeExample {
    /// - Parameter socket: stands in for the path that the README names.
    static func all(_ kind: String, socket: String) throws -> [String] {
        var examples: [String] = []
        var parts = try file("README.md").split(separator: "<!-- run: \(kind) -->\n```")[...].dropFirst()
        while let part = parts.popFirst() {
            let code = part.drop { $0 != "\n" }.dropFirst()
            guard let end = code.firstRange(of: "```") else { continue }
            examples.append(replacing("/run/tocsin/tocsin.sock", with: socket, in: String(code[..<end.lowerBound])))
        }
        return examples
    }

    /// A file of the project, by its path from the top.
    static func file(_ path: String) throws -> String {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let bytes = try FileDescriptor.open("\(root)/\(path)").readToEnd(limit: 1 << 20)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func replacing(_ old: String, with new: String, in text: String) -> String {
        text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
