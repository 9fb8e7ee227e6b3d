import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// A run of the program `load`, and what it says it did.
final class Load: Sendable {
    private let process: RunningSubprocess

    /// - Parameter wrapper: a program that runs it.
    init(_ arguments: [String], wrapper: [String] = []) throws {
        let command = wrapper + [try BuiltProgram.path("load")] + arguments
        process = try RunningSubprocess(command[0], Array(command.dropFirst()))
    }

    var pid: Int32 { process.pid }

    static func run(_ arguments: [String], wrapper: [String] = []) async throws -> [String: UInt64] {
        try await Load(arguments, wrapper: wrapper).figures()
    }

    /// By name, when it has ended well.
    func figures() async throws -> [String: UInt64] {
        let end = try await process.ended(withinSeconds: 300)
        try #require(end.status == 0, "load: \(end.errorText)")
        return Dictionary(
            uniqueKeysWithValues: end.text.split(separator: "\n").compactMap { line in
                let parts = line.split(separator: "=")
                return parts.count == 2 ? UInt64(parts[1]).map { (String(parts[0]), $0) } : nil
            })
    }
}

extension Status {
    /// How often a limit refused something.
    func refused(by limit: String) -> UInt64 { refused.first { $0.limit == limit }?.count ?? 0 }
}

extension RunningDaemon {
    /// Behind what has happened up to now.
    var cursor: Cursor {
        get async throws {
            let status = try await client.status()
            return Cursor(instance: try #require(UInt64(status.instance, radix: 16)), sequence: status.lastSequence)
        }
    }
}
