import TestSupport
import Testing

@testable import Varlink

/// The duties of a server in UAPI.20, over a real socket.
@Suite struct ServerProtocolTests {
    private func exchange(_ call: String) throws -> String? {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(call)
        return try socket.receive()
    }

    // MARK: Calls

    @Test(
        "absent, null and {} parameters are the same, and a reply without parameters leaves them out",
        arguments: ["", #","parameters":null"#, #","parameters":{}"#, #","parameters":{"number":null}"#])
    func emptyParameters(parameters: String) throws {
        #expect(try exchange(#"{"method":"org.example.test.Typed"\#(parameters)}"#) == "{}")
    }

    @Test("white space around a message and flags that are false or null are accepted")
    func lenience() throws {
        #expect(
            try exchange(
                " {\n\"method\" : \"org.example.test.Typed\" , \"more\":false,\"oneway\":null,\"upgrade\":false}\r\n")
                == "{}")
    }

    @Test("an object that a vendor added in reverse-domain notation is ignored")
    func vendorExtension() throws {
        #expect(try exchange(#"{"method":"org.example.test.Typed","org.example":{"x":[1]}}"#) == "{}")
    }

    @Test("messages split at any byte are put together")
    func split() throws {
        let server = try TestServer()
        let socket = try server.connect()
        for byte in Array(#"{"method":"org.example.test.Echo","parameters":{"text":"é"}}"#.utf8) + [0] {
            try socket.send(bytes: [byte])
        }
        #expect(try socket.receive() == #"{"parameters":{"text":"é"}}"#)
    }

    @Test("many messages in one segment are answered one by one, in order")
    func pipelined() throws {
        let server = try TestServer()
        let socket = try server.connect()
        let calls = (0..<500).map { #"{"method":"org.example.test.Echo","parameters":{"text":"\#($0)"}}"# }
        try socket.send(bytes: calls.flatMap { Array($0.utf8) + [0] })
        for number in 0..<500 { #expect(try socket.receive() == #"{"parameters":{"text":"\#(number)"}}"#) }
    }

    // MARK: Order

    @Test("a further call waits until the call before it is answered")
    func oneAtATime() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Alone"}"#)
        try socket.send(#"{"method":"org.example.test.Echo","parameters":{"text":"x"}}"#)
        try server.until { $0.pending.count == 1 }
        // Another client's answered call shows that the server had time to run the second.
        let other = try server.connect()
        try other.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try other.receive() == "{}")
        #expect(try server.run { $0.ran } == ["Alone", "Typed"])
        try server.run { $0.answer(7) }
        #expect(try socket.receive() == #"{"parameters":{"number":7}}"#)
        #expect(try socket.receive() == #"{"parameters":{"text":"x"}}"#)
    }

    @Test("pipelined calls of a method that pends together pend together, and are answered in order")
    func pendingTogether() throws {
        let server = try TestServer()
        let socket = try server.connect()
        for _ in 0..<3 { try socket.send(#"{"method":"org.example.test.Wait"}"#) }
        try socket.send(#"{"method":"org.example.test.Echo","parameters":{"text":"x"}}"#)
        try server.until { $0.pending.count == 3 }
        try server.run { interface in
            // The last first.
            interface.answer(2, at: 2)
            interface.answer(1, at: 1)
        }
        try server.run { $0.answer(0) }
        for number in 0..<3 { #expect(try socket.receive() == #"{"parameters":{"number":\#(number)}}"#) }
        #expect(try socket.receive() == #"{"parameters":{"text":"x"}}"#)
    }

    @Test("after a more call no further call is processed until the final reply")
    func moreBlocks() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Monitor","more":true}"#)
        try socket.send(#"{"method":"org.example.test.Echo","parameters":{"text":"x"}}"#)
        try server.until { $0.pending.count == 1 }
        try server.run { $0.pending[0].reply(continues: true) { $0.member("number", 1) } }
        #expect(try socket.receive() == #"{"parameters":{"number":1},"continues":true}"#)
        #expect(try server.run { $0.ran } == ["Monitor"])
        try server.run { $0.answer(2) }
        #expect(try socket.receive() == #"{"parameters":{"number":2}}"#)
        #expect(try socket.receive() == #"{"parameters":{"text":"x"}}"#)
    }

    // MARK: Flags

    @Test("a oneway call has no reply, neither a success nor an error")
    func oneway() throws {
        let server = try TestServer()
        let socket = try server.connect()
        for call in [
            #"{"method":"org.example.test.Echo","parameters":{"text":"x"},"oneway":true}"#,
            #"{"method":"org.example.test.Echo","parameters":{"text":"fail"},"oneway":true}"#,
            #"{"method":"org.example.test.Echo","parameters":{"text":1},"oneway":true}"#,
            #"{"method":"org.example.test.Alone","oneway":true}"#, #"{"method":"org.example.Nothing","oneway":true}"#,
            #"{"method":"org.example.test.Typed"}"#,
        ] { try socket.send(call) }
        #expect(try socket.receive() == "{}")
        #expect(try server.run { $0.ran } == ["Echo", "Echo", "Alone", "Typed"])
    }

    @Test("a more call gets replies that continue and a last one that does not")
    func continues() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Count","parameters":{"to":3},"more":true}"#)
        #expect(try socket.receive() == #"{"parameters":{"number":1},"continues":true}"#)
        #expect(try socket.receive() == #"{"parameters":{"number":2},"continues":true}"#)
        #expect(try socket.receive() == #"{"parameters":{"number":3}}"#)
    }

    @Test("continues is never set in the reply to a call without more")
    func noContinues() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Count","parameters":{"to":3}}"#)
        #expect(try socket.receive() == #"{"parameters":{"number":3}}"#)
    }

    @Test("an error ends a more call, without continues")
    func errorEndsMore() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Echo","parameters":{"text":"fail"},"more":true}"#)
        #expect(try socket.receive() == #"{"error":"org.example.test.Failed","parameters":{"reason":"fail"}}"#)
        try socket.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try socket.receive() == "{}")
    }

    @Test("a method that needs more is refused with ExpectedMore without it")
    func expectedMore() throws {
        #expect(
            try exchange(#"{"method":"org.example.test.Monitor"}"#) == #"{"error":"org.varlink.service.ExpectedMore"}"#)
    }

    @Test("an upgrade is refused with an error, and the connection stays Varlink")
    func upgrade() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Typed","upgrade":true}"#)
        #expect(
            try socket.receive()
                == #"{"error":"org.varlink.service.MethodNotImplemented","parameters":{"method":"org.example.test.Typed"}}"#
        )
        try socket.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try socket.receive() == "{}")
    }

    // MARK: Closing

    @Test(
        "a malformed message closes the connection, after the replies that were made",
        arguments: [
            "", "{", "[]", "1", "null", "{}", #"{"method":null}"#, #"{"method":1}"#, #"{"parameters":{}}"#,
            #"{"method":"org.example.test.Typed","parameters":[]}"#,
            #"{"method":"org.example.test.Typed","parameters":"x"}"#,
            #"{"method":"org.example.test.Typed","more":1}"#, #"{"method":"org.example.test.Typed","oneway":"true"}"#,
            #"{"method":"org.example.test.Typed","upgrade":{}}"#,
            #"{"method":"org.example.test.Typed","unknown":null}"#,
            #"{"method":"org.example.test.Typed","org.example":1}"#,
            #"{"method":"org.example.test.Typed","method":"org.example.test.Typed"}"#,
            #"{"method":"org.example.test.Typed","more":true,"oneway":true}"#,
            #"{"method":"org.example.test.Typed","more":true,"upgrade":true}"#,
            #"{"method":"org.example.test.Typed"}{}"#, #"{"method":"org.example.test.Typed\ud800"}"#,
            #"{"method":"org.example.test.Echo","parameters":{"text":"\u0000"}}"#,
            #"{"method":"org.example.test.Typed","parameters":{"ratio":1e999}}"#,
        ])
    func malformed(message: String) throws {
        let server = try TestServer()
        let socket = try server.connect()
        // At once: the server may close before a further one could be sent.
        let good = #"{"method":"org.example.test.Typed"}"#
        try socket.send([good, message, good].joined(separator: "\0"))
        #expect(try socket.receive() == "{}")
        #expect(try socket.receive() == nil)
        #expect(try server.counters.messagesMalformed == 1)
        try server.until { $0.closed.count == 1 }
    }

    @Test("invalid UTF-8 and deep nesting close the connection")
    func hostile() throws {
        let server = try TestServer()
        let prefix = #"{"method":"org.example.test.Typed","parameters":{"anything":"#
        for hostile in [[0x22, 0xFF, 0x22], [UInt8](repeating: UInt8(ascii: "["), count: 100_000)] {
            let socket = try server.connect()
            // The server may close before it has read all of it.
            try? socket.send(bytes: Array(prefix.utf8) + hostile + Array("}}".utf8) + [0])
            #expect(try socket.receive() == nil)
        }
        #expect(try server.counters.messagesMalformed == 2)
    }

    @Test("half-close is not a close: replies still go out, then the server closes")
    func halfClose() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Wait"}"#)
        try socket.send(#"{"method":"org.example.test.Wait"}"#)
        try socket.send(#"{"method":"org.example.test.Echo","parameters":{"text":"x"}}"#)
        socket.shutdownWriting()
        try server.until { $0.pending.count == 2 }
        #expect(try server.run { $0.closed.isEmpty })
        try server.run { $0.answer(1) }
        try server.run { $0.answer(2) }
        #expect(try socket.receive() == #"{"parameters":{"number":1}}"#)
        #expect(try socket.receive() == #"{"parameters":{"number":2}}"#)
        #expect(try socket.receive() == #"{"parameters":{"text":"x"}}"#)
        #expect(try socket.receive() == nil)
        try server.until { $0.closed.count == 1 }
    }

    @Test("a client that asks and half-closes at once, as printf | nc does, is answered")
    func shellClient() throws {
        let server = try TestServer()
        for _ in 0..<20 {
            let socket = try server.connect()
            try socket.send(#"{"method":"org.example.test.Typed"}"#)
            socket.shutdownWriting()
            #expect(try socket.receiveAll() == Array("{}\0".utf8))
        }
    }

    @Test("a half-close within a message ends the connection after the replies before it")
    func halfCloseWithinMessage() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(bytes: Array("{\"method\":\"org.example.test.Typed\"}\0{\"meth".utf8))
        socket.shutdownWriting()
        #expect(try socket.receiveAll() == Array("{}\0".utf8))
    }

    @Test("a client that closes with calls pending is noticed once, and its calls are gone")
    func closeWhilePending() throws {
        let server = try TestServer()
        var socket: TestSocket? = try server.connect()
        for _ in 0..<3 { try socket?.send(#"{"method":"org.example.test.Wait"}"#) }
        try server.until { $0.pending.count == 3 }
        // Replies to a connection that is gone are dropped.
        let calls = try server.run { interface in interface.pending.map(\.id) }
        #expect(calls.map(\.rawValue) == [0, 1, 2])
        socket = nil
        try server.until { $0.closed.count == 1 }
        #expect(try server.run { $0.pending.isEmpty })
        try server.until { try server.connectionCount == 0 }
        #expect(try server.run { $0.closed.count } == 1)
    }

    @Test("a client that dies while half-closed, or while its socket is not read, is noticed")
    func closeUnread() throws {
        let server = try TestServer()
        var halfClosed: TestSocket? = try server.connect()
        try halfClosed?.send(#"{"method":"org.example.test.Alone"}"#)
        halfClosed?.shutdownWriting()
        var blocked: TestSocket? = try server.connect()
        try blocked?.send(#"{"method":"org.example.test.Alone"}"#)
        for _ in 0..<10 { try blocked?.send(#"{"method":"org.example.test.Typed"}"#) }
        try server.until { $0.pending.count == 2 }
        halfClosed = nil
        blocked = nil
        try server.until { $0.closed.count == 2 }
        try server.until { try server.connectionCount == 0 }
    }

    @Test("a reply that connections share comes to each of them in the order of its own replies")
    func sharedReplies() throws {
        let server = try TestServer()
        let sockets = [try server.connect(), try server.connect()]
        for (index, socket) in sockets.enumerated() {
            try socket.send(#"{"method":"org.example.test.Monitor","more":true}"#)
            try server.until { $0.pending.count == index + 1 }
        }
        try server.run { service in
            let shared = SharedReply(continues: true, upTo: 12) { $0.append(#"{"number":1}"#) }
            for (index, call) in service.pending.enumerated() {
                if index == 1 { call.reply(continues: true) { $0.member("number", 0) } }
                for number in [2, 3] {
                    call.connection.reply(continues: true) { $0.reply(to: call.id, with: shared) }
                    call.reply(continues: number == 2) { $0.member("number", number) }
                }
            }
        }
        for (index, socket) in sockets.enumerated() {
            for number in (index == 1 ? [0] : []) + [1, 2, 1] {
                #expect(try socket.receive() == #"{"parameters":{"number":\#(number)},"continues":true}"#)
            }
            #expect(try socket.receive() == #"{"parameters":{"number":3}}"#)
        }
    }

    @Test("calls that come together and say the same reach the interface as one, and all are answered in order")
    func runs() throws {
        let server = try TestServer { $0.limits.maximumPipelinedCalls = 5 }
        let socket = try server.connect()
        func gather(_ bytes: Int, _ times: Int) -> String {
            String(
                repeating: #"{"method":"org.example.test.Gather","parameters":{"bytes":\#(bytes)}}"# + "\0",
                count: times)
        }
        let typed = #"{"method":"org.example.test.Typed"}"# + "\0"
        try socket.send(bytes: Array((gather(0, 7) + gather(1, 2) + typed + gather(1, 1)).utf8))
        for number in 0..<7 { #expect(try socket.receive() == #"{"parameters":{"number":\#(number),"text":""}}"#) }
        for number in 7..<9 { #expect(try socket.receive() == #"{"parameters":{"number":\#(number),"text":"x"}}"#) }
        #expect(try socket.receive() == "{}")
        #expect(try socket.receive() == #"{"parameters":{"number":10,"text":"x"}}"#)
        // No more than may pend together, and one that had to wait comes alone; another question is another call.
        #expect(try server.run { $0.gatherings } == [5, 1, 1, 2, 1])
    }

    @Test("calls that come as one are refused each for itself")
    func refusedRuns() throws {
        let server = try TestServer()
        let socket = try server.connect()
        let call = #"{"method":"org.example.test.Gather","parameters":{"bytes":""}}"# + "\0"
        try socket.send(bytes: Array(String(repeating: call, count: 3).utf8))
        for _ in 0..<3 {
            #expect(
                try socket.receive()
                    == #"{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"bytes"}}"#)
        }
        #expect(try server.counters.callsRefused == 3)
    }

    @Test("a shared reply to a later call waits for the replies to earlier ones")
    func sharedReplyToLaterCall() throws {
        let server = try TestServer()
        let socket = try server.connect()
        for _ in 0..<2 { try socket.send(#"{"method":"org.example.test.Wait"}"#) }
        try server.until { $0.pending.count == 2 }
        try server.run { service in
            let later = service.pending[1]
            let shared = SharedReply(upTo: 12) { $0.append(#"{"number":2}"#) }
            later.connection.reply(continues: false) { $0.reply(to: later.id, with: shared) }
            service.answer(1)
        }
        for number in [1, 2] { #expect(try socket.receive() == #"{"parameters":{"number":\#(number)}}"#) }
    }

    @Test("a shared reply to the first of the calls that pend together lets those out that were held behind it")
    func sharedReplyBeforeHeldOnes() throws {
        let server = try TestServer()
        let socket = try server.connect()
        for _ in 0..<3 { try socket.send(#"{"method":"org.example.test.Wait"}"#) }
        try server.until { $0.pending.count == 3 }
        try server.run { service in
            service.answer(2, at: 1)
            let first = service.pending[0]
            let shared = SharedReply(upTo: 12) { $0.append(#"{"number":1}"#) }
            first.connection.reply(continues: false) { $0.reply(to: first.id, with: shared) }
            service.answer(3, at: 1)
        }
        for number in [1, 2, 3] { #expect(try socket.receive() == #"{"parameters":{"number":\#(number)}}"#) }
    }
}
