// A client that knows nothing of the library: a blocking socket, closed when it is let go.

import Glibc

package final class TestSocket {
    private let descriptor: CInt
    private var received: [UInt8] = []

    package struct Failure: Error, CustomStringConvertible {
        package let code: Int32
        package var description: String { String(cString: strerror(code)) }
    }

    /// Nothing came within the time that a test allows.
    package struct Silent: Error {}

    package init(connectingTo path: String) throws {
        descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure(code: errno) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Sends a message with its NUL.
    package func send(_ message: String) throws { try send(bytes: Array(message.utf8) + [0]) }

    package func send(bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure(code: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// The next message without its NUL; nil at the end of the stream.
    package func receive() throws -> String? {
        while true {
            if let end = received.firstIndex(of: 0) {
                let message = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return message
            }
            guard try receiveMore() else { return nil }
        }
    }

    /// Waits for the first bytes of an answer, or the end of the stream.
    package func isAnsweredOrClosed() throws { _ = try receiveMore() }

    /// Everything until the end of the stream, with NULs.
    package func receiveAll() throws -> [UInt8] {
        while try receiveMore() {}
        return received
    }

    /// Half-close: nothing more is sent, replies are still read.
    package func shutdownWriting() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Nothing more is read: what the other side writes fails at once, and it can still read.
    package func shutdownReading() { shutdown(descriptor, CInt(SHUT_RD)) }

    /// Lets the socket hold so much that the other side has not read, also beyond the system's bound: takes root.
    package func forceSendBuffer(_ bytes: CInt) {
        var bytes = bytes
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, socklen_t(MemoryLayout<CInt>.size))
    }

    /// From now on a send to a full socket fails.
    package func doNotBlock() { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }

    private func receiveMore() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0 {
            // A server that closes with bytes unread resets the connection.
            if errno == ECONNRESET { return false }
            if errno == EAGAIN { throw Silent() }
            throw Failure(code: errno)
        }
        received += chunk[..<count]
        return count > 0
    }
}
