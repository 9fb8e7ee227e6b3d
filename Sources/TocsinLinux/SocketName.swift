import Glibc

/// Where a Unix socket is bound. `unix(7)`.
package enum SocketName {
    /// nil for a socket without a file: unnamed, or in the abstract namespace.
    package static func path(of socket: Int32) throws(SystemError) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        try syscall("getsockname") {
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
            }
        }
        guard address.sun_family == sa_family_t(AF_UNIX) else { return nil }
        // Not always ended by NUL: a path may fill its room.
        let path = withUnsafeBytes(of: address.sun_path) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return path.isEmpty ? nil : path
    }
}
