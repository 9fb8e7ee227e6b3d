import Glibc
import TestSupport
import Testing

@testable import Varlink

/// What a client can grow has a bound, a counter and a refusal.
@Suite struct ServerLimitsTests {
    @Test("a message longer than the limit closes the connection and is counted")
    func messageTooLong() throws {
        let server = try TestServer { $0.limits.maximumMessageBytes = 1000 }
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try socket.receive() == "{}")
        // Without an end: it is refused before it ends.
        try? socket.send(bytes: [UInt8](repeating: 0x20, count: 100_000))
        #expect(try socket.receive() == nil)
        #expect(try server.counters.messagesTooLong == 1)
    }

    @Test("beyond the pipelined calls the socket is not read, and the kernel pushes back")
    func pipelinedCalls() throws {
        let server = try TestServer { $0.limits.maximumPipelinedCalls = 3 }
        let socket = try server.connect()
        for _ in 0..<10 { try socket.send(#"{"method":"org.example.test.Wait"}"#) }
        try server.until { $0.pending.count == 3 }
        try server.until { try server.counters.pipelinesFull == 1 }
        for number in 0..<10 {
            #expect(try server.run { $0.pending.count } <= 3)
            try server.until { !$0.pending.isEmpty }
            try server.run { $0.answer(number) }
            #expect(try socket.receive() == #"{"parameters":{"number":\#(number)}}"#)
        }
        // A client that only sends fills its socket and nothing else.
        let flood = try server.connect()
        flood.doNotBlock()
        let call = Array(#"{"method":"org.example.test.Wait"}"#.utf8) + [0]
        var sent = 0
        while (try? flood.send(bytes: call)) != nil, sent < 1 << 26 { sent += call.count }
        #expect(sent < 1 << 24)
        try server.until { $0.pending.count == 3 }
    }

    @Test("connections beyond the limit are closed at once and counted, and leave room when they go")
    func connections() throws {
        let server = try TestServer { $0.limits.maximumConnections = 2 }
        let first = try server.connect()
        var second: TestSocket? = try server.connect()
        try server.until { try server.connectionCount == 2 }
        #expect(try server.connect().receive() == nil)
        #expect(try server.counters.connectionsOverLimit == 1)
        _ = second
        second = nil
        try server.until { try server.connectionCount == 1 }
        let third = try server.connect()
        for socket in [first, third] {
            try socket.send(#"{"method":"org.example.test.Typed"}"#)
            #expect(try socket.receive() == "{}")
        }
    }

    @Test("connections of one user beyond the limit are closed at once and counted")
    func connectionsOfUser() throws {
        let server = try TestServer { $0.limits.maximumConnectionsPerUser = 1 }
        let first = try server.connect()
        try first.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try first.receive() == "{}")
        #expect(try server.connect().receive() == nil)
        #expect(try server.counters.connectionsOverUserLimit == 1)
    }

    @Test("the access hook sees pid, uid, gid and groups as the kernel noted them, and whom it denies is closed")
    func access() throws {
        var groups = [UInt32](repeating: 0, count: 65536)
        groups.removeLast(groups.count - Int(getgroups(Int32(groups.count), &groups)))
        let own = PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid(), groups: groups)
        let admitting = try TestServer { $0.admits = { $0 == own } }
        let socket = try admitting.connect()
        try socket.send(#"{"method":"org.example.test.Alone"}"#)
        try admitting.until { $0.pending.count == 1 }
        #expect(try admitting.run { $0.pending[0].connection.peer } == own)
        let denying = try TestServer { $0.admits = { _ in false } }
        #expect(try denying.connect().receive() == nil)
        #expect(try denying.counters.connectionsDenied == 1)
    }

    @Test("a client that does not read its replies stops being served, and others are not delayed")
    func slowClient() throws {
        let server = try TestServer()
        let slow = try server.connect()
        let calls = 200
        let size = 100_000
        for _ in 0..<calls { try slow.send(#"{"method":"org.example.test.Big","parameters":{"bytes":\#(size)}}"#) }
        let other = try server.connect()
        for _ in 0..<100 {
            try other.send(#"{"method":"org.example.test.Typed"}"#)
            #expect(try other.receive() == "{}")
        }
        // The replies to all calls are not made before the client takes some.
        #expect(try server.run { $0.ran.count { $0 == "Big" } } < 50)
        for _ in 0..<calls { #expect(try #require(try slow.receive()).utf8.count > size) }
        #expect(try server.run { $0.ran.count { $0 == "Big" } } == calls)
    }

    @Test("calls that pend together are answered together, and while a client does not take that, none follows them")
    func slowClientOfTogether() throws {
        let server = try TestServer { $0.limits.maximumPipelinedCalls = 8 }
        let slow = try server.connect()
        let calls = 50
        let call = #"{"method":"org.example.test.Gather","parameters":{"bytes":60000}}"# + "\0"
        try slow.send(bytes: Array(String(repeating: call, count: calls).utf8))
        let other = try server.connect()
        for _ in 0..<100 {
            try other.send(#"{"method":"org.example.test.Typed"}"#)
            #expect(try other.receive() == "{}")
        }
        // More than its socket takes.
        #expect(try server.run { $0.gatherings } == [8])
        for number in 0..<calls {
            #expect(try #require(try slow.receive()).hasPrefix(#"{"parameters":{"number":\#(number),"#))
        }
    }

    @Test(
        "no call reaches an interface after the end of its connection, as when a write fails between calls"
    )
    func failedWrite() throws {
        let server = try TestServer()
        let big = #"{"method":"org.example.test.Big","parameters":{"bytes":8000}}"# + "\0"
        let wait = #"{"method":"org.example.test.Wait"}"# + "\0"
        var connections = 0
        // One of these numbers of replies is what is written at once.
        for count in Array(1...10) + Array(1...10) {
            let socket = try server.connect()
            socket.shutdownReading()
            let packet = String(repeating: big, count: count) + String(repeating: wait, count: 3)
            try socket.send(bytes: Array(packet.utf8))
            connections += 1
            try server.until { try server.run { $0.closed.count } == connections }
        }
        #expect(try server.run { $0.pending.count } == 0)
        #expect(try server.connectionCount == 0)
    }

    @Test(
        "what a client has sent before a half-close is served up to a bound, beyond which the connection is closed",
        .enabled(if: geteuid() == 0, "a socket that holds more than usual takes root"), arguments: [10, 100_000])
    func unasked(calls: Int) throws {
        let server = try TestServer()
        let socket = try server.connect()
        socket.forceSendBuffer(64 << 20)
        // Nothing behind it is dispatched, and so the socket is not read.
        try socket.send(#"{"method":"org.example.test.Alone"}"#)
        try server.until { $0.pending.count == 1 }
        let call = Array(#"{"method":"org.example.test.Typed"}"#.utf8) + [0]
        try socket.send(bytes: Array(repeatElement(call, count: calls).joined()))
        socket.shutdownWriting()
        guard calls == 10 else {
            #expect(try socket.receive() == nil)
            return try server.until { try server.connectionCount == 0 }
        }
        try server.run { $0.answer(1) }
        #expect(try socket.receive() == #"{"parameters":{"number":1}}"#)
        for _ in 0..<calls { #expect(try socket.receive() == "{}") }
        #expect(try socket.receive() == nil)
    }

    @Test("a stream learns when a slow client takes replies again")
    func writability() throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.Monitor","more":true}"#)
        try server.until { $0.pending.count == 1 }
        let made = try server.run { interface in
            let call = interface.pending[0]
            var number = 0
            while call.connection.isWritable {
                number += 1
                call.reply(continues: true) { $0.member("number", number) }
            }
            return number
        }
        // More than the socket takes, so that the client has to read first.
        try server.until { interface in
            let call = interface.pending[0]
            guard call.connection.isWritable else { return interface.writable > 0 }
            for _ in 0..<10_000 { call.reply(continues: true) { $0.member("number", 0) } }
            return false
        }
        for number in 1...made {
            #expect(try socket.receive() == #"{"parameters":{"number":\#(number)},"continues":true}"#)
        }
    }

    @Test("a process that is out of descriptors pauses accepting and goes on")
    func descriptorsExhausted() throws {
        // A process of its own: the limit holds for all of it.
        let directory = try TestServer()
        let path = directory.path + "2"
        let server = try PipedProcess(certification: ["--varlink=unix:\(path)"], maximumDescriptors: 24)
        defer { unlink(path) }
        #expect(try server.readLine() == "Listening")
        var sockets = try (0..<40).map { _ in try TestSocket(connectingTo: path) }
        let call = #"{"method":"org.varlink.service.GetInfo"}"#
        try sockets[0].send(call)
        #expect(try sockets[0].receive() != nil)
        try sockets[39].send(call)
        sockets.removeFirst(39)
        // Accepted when others have left.
        #expect(try sockets[0].receive() != nil)
    }
}
