import Glibc
import NIOCore

/// Who connected, as the kernel noted it at `connect(2)`; see `SO_PEERCRED` in `unix(7)`.
///
/// The process may since have ended and its number been given to another.
public struct PeerCredentials: Hashable, Sendable {
    public let pid: Int32
    public let uid: UInt32
    public let gid: UInt32
    /// Supplementary groups (`SO_PEERGROUPS`, since Linux 4.13): what the process had, not what a database says.
    public let groups: [UInt32]

    public init(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32] = []) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.groups = groups
    }

    public func isMember(of group: UInt32) -> Bool { gid == group || groups.contains(group) }

    /// Reads the credentials of a channel's peer. Called on the channel's event loop.
    static func ofPeer(_ channel: any Channel) throws -> PeerCredentials {
        let peer = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            var credentials = KernelCredentials()
            var length = socklen_t(MemoryLayout<KernelCredentials>.size)
            guard getsockopt($0, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else {
                throw IOError(errnoCode: errno, reason: "SO_PEERCRED")
            }
            return PeerCredentials(
                pid: credentials.pid, uid: credentials.uid, gid: credentials.gid, groups: try groups(of: $0))
        }
        guard let peer else { throw ChannelError.operationUnsupported }
        return peer
    }

    private static func groups(of socket: NIOBSDSocket.Handle) throws -> [UInt32] {
        // Few have more. The kernel answers ERANGE with the bytes it needs, and the groups of a peer do not change.
        var capacity = 64
        while true {
            var length = socklen_t(capacity * MemoryLayout<UInt32>.size)
            var code: Int32 = 0
            let groups = [UInt32](unsafeUninitializedCapacity: capacity) { buffer, count in
                code = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, buffer.baseAddress, &length) == 0 ? 0 : errno
                count = code == 0 ? Int(length) / MemoryLayout<UInt32>.size : 0
            }
            guard code != 0 else { return groups }
            let needed = Int(length) / MemoryLayout<UInt32>.size
            guard code == ERANGE, needed > capacity else { throw IOError(errnoCode: code, reason: "SO_PEERGROUPS") }
            capacity = needed
        }
    }
}

/// `struct ucred` of `<sys/socket.h>`: three 32-bit numbers.
private struct KernelCredentials {
    var pid: Int32 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
}
