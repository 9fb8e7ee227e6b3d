import Testing

@testable import Varlink

/// What comes together, and what is replied together.
@Suite struct ServerTurnTests {
    private func gather(_ bytes: Int, padding: Int = 0) -> String {
        let space = String(repeating: " ", count: padding)
        return #"{"method":"org.example.test.Gather","parameters":{"bytes":\#(bytes)}}"# + space + "\0"
    }

    @Test("replies that connections share count as replies that wait, and are written without one of another kind")
    func sharedRepliesWait() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Monitor","more":true}"#)
        try server.until { $0.pending.count == 1 }
        let most = 100_000
        let made = try server.run { service in
            let call = service.pending[0]
            let shared = SharedReply(continues: true, upTo: 12) { $0.append(#"{"number":1}"#) }
            var made = 0
            while call.connection.isWritable, made < most {
                call.connection.reply(continues: true) { $0.reply(to: call.id, with: shared) }
                made += 1
            }
            return made
        }
        #expect(made < most)
        for _ in 0..<min(made, 1000) {
            #expect(try socket.receive() == #"{"parameters":{"number":1},"continues":true}"#)
        }
    }

    @Test("calls that are answered together are answered before a message behind them ends the connection")
    func violation() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(bytes: Array((gather(0) + gather(0) + gather(1) + "{\0" + gather(2)).utf8))
        for number in 0..<3 {
            let text = number == 2 ? "x" : ""
            #expect(try socket.receive() == #"{"parameters":{"number":\#(number),"text":"\#(text)"}}"#)
        }
        #expect(try socket.receive() == nil)
    }

    @Test(
        "a call is counted among those that say the same only where all of it does, with its end",
        arguments: [0, 1, 7, 400, 1000])
    func nearlyTheSame(padding: Int) throws {
        let server = try TestServer()
        let socket = try server.connect()
        let calls = [
            gather(0), gather(1, padding: padding), gather(0), gather(0), gather(0, padding: 1), gather(0),
            gather(0, padding: padding), gather(1), gather(1),
        ]
        try socket.send(bytes: Array(calls.joined().utf8))
        for (number, text) in ["", "x", "", "", "", "", "", "x", "x"].enumerated() {
            #expect(try socket.receive() == #"{"parameters":{"number":\#(number),"text":"\#(text)"}}"#)
        }
    }

    @Test("two clients that ask differently at the same time are answered each for itself")
    func twoClients() throws {
        let server = try TestServer { $0.limits.maximumPipelinedCalls = 3 }
        let sockets = [try server.connect(), try server.connect()]
        for _ in 0..<20 {
            for (index, socket) in sockets.enumerated() {
                try socket.send(bytes: Array(String(repeating: gather(index), count: 5).utf8))
            }
        }
        for number in 0..<100 {
            for (index, socket) in sockets.enumerated() {
                let text = index == 0 ? "" : "x"
                #expect(try socket.receive() == #"{"parameters":{"number":\#(number),"text":"\#(text)"}}"#)
            }
        }
    }
}
