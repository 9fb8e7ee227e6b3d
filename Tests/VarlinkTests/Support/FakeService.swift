// A service that answers one connection with fixed bytes, right or wrong.

import Glibc

@testable import Varlink

final class FakeService {
    let path: String
    private let directory: String
    private let descriptor: CInt

    /// The bytes are sent once the client has said something, and nothing follows.
    convenience init(replying bytes: [UInt8]) throws { try self.init([bytes], thenEnding: false) }

    /// The end follows the last piece.
    convenience init(replyingInPieces pieces: [[UInt8]]) throws { try self.init(pieces, thenEnding: true) }

    private init(_ pieces: [[UInt8]], thenEnding: Bool) throws {
        var template = Array("/tmp/varlink-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(code: errno) }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        path = "\(directory)/socket"
        let descriptor = try ListeningSocket(path: path, mode: 0o600, group: nil).release()
        // The listening socket does not block; a thread waits for the client.
        _ = fcntl(descriptor, F_SETFL, 0)
        self.descriptor = descriptor
        startThread {
            let connection = accept(descriptor, nil, nil)
            guard connection >= 0 else { return }
            var byte: UInt8 = 0
            _ = recv(connection, &byte, 1, 0)
            for piece in pieces {
                _ = piece.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
                // The client may have what was sent before there is more.
                sched_yield()
            }
            // Not a close: calls that nobody took would reset the connection.
            if thenEnding { shutdown(connection, CInt(SHUT_WR)) }
            // Until the client closes.
            while recv(connection, &byte, 1, 0) > 0 {}
            close(connection)
        }
    }

    deinit {
        // Wakes an accept that nobody connected to.
        shutdown(descriptor, CInt(SHUT_RDWR))
        close(descriptor)
        unlink(path)
        rmdir(directory)
    }
}

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, context)
    pthread_detach(thread)
}
