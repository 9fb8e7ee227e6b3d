import Glibc
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Varlink

/// A server of `org.example.test` on a thread of its own, at a path of its own.
final class TestServer: Sendable {
    private struct State: Sendable {
        let server: NIOLoopBound<VarlinkServer>
        let interface: NIOLoopBound<TestInterface>
    }

    let path: String
    private let directory: String
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let state: State

    init(
        checkingReplies: Bool = true,
        _ configure: @escaping @Sendable (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        var template = Array("/tmp/varlink-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(code: errno) }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.directory = directory
        let path = "\(directory)/socket"
        self.path = path
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        self.group = group
        self.loop = loop
        state = try loop.flatSubmit { () -> EventLoopFuture<State> in
            do {
                var configuration = ServerConfiguration()
                if checkingReplies {
                    configuration.replyMismatch = { method, mismatch in
                        Issue.record("\(method) replied what it does not declare: \(mismatch)")
                    }
                }
                configure(&configuration)
                let interface = try TestInterface()
                let server = try VarlinkServer(
                    on: loop,
                    information: ServiceInformation(
                        vendor: "Example", product: "Test", version: "1", url: "https://example.org"),
                    interfaces: [interface], configuration: configuration)
                let state = State(
                    server: NIOLoopBound(server, eventLoop: loop), interface: NIOLoopBound(interface, eventLoop: loop))
                return try server.listen(at: path, mode: 0o600).map { state }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.wait()
    }

    deinit {
        let state = self.state
        try? loop.flatSubmit { state.server.value.shutdown(within: .milliseconds(100)) }.wait()
        try? group.syncShutdownGracefully()
        rmdir(directory)
    }

    func connect() throws -> TestSocket { try TestSocket(connectingTo: path) }

    /// Runs on the server's loop.
    func run<Value: Sendable>(_ body: @escaping @Sendable (TestInterface) throws -> Value) throws -> Value {
        let state = self.state
        return try loop.submit { try body(state.interface.value) }.wait()
    }

    var counters: ServerCounters {
        get throws {
            let state = self.state
            return try loop.submit { state.server.value.counters }.wait()
        }
    }

    var connectionCount: Int {
        get throws {
            let state = self.state
            return try loop.submit { state.server.value.connectionCount }.wait()
        }
    }

    func listen(on descriptor: CInt) throws {
        let state = self.state
        try loop.flatSubmit { state.server.value.listen(on: descriptor) }.wait()
    }

    func shutdown(within timeout: TimeAmount) -> EventLoopFuture<Void> {
        let state = self.state
        return loop.flatSubmit { state.server.value.shutdown(within: timeout) }
    }

    /// Waits until the condition holds on the server's loop.
    func until(_ condition: @escaping @Sendable (TestInterface) -> Bool) throws {
        try until { try run(condition) }
    }

    func until(_ condition: () throws -> Bool) throws {
        let deadline = NIODeadline.now() + .seconds(20)
        while try !condition() {
            guard NIODeadline.now() < deadline else { throw TimedOut() }
            usleep(2000)
        }
    }

    /// The same for tests whose own tasks need the thread meanwhile.
    func until(_ condition: @escaping @Sendable (TestInterface) -> Bool) async throws {
        let deadline = NIODeadline.now() + .seconds(60)
        let state = self.state
        while try await !loop.submit({ condition(state.interface.value) }).get() {
            guard NIODeadline.now() < deadline else { throw TimedOut() }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// Nothing came within the time that a test allows.
struct TimedOut: Error {}

struct SystemError: Error, CustomStringConvertible {
    let code: Int32
    var description: String { String(cString: strerror(code)) }
}
