import Glibc
import JSON
import TestSupport
import Testing
import TocsinClient

/// One user's share of the running daemon.
@Suite(.timeLimit(.minutes(2))) struct UserLimitsTests {
    private static let quiet = "sources: [heartbeat]\nheartbeat: {interval: 1h}\nsocket: {access: own-events}\n"
    private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]

    private func tocsin(_ arguments: [String], _ daemon: RunningDaemon) throws -> RunningSubprocess {
        try RunningSubprocess(
            "/usr/bin/setpriv",
            Self.nobody + [BuiltProgram.path("tocsin")] + arguments + ["--socket", daemon.socketPath])
    }

    @Test("a user's reads beyond the bound are refused with LimitExceeded and counted; others go on")
    func pendingReads() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet + "limits: {pendingReadsPerUser: 3}")
        var sessions: [Session] = []
        for _ in 0..<3 { sessions.append(try await daemon.client.open()) }
        let reads = [sessions[0], sessions[0], sessions[1]].map { session in Task { try await session.read() } }
        try await daemon.pendingReads(3)
        await #expect(throws: TocsinError.limitExceeded(limit: "pendingReadsPerUser", value: 3)) {
            // On a connection with a read that pends, its answer would wait behind that one's.
            try await sessions[2].read()
        }
        #expect(try await daemon.client.status().refused.map(\.limit) == ["pendingReadsPerUser"])
        if isRoot {
            let other = try await tocsin(["read", "--timeout", "0"], daemon).ended()
            #expect(other.errorText.contains("no event in time"), "\(other.errorText)")
        }
        for read in reads { read.cancel() }
    }

    @Test(
        "users who fill the table do not lock root out, and each refusal is logged with its process and user",
        .enabled(if: isRoot, "a second user takes root to become"))
    func reserve() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: Self.quiet + "limits: {connections: 3, reservedConnections: 2}")
        let first = try tocsin(["read"], daemon)
        // Before a connection of the test's own can take the one place: they are accepted in their order.
        try await daemon.connected()
        try await daemon.pendingReads(1)
        let second = try tocsin(["read"], daemon)
        #expect(try await second.ended().status == 1)
        let root = try await daemon.client.open()
        #expect(try await daemon.client.status().refused.contains { $0.limit == "connections" && $0.count == 1 })
        try await daemon.logged(
            "Client refused peerPID=\(second.pid) peerUID=65534 reason=\"too many connections\"")
        await root.close()
        first.send(SIGTERM)
    }

    @Test("of many refusals a few are logged and all are counted")
    func refusals() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet + "limits: {connectionsPerUser: 2}")
        let sessions = [try await daemon.client.open()]
        let held = try SilentClient(daemon.socketPath)
        try held.send(#"{"method":"org.varlink.service.GetInfo"}"#)
        _ = try held.receive()
        for _ in 0..<40 { #expect(try SilentClient(daemon.socketPath).receive() == nil) }
        held.close()
        try await daemon.eventually { status in
            status.refused.contains { $0.limit == "connectionsPerUser" && $0.count >= 40 }
        }
        for session in sessions { await session.close() }
        daemon.process.send(SIGTERM)
        let log = try await daemon.process.ended().errorText
        #expect(log.split(separator: "Client refused").count - 1 == 10, "\(log)")
    }

    @Test(
        "events for a client that does not take them are bounded for its user; nothing is lost, and others go on",
        .enabled(if: isRoot, "only the probes tell large events of processes that end at once"))
    func queue() async throws {
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [ebpf]\nlimits: {queueSizePerUser: 1MiB}")
        let client = try SilentClient(daemon.socketPath)
        let marker = "marker-\(UInt64.random(in: 0 ... .max))"
        try client.send(
            #"{"method":"io.tocsin.Events.Open","parameters":{"filter":{"types":["exec"],"paths":["/usr/bin/true"]}}}"#)
        _ = try client.receive()
        for _ in 0..<64 { try client.send(#"{"method":"io.tocsin.Events.Read"}"#) }
        try await daemon.pendingReads(64)
        let large = marker + String(repeating: "x", count: 90_000)
        for _ in 0..<40 { _ = try await Subprocess.run("/usr/bin/true", [large]) }
        try await daemon.eventually { $0.refused.contains { $0.limit == "queueSizePerUser" } }

        // Once it takes them in, the others follow, in order.
        var events: [Int64] = []
        while events.count < 40 {
            let reply = try JSONValue(parsing: try #require(try client.receive())).objectValue
            events.append(try #require(Self.sequence(reply)))
        }
        #expect(events == events.sorted() && Set(events).count == 40)
    }

    @Test(
        "clients whose replies cannot be written leave neither a session nor a connection",
        .enabled(if: isRoot, "the sessions of all are told to root alone"))
    func failedWrites() async throws {
        let daemon = try await RunningDaemon.ready(configuration: Self.quiet)
        let describe =
            #"{"method":"org.varlink.service.GetInterfaceDescription","#
            + #""parameters":{"interface":"io.tocsin.Events"}}"# + "\0"
        let open = #"{"method":"io.tocsin.Events.Open"}"# + "\0"
        for number in 0..<50 {
            let socket = try TestSocket(connectingTo: daemon.socketPath)
            socket.shutdownReading()
            try socket.send(bytes: Array((String(repeating: describe, count: 2 + number % 6) + open).utf8))
            // Until the daemon has closed it.
            while (try? socket.send(bytes: [0x20])) != nil { try await Task.sleep(for: .milliseconds(1)) }
        }
        #expect(try await daemon.client.status().sessions == [])
    }

    private static func sequence(_ reply: JSONObject?) -> Int64? {
        reply?["parameters"]?.objectValue?["event"]?.objectValue?["sequence"]?.integerValue
    }
}

extension RunningDaemon {
    /// Waits until somebody has connected; without a connection, which `status` needs.
    fileprivate func connected() async throws {
        for _ in 0..<3000 {
            // One line is the listening socket.
            let sockets = try await Subprocess.run("/bin/grep", [socketPath, "/proc/net/unix"]).output
            if sockets.count(where: { $0 == UInt8(ascii: "\n") }) > 1 { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Silent(log: process.errorsWritten)
    }

    fileprivate func eventually(_ holds: (Status) -> Bool) async throws {
        for _ in 0..<3000 {
            if let status = try? await client.status(), holds(status) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Silent(log: process.errorsWritten)
    }
}

/// A client that takes only what it is told to. Owns the socket.
private final class SilentClient {
    private var socket: Int32
    private var buffer: [UInt8] = []

    init(_ path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw Subprocess.Failure.system(operation: "connect \(path)", errno: errno) }
    }

    deinit { close() }

    func close() {
        if socket >= 0 { Glibc.close(socket) }
        socket = -1
    }

    func send(_ message: String) throws {
        let bytes = Array(message.utf8) + [0]
        guard Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Subprocess.Failure.system(operation: "send", errno: errno)
        }
    }

    /// The next message; nil where the daemon has closed the connection.
    func receive() throws -> String? {
        while true {
            if let end = buffer.firstIndex(of: 0) {
                defer { buffer.removeFirst(end + 1) }
                return String(decoding: buffer[..<end], as: UTF8.self)
            }
            var wait = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 30_000) == 1 else { throw Subprocess.Failure.system(operation: "poll", errno: 0) }
            var chunk = [UInt8](repeating: 0, count: 1 << 20)
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            buffer += chunk[..<count]
        }
    }
}
