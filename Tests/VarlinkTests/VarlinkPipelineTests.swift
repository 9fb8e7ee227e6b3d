import Glibc
import JSON
import Testing

@testable import Varlink

/// Calls of one task that sends them as it sees fit.
@Suite(.timeLimit(.minutes(1))) struct VarlinkPipelineTests {
    private let wait = VarlinkCall("org.example.test.Wait")

    private func number(_ reply: VarlinkReply?) throws -> Int64? { try reply?.get()["number"]?.integerValue }

    private func replies(_ numbers: some Sequence<Int>) -> [UInt8] {
        numbers.flatMap { Array(#"{"parameters":{"number":\#($0)}}"#.utf8) + [0] }
    }

    @Test("replies come in the order of the calls, an error among them, whatever other calls are made in between")
    func order() async throws {
        let server = try TestServer()
        let client = try await VarlinkClient.connect(to: server.path)
        let pipeline = client.pipeline()
        pipeline.send(wait, times: 2)
        let other = client.send(wait)
        pipeline.send(wait)
        try await server.until { $0.pending.count == 4 }
        try server.run { service in
            service.answer(0)
            service.pending[0].connection.fail(service.pending[0].id, "org.example.test.Failed") {
                $0.member("reason", "x")
            }
            service.answer(2, at: 1)
            service.answer(3, at: 1)
        }
        #expect(try number(await pipeline.next()) == 0)
        #expect(try await pipeline.next().error == "org.example.test.Failed")
        #expect(try await other.parameters() == ["number": .integer(2)])
        #expect(try number(await pipeline.next()) == 3)
        #expect(pipeline.upcoming == nil)
    }

    @Test("a reply that has come is seen as often as one looks, and told once")
    func upcoming() async throws {
        let server = try TestServer()
        let client = try await VarlinkClient.connect(to: server.path)
        let pipeline = client.pipeline()
        #expect(pipeline.upcoming == nil)
        pipeline.send(wait, times: 3)
        try await server.until { $0.pending.count == 3 }
        try server.run { service in for number in 1...3 { service.answer(number) } }
        // What comes behind them: all three are there.
        #expect(try await client.call("org.example.test.Typed") == [:])
        #expect(try number(pipeline.upcoming) == 1)
        #expect(try number(pipeline.upcoming) == 1)
        pipeline.removeUpcoming()
        #expect(try number(pipeline.upcoming) == 2)
        #expect(try number(await pipeline.next()) == 2)
        #expect(try number(await pipeline.next()) == 3)
        #expect(pipeline.upcoming == nil)
    }

    @Test("no call sent is no reply awaited: later replies are with whom they belong")
    func noCalls() async throws {
        let server = try TestServer()
        let client = try await VarlinkClient.connect(to: server.path)
        client.pipeline().send(wait, times: 0)
        #expect(try await client.call("org.example.test.Echo", ["text": .string("x")]) == ["text": .string("x")])
        #expect(try server.run { $0.ran } == ["Echo"])
    }

    @Test("however replies are cut on their way, they are the same", arguments: [1, 2, 7, 1000])
    func pieces(size: Int) async throws {
        let bytes = replies(0..<20)
        let service = try FakeService(
            replyingInPieces: stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            })
        let client = try await VarlinkClient.connect(to: service.path)
        let pipeline = client.pipeline()
        pipeline.send(wait, times: 21)
        for expected in 0..<20 as Range<Int64> { #expect(try number(await pipeline.next()) == expected) }
        // The service has closed, and one call is not answered.
        await #expect(throws: ClientError.closed) { try await pipeline.next() }
        await #expect(throws: ClientError.closed) { try await pipeline.next() }
    }

    @Test(
        "what came before a reply that breaks the protocol, or before the end within one, is told first",
        arguments: [
            (#"{"parameters":{"number":5},"continues":true}"# + "\0", false), ("{\0", false),
            (#"{"parameters":{"number":5"#, true),
        ])
    func broken(last: String, isEnd: Bool) async throws {
        let service = try FakeService(replyingInPieces: [replies(0..<3) + Array(last.utf8)])
        let client = try await VarlinkClient.connect(to: service.path)
        let pipeline = client.pipeline()
        pipeline.send(wait, times: 5)
        for expected in 0..<3 as Range<Int64> { #expect(try number(await pipeline.next()) == expected) }
        await #expect {
            try await pipeline.next()
        } throws: { error in
            switch error as? ClientError {
            case .closed: isEnd
            case .malformedReply: !isEnd
            default: false
            }
        }
    }

    @Test("cancelling the task that waits ends its waiting and the connection")
    func cancelling() async throws {
        let server = try TestServer()
        let client = try await VarlinkClient.connect(to: server.path)
        let call = wait
        let task = Task {
            let pipeline = client.pipeline()
            pipeline.send(call, times: 2)
            return try await pipeline.next()
        }
        try await server.until { $0.pending.count == 2 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.until { $0.closed.count == 1 }
    }

    @Test("replies that had no room when the service went are told before its end")
    func lastWords() async throws {
        let server = try TestServer()
        var limits = VarlinkClient.Limits()
        limits.maximumQueuedReplies = 4
        let client = try await VarlinkClient.connect(to: server.path, limits: limits)
        let stream = client.stream("org.example.test.Monitor")
        try await server.until { $0.pending.count == 1 }
        try server.run { service in
            let call = service.pending[0]
            for number in 0..<100 { call.reply(continues: true) { $0.member("number", number) } }
            call.connection.close()
        }
        try await client.channel.closeFuture.get()
        var numbers: [Int64] = []
        await #expect(throws: ClientError.closed) {
            for try await reply in stream { numbers.append(try #require(try number(reply))) }
        }
        #expect(numbers == Array(0..<100))
    }
}
