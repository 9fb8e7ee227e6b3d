// Owns a listening descriptor from socket(2) until NIO takes it over, and knows which socket file is its own.

import Glibc

/// A listening Unix socket that was created at a path.
struct ListeningSocket: ~Copyable {
    let path: ListeningSocketPath
    private let descriptor: OwnedDescriptor

    /// Creates a socket, with its permissions in place before anybody can connect.
    ///
    /// Permissions are set between bind(2) and listen(2): a socket that does not listen refuses everybody, and the
    /// process's umask, which all threads share, need not be touched.
    init(path: String, mode: UInt32, group: UInt32?) throws(ListenError) {
        let address = try ListenError.address(path)
        let descriptor = try OwnedDescriptor(path)
        if !Self.bind(descriptor, address) {
            guard errno == EADDRINUSE else { throw ListenError(path: path, operation: "bind", code: errno) }
            try Self.removeStale(path, address)
            guard Self.bind(descriptor, address) else { throw ListenError(path: path, operation: "bind", code: errno) }
        }
        if let group, chown(path, uid_t.max, group) != 0 {
            throw ListenError(path: path, operation: "chown", code: errno)
        }
        guard chmod(path, mode) == 0 else { throw ListenError(path: path, operation: "chmod", code: errno) }
        guard Glibc.listen(descriptor.number, SOMAXCONN) == 0 else {
            throw ListenError(path: path, operation: "listen", code: errno)
        }
        self.path = try ListeningSocketPath(path)
        self.descriptor = descriptor
    }

    /// Hands the descriptor over to whoever closes it from now on.
    consuming func release() -> CInt { descriptor.release() }

    /// Removes a socket that nobody listens on: its process died without removing it.
    private static func removeStale(_ path: String, _ address: sockaddr_un) throws(ListenError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw ListenError(path: path, operation: "stat", code: errno) }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ListenError(path: path, operation: "bind", code: EADDRINUSE)
        }
        let probe = try OwnedDescriptor(path)
        // Neither blocks: a full backlog is EAGAIN, and hence somebody who listens.
        guard !connect(probe, address), errno == ECONNREFUSED else {
            throw ListenError(path: path, operation: "bind", code: EADDRINUSE)
        }
        guard Glibc.unlink(path) == 0 || errno == ENOENT else {
            throw ListenError(path: path, operation: "unlink", code: errno)
        }
    }

    private static func bind(_ descriptor: borrowing OwnedDescriptor, _ address: sockaddr_un) -> Bool {
        let number = descriptor.number
        return withSocketAddress(address) { Glibc.bind(number, $0, $1) } == 0
    }

    private static func connect(_ descriptor: borrowing OwnedDescriptor, _ address: sockaddr_un) -> Bool {
        let number = descriptor.number
        return withSocketAddress(address) { Glibc.connect(number, $0, $1) } == 0
    }

    private static func withSocketAddress(
        _ address: sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// A Unix socket that is closed once, by whoever holds it last.
private struct OwnedDescriptor: ~Copyable {
    let number: CInt

    init(_ path: String) throws(ListenError) {
        number = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard number >= 0 else { throw ListenError(path: path, operation: "socket", code: errno) }
    }

    deinit { Glibc.close(number) }

    consuming func release() -> CInt {
        let number = self.number
        discard self
        return number
    }
}

/// The file of a socket, by its path and its identity.
struct ListeningSocketPath: Sendable {
    let path: String
    private let device: UInt64
    private let inode: UInt64

    init(_ path: String) throws(ListenError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw ListenError(path: path, operation: "stat", code: errno) }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Removes the file unless another socket has taken its place.
    func unlink() {
        var status = stat()
        guard lstat(path, &status) == 0, UInt64(status.st_dev) == device, UInt64(status.st_ino) == inode else { return }
        Glibc.unlink(path)
    }
}

/// Why a server cannot listen at a path.
public struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    /// The system call that failed.
    public let operation: String
    /// `errno`; `EADDRINUSE` when somebody else listens there or the file is no socket.
    public let code: Int32

    public var description: String {
        let reason =
            switch code {
            case EADDRINUSE: "somebody else listens there, or the file is no socket"
            case ENAMETOOLONG: "the path of a socket has 1 to 107 bytes"
            default: "\(operation): \(String(cString: strerror(code)))"
            }
        return "cannot listen at \(path): \(reason)"
    }

    /// The address of a path; `sun_path` of `unix(7)` has 108 bytes, NUL included.
    fileprivate static func address(_ path: String) throws(ListenError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { sunPath in
            guard path.utf8.count < sunPath.count, !path.isEmpty else { return false }
            sunPath.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { throw ListenError(path: path, operation: "bind", code: ENAMETOOLONG) }
        return address
    }
}
