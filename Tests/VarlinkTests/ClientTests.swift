import Glibc
import JSON
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Varlink

@Suite struct ClientTests {
    private func client(of server: TestServer) async throws -> VarlinkClient {
        try await VarlinkClient.connect(to: server.path)
    }

    @Test("a call returns the parameters of its reply, or throws the service's error")
    func call() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        #expect(try await client.call("org.example.test.Echo", ["text": .string("x")]) == ["text": .string("x")])
        #expect(try await client.call("org.example.test.Typed") == [:])
        await #expect(throws: VarlinkError(name: "org.example.test.Failed", parameters: ["reason": .string("fail")])) {
            try await client.call("org.example.test.Echo", ["text": .string("fail")])
        }
        await #expect(
            throws: VarlinkError(
                name: "org.varlink.service.MethodNotFound", parameters: ["method": .string("org.example.test.X")])
        ) { try await client.call("org.example.test.X") }
    }

    @Test("why a connection cannot be made is told apart")
    func connectErrors() async throws {
        let server = try TestServer()
        let path = server.path + "2"
        await #expect(throws: ClientError.noSocket(path: path)) { try await VarlinkClient.connect(to: path) }
        _ = try ListeningSocket(path: path, mode: 0o600, group: nil)
        await #expect(throws: ClientError.connectionRefused(path: path)) { try await VarlinkClient.connect(to: path) }
        unlink(path)
        let length = "the path of a socket has 1 to 107 bytes"
        for (path, reason) in [
            (String(repeating: "x", count: 200), length), ("", length), ("/", "it is not a socket"),
            ("/dev/null", "it is not a socket"),
        ] {
            await #expect(throws: ClientError.notConnected(path: path, reason: reason)) {
                try await VarlinkClient.connect(to: path)
            }
        }
    }

    @Test("calls made at once are sent in order without waiting, and each gets its own reply")
    func pipelining() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let replies = (0..<50).map { client.send("org.example.test.Echo", ["text": .string("\($0)")]) }
        for (number, reply) in replies.enumerated() {
            #expect(try await reply.parameters() == ["text": .string("\(number)")])
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let text: JSONValue = .string("\(number)")
                    let reply = try await client.call("org.example.test.Echo", ["text": text])
                    #expect(reply == ["text": text])
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a oneway call is carried out without a reply")
    func oneway() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        client.callOneway("org.example.test.Echo", ["text": .string("x")])
        #expect(try await client.call("org.example.test.Typed") == [:])
        #expect(try server.run { $0.ran } == ["Echo", "Typed"])
    }

    @Test("a stream has every reply and ends with the last; the connection goes on")
    func stream() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        var numbers: [Int64] = []
        for try await reply in client.stream("org.example.test.Count", ["to": .integer(1000)]) {
            numbers.append(try #require(try reply.get()["number"]?.integerValue))
        }
        #expect(numbers == Array(1...1000))
        #expect(try await client.call("org.example.test.Typed") == [:])
    }

    @Test("a stream that nobody takes from stops the socket, not the memory")
    func backpressure() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let replies = client.stream("org.example.test.Monitor")
        try await server.until { $0.pending.count == 1 }
        // The server writes until the client's socket is full.
        try await server.until { interface in
            let call = interface.pending[0]
            guard call.connection.isWritable else { return true }
            for _ in 0..<1000 { call.reply(continues: true) { $0.member("number", 1) } }
            return false
        }
        let written = try server.run { interface in
            interface.pending[0].reply { $0.member("number", 2) }
            return true
        }
        #expect(written)
        var last: Int64?
        for try await reply in replies { last = try reply.get()["number"]?.integerValue }
        #expect(last == 2)
    }

    @Test("leaving a stream early closes the connection: the protocol knows no other way to end it")
    func leavingStream() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let replies = client.stream("org.example.test.Monitor")
        try await server.until { $0.pending.count == 1 }
        try server.run { $0.pending[0].reply(continues: true) { $0.member("number", 1) } }
        for try await _ in replies { break }
        try await server.until { $0.closed.count == 1 }
        await #expect(throws: ClientError.closed) { try await client.call("org.example.test.Typed") }
    }

    @Test("cancelling the task of a stream ends it and closes the connection")
    func cancellingStream() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let task = Task {
            for try await _ in client.stream("org.example.test.Monitor") {}
        }
        try await server.until { $0.pending.count == 1 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.until { $0.closed.count == 1 }
    }

    @Test("a pipeline holds errors and ends with the connection")
    func pipelineEnd() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let pipeline = client.pipeline()
        let call = VarlinkCall("org.example.test.Wait")
        pipeline.send(call, times: 2)
        try await server.until { $0.pending.count == 2 }
        try server.run { $0.shutdownPending() }
        #expect(try await pipeline.next().error == "org.example.test.Failed")
        #expect(try await pipeline.next().error == "org.example.test.Failed")
        pipeline.send(call, times: 2)
        try await server.until { $0.pending.count == 2 }
        try server.run { $0.pending[0].connection.close() }
        await #expect(throws: ClientError.closed) { try await pipeline.next() }
        await #expect(throws: ClientError.closed) { try await pipeline.next() }
    }

    @Test("cancelling a call ends the waiting and not the connection")
    func cancellingCall() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let reply = client.send("org.example.test.Alone")
        let task = Task { try await reply.parameters() }
        try await server.until { $0.pending.count == 1 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let next = client.send("org.example.test.Typed")
        try server.run { $0.answer(5) }
        #expect(try await next.parameters() == [:])
        // It was kept, and can be asked for again.
        #expect(try await reply.parameters() == ["number": .integer(5)])
    }

    @Test("calls go out in the order in which they are made, also where one is made on the client's own event loop")
    func orderAcrossThreads() async throws {
        final class Flag: Sendable { let isSet = Atomic(false) }
        let server = try TestServer()
        try await withTaskExecutorPreference(EventLoopExecutor()) {
            let client = try await client(of: server)
            let first = Flag()
            NIOThreadPool.singleton.submit { _ in
                client.callOneway("org.example.test.Typed")
                first.isSet.store(true, ordering: .releasing)
            }
            // The loop is kept from sending the first before the second is made.
            while !first.isSet.load(ordering: .acquiring) { sched_yield() }
            _ = try await client.call("org.example.test.Echo", ["text": .string("second")])
        }
        #expect(try server.run { $0.ran } == ["Typed", "Echo"])
    }

    @Test("a task on an event loop has its connection there, and its replies without leaving it")
    func eventLoop() async throws {
        let server = try TestServer()
        try await withTaskExecutorPreference(EventLoopExecutor()) {
            let loop = Self.currentLoop
            #expect(loop != nil)
            let client = try await client(of: server)
            #expect(Self.currentLoop == loop && ObjectIdentifier(client.channel.eventLoop) == loop)
            let replies = (0..<3).map { client.send("org.example.test.Echo", ["text": .string("\($0)")]) }
            for (number, reply) in replies.enumerated() {
                #expect(try await reply.parameters() == ["text": .string("\(number)")])
                #expect(Self.currentLoop == loop)
            }
        }
        #expect(Self.currentLoop == nil)
    }

    private static var currentLoop: ObjectIdentifier? {
        MultiThreadedEventLoopGroup.currentEventLoop.map { ObjectIdentifier($0) }
    }

    @Test("when the service goes, everybody who waits is told")
    func closed() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let pending = client.send("org.example.test.Wait")
        let queued = client.send("org.example.test.Typed")
        try await server.until { $0.pending.count == 1 }
        try server.run { $0.pending[0].connection.close() }
        await #expect(throws: ClientError.closed) { try await pending.parameters() }
        await #expect(throws: ClientError.closed) { try await queued.parameters() }
        await #expect(throws: ClientError.closed) { try await client.call("org.example.test.Typed") }
    }

    @Test("closing the client fails what waits and closes the connection")
    func closing() async throws {
        let server = try TestServer()
        let client = try await client(of: server)
        let pending = client.send("org.example.test.Wait")
        try await server.until { $0.pending.count == 1 }
        await client.close()
        await #expect(throws: ClientError.closed) { try await pending.parameters() }
        try await server.until { $0.closed.count == 1 }
    }

    @Test("a reply longer than the limit ends the connection")
    func replyTooLong() async throws {
        let server = try TestServer()
        var limits = VarlinkClient.Limits()
        limits.maximumReplyBytes = 1000
        let client = try await VarlinkClient.connect(to: server.path, limits: limits)
        await #expect(throws: ClientError.replyTooLong(maximum: 1000)) {
            try await client.call("org.example.test.Big", ["bytes": .integer(100_000)])
        }
    }

    @Test(
        "a service that breaks the protocol is told apart from one that ends",
        arguments: [
            "", "{", "[]", #"{"parameters":[]}"#, #"{"error":1}"#, #"{"continues":1}"#, #"{"other":1}"#,
            #"{"parameters":{},"continues":true}"#, #"{"error":"a.b.C","continues":true}"#,
        ])
    func malformedReply(message: String) async throws {
        let service = try FakeService(replying: Array(message.utf8) + [0])
        let client = try await VarlinkClient.connect(to: service.path)
        await #expect {
            _ = try await client.call("a.b.C")
        } throws: { error in
            if case .malformedReply = error as? ClientError { true } else { false }
        }
    }

    @Test(
        "absent, null and {} parameters of a reply are the same",
        arguments: ["{}", #"{"parameters":null}"#, #"{"parameters":{}}"#])
    func emptyReply(message: String) async throws {
        let service = try FakeService(replying: Array(message.utf8) + [0])
        let client = try await VarlinkClient.connect(to: service.path)
        #expect(try await client.call("a.b.C") == [:])
    }

    @Test("a service that is slow to accept is waited for, and not for longer than is allowed")
    func fullBacklog() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/socket"
        let descriptor = try ListeningSocket(path: path, mode: 0o600, group: nil).release()
        defer { close(descriptor) }
        // One connection may wait to be accepted.
        #expect(listen(descriptor, 0) == 0)
        let first = try await VarlinkClient.connect(to: path)
        var limits = VarlinkClient.Limits()
        limits.connectTimeout = .zero
        await #expect(throws: ClientError.self) { _ = try await VarlinkClient.connect(to: path, limits: limits) }

        // As many as cannot all be first.
        let accepted = try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try await VarlinkClient.connect(to: path) } }
            let accepted = try await NIOThreadPool.singleton.runIfActive {
                try (0..<51).map { _ in
                    var readable = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    guard poll(&readable, 1, 30_000) == 1 else { throw TimedOut() }
                    return accept(descriptor, nil, nil)
                }
            }
            try await group.waitForAll()
            return accepted
        }
        for connection in accepted { #expect(close(connection) == 0) }
        await first.close()
    }
}
