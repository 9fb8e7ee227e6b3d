import Glibc
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Varlink

/// How a server begins and ends.
@Suite struct ServerLifecycleTests {
    @Test("the socket has the mode that was asked for, and is removed at the end")
    func socketFile() throws {
        var server: TestServer? = try TestServer()
        let path = try #require(server?.path)
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFSOCK)
        #expect(status.st_mode & 0o777 == 0o600)
        server = nil
        #expect(lstat(path, &status) == -1)
    }

    @Test("a socket that a dead process left is replaced; one that is in use is not; a file is not")
    func staleSocket() throws {
        let server = try TestServer()
        let path = server.path + "2"
        defer { unlink(path) }
        // Created and closed without being removed, as a killed process leaves it.
        _ = try ListeningSocket(path: path, mode: 0o600, group: nil)
        let second = try ListeningSocket(path: path, mode: 0o600, group: nil)
        #expect(throws: ListenError(path: path, operation: "bind", code: EADDRINUSE)) {
            _ = try ListeningSocket(path: path, mode: 0o600, group: nil)
        }
        #expect(throws: ListenError(path: server.path, operation: "bind", code: EADDRINUSE)) {
            _ = try ListeningSocket(path: server.path, mode: 0o600, group: nil)
        }
        close(second.release())
        unlink(path)
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: ListenError(path: path, operation: "bind", code: EADDRINUSE)) {
            _ = try ListeningSocket(path: path, mode: 0o600, group: nil)
        }
    }

    @Test("a socket file that another server has put in its place is not removed")
    func replacedSocket() throws {
        let server = try TestServer()
        let path = server.path + "2"
        defer { unlink(path) }
        let first = try ListeningSocket(path: path, mode: 0o600, group: nil)
        let firstPath = first.path
        unlink(path)
        _ = try ListeningSocket(path: path, mode: 0o600, group: nil)
        firstPath.unlink()
        var status = stat()
        #expect(lstat(path, &status) == 0)
    }

    @Test("a path that does not fit a socket address is refused", arguments: [0, 108, 4000])
    func longPath(length: Int) {
        let path = String(repeating: "x", count: length)
        #expect(throws: ListenError(path: path, operation: "bind", code: ENAMETOOLONG)) {
            _ = try ListeningSocket(path: path, mode: 0o600, group: nil)
        }
    }

    @Test("a descriptor that listens already is adopted, and its path stays")
    func adopted() throws {
        let first = try TestServer()
        let path = first.path + "2"
        defer { unlink(path) }
        let descriptor = try ListeningSocket(path: path, mode: 0o600, group: nil).release()
        try first.listen(on: descriptor)
        let socket = try TestSocket(connectingTo: path)
        try socket.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try socket.receive() == "{}")
        try first.shutdown(within: .seconds(1)).wait()
        var status = stat()
        #expect(lstat(path, &status) == 0)
    }

    @Test("shutdown answers what pends, closes each connection with its last reply and takes no other")
    func shutdown() throws {
        let server = try TestServer()
        let pending = try server.connect()
        try pending.send(#"{"method":"org.example.test.Wait"}"#)
        try pending.send(#"{"method":"org.example.test.Wait"}"#)
        let idle = try server.connect()
        try server.until { $0.pending.count == 2 }
        try server.shutdown(within: .seconds(20)).wait()
        for _ in 0..<2 {
            #expect(
                try pending.receive() == #"{"error":"org.example.test.Failed","parameters":{"reason":"shutdown"}}"#)
        }
        #expect(try pending.receive() == nil)
        #expect(try idle.receive() == nil)
        #expect(throws: TestSocket.Failure.self) { try server.connect() }
        #expect(try server.run { $0.shutdowns } == 1)
        #expect(try server.run { $0.closed.count } == 2)
    }

    @Test("shutdown closes after its deadline what does not end by itself")
    func shutdownDeadline() throws {
        let server = try TestServer()
        // Its replies fill the socket, which nobody reads.
        let stuck = try server.connect()
        for _ in 0..<100 { try stuck.send(#"{"method":"org.example.test.Big","parameters":{"bytes":100000}}"#) }
        try server.until { $0.ran.count > 2 }
        try server.shutdown(within: .milliseconds(50)).wait()
        #expect(try server.connectionCount == 0)
        #expect(try server.run { $0.closed.count } == 1)
    }
}
