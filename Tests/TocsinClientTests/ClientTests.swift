import Glibc
import JSON
import TestSupport
import Testing
import TocsinEvents

@testable import TocsinClient

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    static let status: JSONObject = [
        "version": .string("0.1.0"), "instance": .string("00000000000000a5"), "bootId": .string("b"),
        "state": .string("running"),
        "sources": .array([
            .object([
                "name": .string("fanotify"), "state": .string("running"), "seen": .integer(9), "lost": .integer(1),
            ])
        ]),
        "lastSequence": .integer(9), "logBytes": .integer(1000), "logCapacity": .integer(2000), "seen": .integer(9),
        "delivered": .integer(8), "lostKernel": .integer(1), "lostDaemon": .integer(2), "lostJournal": .integer(3),
        "refused": .object(["connections": .integer(4)]), "sessionCount": .integer(1), "pendingReads": .integer(3),
        "rules": .integer(0),
        "sessions": .array([
            .object([
                "session": .string("s-1"), "pid": .integer(1), "uid": .integer(0), "pendingReads": .integer(3),
                "queued": .integer(0), "delivered": .integer(8), "lost": .integer(0),
            ])
        ]),
    ]

    @Test("status is what the daemon says, and keeps the reply for those who want more")
    func status() async throws {
        let daemon = try await ScriptedDaemon.start()
        async let status = TocsinClient(socketPath: daemon.socketPath).status()
        try await daemon.next("GetStatus").reply(Self.status)
        let result = try await status
        #expect(result.sources == [Status.Source(name: "fanotify", state: "running", seen: 9, lost: 1, note: nil)])
        #expect(result.oldestCursor == nil)
        #expect(result.refused == [Status.Refusal(limit: "connections", count: 4)])
        #expect(result.sessions?.first?.pendingReads == 3)
        #expect(result.lostJournal == 3)
        #expect(result.json == .object(Self.status))
        try await daemon.stop()
    }

    @Test("cancel names the session and tells how many reads it ended")
    func cancel() async throws {
        let daemon = try await ScriptedDaemon.start()
        async let count = TocsinClient(socketPath: daemon.socketPath).cancel("s-1")
        let call = try await daemon.next("Cancel")
        #expect(call.parameters == ["session": .string("s-1")])
        call.reply(["cancelled": .integer(3)])
        #expect(try await count == 3)
        try await daemon.stop()
    }

    @Test("no socket, and a socket that nobody listens on, are told apart")
    func unreachable() async throws {
        await #expect(throws: TocsinError.noSocket(path: "/nonexistent/socket")) {
            try await TocsinClient(socketPath: "/nonexistent/socket").status()
        }
        // A bound socket that does not listen refuses, as the one does that a killed daemon left.
        let path = "/tmp/tocsin-test-\(getpid())-deaf"
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0)
        await #expect(throws: TocsinError.notListening(path: path)) {
            try await TocsinClient(socketPath: path).open()
        }
    }

    @Test("a service without the interface is another version, not a lost connection")
    func otherService() async throws {
        let daemon = try await ScriptedDaemon.start(offersEvents: false)
        await #expect(throws: TocsinError.notImplemented(method: "io.tocsin.Events")) {
            try await TocsinClient(socketPath: daemon.socketPath).status()
        }
        try await daemon.stop()
    }

    @Test("every error that a person can do something about says what")
    func waysOut() {
        for error in [
            TocsinError.noSocket(path: "/s"), .notListening(path: "/s"), .permissionDenied(path: "/s"),
            .notImplemented(method: "m"), .malformedReply("x"),
        ] {
            #expect(error.wayOut != nil, "\(error)")
        }
    }

    @Test(
        "waits are whole milliseconds, rounded up",
        arguments: [
            (.zero, 0), (.nanoseconds(1), 1), (.milliseconds(20), 20), (.seconds(-1), 0), (.seconds(3), 3000),
        ] as [(Duration, Int64)])
    func milliseconds(_ duration: Duration, _ expected: Int64) async throws {
        let daemon = try await ScriptedDaemon.start()
        let client = TocsinClient(socketPath: daemon.socketPath)
        async let opened = client.open()
        try await daemon.open()
        let session = try await opened
        let completion = Task { try await session.read(timeout: duration) }
        let read = try await daemon.next("Read")
        #expect(read.parameters["timeoutMSec"] == .integer(expected))
        read.fail("TimedOut")
        await #expect(throws: TocsinError.timedOut) { try await completion.value }
        try await daemon.stop()
    }
}
