import JSON
import TestSupport
import Testing
import TocsinClient

@Suite(.serialized) struct DescriptorShortageTests {
    @Test("the daemon raises its limit of descriptors to the hard one, and clients cannot take those its sources need")
    func limits() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [heartbeat, proc]
                heartbeat: {interval: 10ms}
                proc: {interval: 10ms}
                log: {size: 1MiB}
                limits: {connections: 1000, connectionsPerUser: 1000}
                """, wrapper: ["/usr/bin/prlimit", "--nofile=100:200"])
        #expect(try descriptorLimits(of: daemon) == [200, 200])
        #expect(daemon.process.errorsWritten.contains("allowing fewer connections"), "\(daemon.process.errorsWritten)")

        let witness = try await Witness(daemon.client)
        let status = try TestSocket(connectingTo: daemon.socketPath)
        let crowd = try (0..<300).map { _ in try TestSocket(connectingTo: daemon.socketPath) }
        let isFull = try await Soak.eventually { try self.refusals(status)["connections"]?.integerValue ?? 0 >= 200 }
        #expect(isFull)
        let answer = try self.refusals(status)
        #expect(answer["accept"] == nil, "never without a descriptor: \(answer)")
        _ = consume crowd
        let isFree = try await Soak.eventually { (try? await daemon.client.status()) != nil }
        #expect(isFree)
        try await witness.hasSeenAll(of: daemon)
        #expect(try await daemon.client.status().sources.allSatisfy { $0.state == "running" })
    }

    private func refusals(_ socket: TestSocket) throws -> JSONObject {
        try parameters(of: "GetStatus", socket)["refused"]?.objectValue ?? [:]
    }

    private func parameters(of method: String, _ socket: TestSocket) throws -> JSONObject {
        try socket.send(#"{"method":"io.tocsin.Events.\#(method)"}"#)
        let reply = try JSONValue(parsing: try #require(try socket.receive()))
        return try #require(reply.objectValue?["parameters"]?.objectValue)
    }

    /// Soft and hard.
    private func descriptorLimits(of daemon: RunningDaemon) throws -> [Int] {
        let limits = try #require(contents(of: "/proc/\(daemon.process.pid)/limits"))
        let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max open files") })
        return line.split(separator: " ").compactMap { Int($0) }
    }
}
